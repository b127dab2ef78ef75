"""One real server: every client gets the same answers, and what the protocol says of metadata and errors holds."""

import asyncio
import base64
import gzip
import io
import json
import signal
import struct
import subprocess
import threading
import time

import grpc
import nibabel
import numpy as np
import pytest
import urllib3
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from kserve.protocol.infer_type import RequestedOutput

from medgantry.inference import Segmenter
from medgantry.storage import ObjectStore
from tests.medgantry.brightness import CHANNELS, make_bundle, write_case
from tests.medgantry.serving.served import NAME, outputs, served

SMALL = {"MEDGANTRY_SERVING_REQUEST_MIB": "4", "MEDGANTRY_SERVING_UNPACKED_MIB": "32"}


@pytest.fixture(scope="module")
def place(stack):
    """Store and environment for a module's server."""
    environment = {**stack.environment, "MEDGANTRY_STORE": "s3://medgantry/protocols", **SMALL}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield ObjectStore.from_environment()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    made = make_bundle(tmp_path_factory.mktemp("bundle") / "bundle", looks_at=(3.0, 2.0, 1.0))
    metadata = made.metadata
    metadata["name"] = "Brightness"
    (made.folder / "configs/metadata.json").write_text(json.dumps(metadata))
    return made


@pytest.fixture(scope="module")
def server(bundle, place):
    with served(bundle.folder, place) as running:
        yield running


@pytest.fixture(scope="module")
def case(bundle, tmp_path_factory):
    """Files of a case, and what inference makes of them."""
    images, _ = write_case(tmp_path_factory.mktemp("case"), 1)
    found = Segmenter(bundle).predict_case({"image": images})
    assert 20 < (found.labels > 0).sum() < 600
    return images, found.labels


def by_reference(images, place):
    for path in images:
        place.put_file(f"inbox/{path.name}", path)
    return [place.uri(f"inbox/{path.name}") for path in images]


def text_inputs(items):
    return [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [item]}
        for name, item in zip(CHANNELS, items, strict=True)
    ]


def test_a_file_a_text_a_reference_and_a_tensor_are_one_case(server, case, place):
    images, wanted = case
    files = [path.read_bytes() for path in images]
    texts = [base64.b64encode(data).decode() for data in files]
    found = []
    for items in (texts, by_reference(images, place)):
        answer = outputs(server.ask({"inputs": text_inputs(items)}))
        found.append(np.asarray(answer["label_map"], np.uint8).reshape(wanted.shape))
        assert answer["regions"] == ["ball"]
        assert answer["volume_ml"] == [pytest.approx((wanted > 0).sum() * 1.5 * 1.5 * 2.0 / 1000)]
    volumes = [nibabel.load(path) for path in images]
    for binary in (True, False):
        inputs = []
        for name, volume in zip(CHANNELS, volumes, strict=True):
            voxels = np.asarray(volume.dataobj, np.float32)
            affine = json.dumps(volume.affine.reshape(-1).tolist())
            tensor = InferInput(name, list(voxels.shape), "FP32", parameters={"affine": affine})
            tensor.set_data_from_numpy(voxels, binary_data=binary)
            inputs.append(tensor)
        request = InferRequest(NAME, inputs, parameters={"binary_data_output": binary})
        body, length = request.to_rest()
        headers = {"Content-Type": "application/octet-stream" if binary else "application/json"}
        if binary:
            headers["Inference-Header-Content-Length"] = str(length)
        response = urllib3.request(
            "POST",
            f"{server.url}/v2/models/{NAME}/infer",
            body=body if binary else json.dumps(body).encode(),
            headers=headers,
        )
        assert response.status == 200, response.data[:1000]
        found.append(label_map_of(response, wanted.shape))
    for labels in found:
        np.testing.assert_array_equal(labels, wanted)


def label_map_of(response, shape):
    length = response.headers.get("inference-header-content-length")
    if length is None:
        return np.asarray(outputs(response)["label_map"], np.uint8).reshape(shape)
    head = json.loads(response.data[: int(length)])
    assert head["outputs"][0]["name"] == "label_map"
    size = head["outputs"][0]["parameters"]["binary_data_size"]
    raw = response.data[int(length) : int(length) + size]
    return np.frombuffer(raw, np.uint8).reshape(shape)


def test_kserves_client_curl_and_grpc_get_the_same_answers(server, case, place, tmp_path):
    images, wanted = case
    uris = by_reference(images, place)
    curl = tmp_path / "request.json"
    curl.write_text(json.dumps({"inputs": text_inputs(uris)}))
    command = ["curl", "-sS", f"{server.url}/v2/models/{NAME}/infer", "-H", "Content-Type: application/json"]
    done = subprocess.run([*command, "-d", f"@{curl}"], capture_output=True, check=True)
    by_curl = {output["name"]: output["data"] for output in json.loads(done.stdout)["outputs"]}

    async def by_clients():
        tensors = [InferInput(name, [1], "BYTES", [uri]) for name, uri in zip(CHANNELS, uris, strict=True)]
        rest = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
        first = await rest.infer(server.url, InferRequest(NAME, tensors), model_name=NAME)
        await rest.close()
        async with InferenceGRPCClient(f"127.0.0.1:{server.grpc_port}", timeout=60) as client:
            second = await client.infer(InferRequest(NAME, tensors))
        return first, second

    for found in (*asyncio.run(by_clients()),):
        for output in found.outputs:
            given = by_curl[output.name]
            data = [
                item.decode() if isinstance(item, bytes) else item for item in output.as_numpy().reshape(-1)
            ]
            assert data == pytest.approx(given) if output.datatype != "BYTES" else data == given
    np.testing.assert_array_equal(np.reshape(by_curl["label_map"], wanted.shape), wanted)


def test_files_come_inline_and_by_prefix(server, case, place, tmp_path):
    images, wanted = case
    request = {
        "inputs": text_inputs(by_reference(images, place)),
        "outputs": [{"name": "label_map_nifti"}, {"name": "region_masks_nifti"}],
    }
    inline = outputs(server.ask(request))
    prefix = place.uri("answers/p1")
    written = outputs(server.ask({**request, "parameters": {"output_prefix": prefix}}))
    assert written["label_map_nifti"] == [f"{prefix}/label_map.nii.gz"]
    place.download("answers/p1/label_map.nii.gz", tmp_path / "written.nii.gz")
    (tmp_path / "inline.nii.gz").write_bytes(base64.b64decode(inline["label_map_nifti"][0]))
    (tmp_path / "mask.nii.gz").write_bytes(base64.b64decode(inline["region_masks_nifti"][0]))
    source = nibabel.load(images[0])
    for name in ("written", "inline"):
        image = nibabel.load(tmp_path / f"{name}.nii.gz")
        np.testing.assert_array_equal(np.asanyarray(image.dataobj), wanted)
        np.testing.assert_array_equal(image.affine, source.affine)
    np.testing.assert_array_equal(np.asanyarray(nibabel.load(tmp_path / "mask.nii.gz").dataobj), wanted > 0)


def test_a_file_comes_raw_over_grpc_and_as_binary_data(server, case, place):
    images, wanted = case
    tensors = [
        pb.ModelInferRequest.InferInputTensor(
            name=name, datatype="BYTES", shape=[1], contents=pb.InferTensorContents(bytes_contents=[data])
        )
        for name, data in zip(CHANNELS, [path.read_bytes() for path in images], strict=True)
    ]
    asked = [pb.ModelInferRequest.InferRequestedOutputTensor(name="label_map_nifti")]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        found = GRPCInferenceServiceStub(channel).ModelInfer(
            pb.ModelInferRequest(model_name=NAME, inputs=tensors, outputs=asked)
        )
    (raw,) = found.raw_output_contents
    assert struct.unpack("<I", raw[:4])[0] == len(raw) - 4
    labels = nibabel.Nifti1Image.from_bytes(gzip.decompress(raw[4:]))
    np.testing.assert_array_equal(np.asanyarray(labels.dataobj), wanted)
    tensors = [
        InferInput(name, [1], "BYTES", [uri])
        for name, uri in zip(CHANNELS, by_reference(images, place), strict=True)
    ]
    request = InferRequest(
        NAME, tensors, request_outputs=[RequestedOutput("label_map_nifti", {"binary_data": True})]
    )
    body, _ = request.to_rest()
    response = server.ask(body)
    length = int(response.headers["inference-header-content-length"])
    assert response.data[length + 4 :] == raw[4:]


def test_protocol_v1(server, case):
    images, wanted = case
    instance = {
        name: {"b64": base64.b64encode(path.read_bytes()).decode()}
        for name, path in zip(CHANNELS, images, strict=True)
    }
    response = urllib3.request(
        "POST", f"{server.url}/v1/models/{NAME}:predict", json={"instances": [instance, instance]}
    )
    found = response.json()["predictions"]
    assert len(found) == 2
    np.testing.assert_array_equal(found[1]["label_map"], wanted)


def test_metadata_are_true_and_health_is_told(server, case, place):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        assert stub.ServerLive(pb.ServerLiveRequest()).live
        assert stub.ServerReady(pb.ServerReadyRequest()).ready
        assert stub.ModelReady(pb.ModelReadyRequest(name=NAME)).ready
        by_grpc = stub.ModelMetadata(pb.ModelMetadataRequest(name=NAME))
    metadata = urllib3.request("GET", f"{server.url}/v2/models/{NAME}").json()
    assert [one["name"] for one in metadata["inputs"]] == list(CHANNELS)
    assert [one.name for one in by_grpc.inputs] == list(CHANNELS)
    response = server.ask({"inputs": text_inputs(by_reference(case[0], place))})
    declared = {one["name"]: one for one in metadata["outputs"]}
    for output in response.json()["outputs"]:
        said = declared[output["name"]]
        assert output["datatype"] == said["datatype"]
        assert len(output["shape"]) == len(said["shape"])
        assert all(size in (-1, found) for size, found in zip(said["shape"], output["shape"], strict=True))
    for path in ("/v2/health/live", "/v2/health/ready", f"/v2/models/{NAME}/ready", "/v2", "/metrics"):
        assert urllib3.request("GET", server.url + path).status == 200


def test_metrics_tell_outcomes(server, case, place):
    server.ask({"inputs": text_inputs(by_reference(case[0], place))})
    server.ask({"inputs": []})
    text = urllib3.request("GET", f"{server.url}/metrics").data.decode()
    assert f'medgantry_requests_total{{model="{NAME}",protocol="v2",status="200"}}' in text
    assert f'medgantry_requests_total{{model="{NAME}",protocol="v2",status="400"}}' in text
    assert "medgantry_queued_requests 0.0" in text


def bomb(size):
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb") as packed:
        for _ in range(size >> 20):
            packed.write(bytes(1 << 20))
    return stream.getvalue()


def claiming_nifti():
    """A file of 1 KiB whose header says 10 GB."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((2048, 2048, 1250))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(1024)


def volume_file(affine=None):
    """A sound file, or one whose header has that affine."""
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    if affine is not None:
        image.header.set_sform(affine, code=1)
        return image.header.binaryblock + bytes(4 + 128)
    return image.to_bytes()


BAD = {
    "gzip bomb": (lambda: bomb(256 << 20), 413),
    "claim of 10 GB": (claiming_nifti, 413),
    "cut off": (lambda: volume_file()[:-10], 400),
    "gzip cut off": (lambda: gzip.compress(volume_file())[:-9], 400),
    "no affine": (lambda: volume_file(np.diag([0.0, 1, 1, 1])), 400),
    "text": ("a volume", 400),
    "file": ("file:///etc/hostname", 400),
    "path": ("/etc/hostname", 400),
    "metadata service": ("http://169.254.169.254/latest/meta-data", 400),
    "another host": ("s3+http://127.0.0.1:1/bucket/key", 400),
    "another bucket": ("s3://other/key", 400),
    "another PACS": ("dicomweb+http://127.0.0.1:1/dicom-web/studies/1.2", 400),
    "up and out": ("s3://medgantry/protocols/../secret", 400),
    "another prefix that begins alike": ("s3://medgantry/protocols-of-others/x", 400),
    "none there": ("s3://medgantry/protocols/none", 400),
    "number": (3, 400),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_or_malicious_is_a_clear_4xx_and_costs_no_memory(server, name):
    item, status = BAD[name]
    before = server.memory_mib
    data = base64.b64encode(item()).decode() if callable(item) else item
    response = server.ask({"inputs": text_inputs([data] * 3)})
    assert (response.status, bool(response.json()["error"])) == (status, True), response.data
    assert "Traceback" not in response.data.decode()
    assert server.memory_mib - before < 60


def test_malformed_requests_are_4xx(server):
    url = f"{server.url}/v2/models/{NAME}/infer"
    for body in (b"", b"{", b"[]", b'{"inputs": 3}', b'{"inputs": [{"name": "A"}]}', b"\xff\xfe"):
        response = urllib3.request("POST", url, body=body, headers={"Content-Type": "application/json"})
        assert 400 <= response.status < 500, (body, response.data)
    headers = {"Inference-Header-Content-Length": "5", "Content-Type": "application/octet-stream"}
    assert urllib3.request("POST", url, body=b"12345678", headers=headers).status == 400
    assert server.ask({"inputs": text_inputs(["x"] * 3), "outputs": [{"name": "nothing"}]}).status == 400
    assert urllib3.request("GET", f"{server.url}/v2/models/other/ready").status == 404
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(pb.ModelInferRequest(model_name=NAME))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as missing:
            stub.ModelInfer(pb.ModelInferRequest(model_name="other"))
        assert missing.value.code() == grpc.StatusCode.NOT_FOUND


def test_nothing_is_written_where_requests_may_not_write(server, case, place):
    inputs = text_inputs(by_reference(case[0], place))
    for prefix in ("serving/model/1", "answers/../serving", "answersx"):
        request = {"inputs": inputs, "parameters": {"output_prefix": place.uri(prefix)}}
        assert server.ask(request | {"outputs": [{"name": "label_map_nifti"}]}).status == 400


def test_a_body_above_the_limit_is_refused_before_it_is_read(server):
    before = server.memory_mib
    response = urllib3.request(
        "POST", f"{server.url}/v2/models/{NAME}/infer", body=bytes(5 << 20), retries=False, timeout=30
    )
    assert response.status == 413
    assert server.memory_mib - before < 40


def test_when_told_to_stop_it_answers_what_it_took(bundle, place, case):
    with served(bundle.folder, place) as running:
        found = []
        request = {"inputs": text_inputs([base64.b64encode(p.read_bytes()).decode() for p in case[0]])}
        asking = threading.Thread(target=lambda: found.append(running.ask(request)))
        asking.start()
        time.sleep(0.05)
        running.process.send_signal(signal.SIGTERM)
        asking.join(60)
        assert running.process.wait(60) == 0
    assert found[0].status == 200 or b"refused" in found[0].data
