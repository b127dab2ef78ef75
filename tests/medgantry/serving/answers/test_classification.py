"""What the endpoint makes of photos, over KServe's own reading of requests, and what it refuses."""

import asyncio
import base64
import io
import json
import resource
import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import torch
from fastapi import FastAPI
from kserve.protocol.rest.server import RESTServer
from monai.networks.nets import DenseNet
from PIL import Image

from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.bundle import WEIGHTS
from medgantry.errors import InvalidInput, ObjectMissing
from medgantry.inference import Classifier
from medgantry.ingest.photos.cohort import ingest, plan_photos
from medgantry.ingest.photos.config import PhotoConfig
from medgantry.phantoms.skin_lesions import CLASSES, write_photos
from medgantry.serving import protocol_v1
from medgantry.serving.admission import Admission
from medgantry.serving.answers.classification import ClassificationAnswers
from medgantry.serving.bundle_server import BundleServer
from medgantry.serving.exchange import Asked, Given, wanted_outputs
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from medgantry.serving.refusals import TooLarge
from medgantry.serving.server import guard, make_server
from medgantry.storage.files import Source, fetch

SMALL = {"init_features": 8, "growth_rate": 4, "block_config": [1, 1]}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Our bundle with a small network of random weights: up and down are not the same to it."""
    network = {"_target_": "DenseNet", "spatial_dims": 2, "in_channels": 3, "out_channels": 7, **SMALL}
    override = {"network_def": network, "image_size": [32, 32], "temperature": 0.25}
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    open_bundle("medgantry:skin_lesion_classification", json.dumps(override), folder)
    torch.manual_seed(0)
    (folder / WEIGHTS).parent.mkdir()
    torch.save(
        DenseNet(spatial_dims=2, in_channels=3, out_channels=7, **SMALL).state_dict(), folder / WEIGHTS
    )
    return Bundle(folder)


LIMITS = Limits(request_mib=64)


class Classifying(ClassificationAnswers):
    """Answers to one photo at a time."""

    def __init__(self, bundle):
        # The store's address is known when a test asks for it.
        super().__init__(bundle, Receiver(LIMITS, References(sources=["s3://medgantry"], targets=[])))

    def classify(self, value):
        asked = Asked(inputs=[Given(name="image", values=[value])])
        with TemporaryDirectory() as scratch:
            found = self.answer(asked, wanted_outputs(asked, self), Path(scratch)).outputs
        return SimpleNamespace(
            answer=found["class"][0], classes=found["classes"], probabilities=found["probabilities"].tolist()
        )


@pytest.fixture(scope="module")
def answers(bundle):
    return Classifying(bundle)


class Client:
    """Requests to an application, without a port."""

    def __init__(self, app):
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def ask(self, method, path, **content):
        async def asked():
            async with httpx.AsyncClient(transport=self._transport, base_url="http://here") as client:
                return await client.request(method, path, **content)

        return asyncio.run(asked())


@pytest.fixture(scope="module")
def client(bundle):
    """The server's own HTTP side."""
    admission, references = Admission(LIMITS), References(sources=["s3://medgantry"], targets=[])
    server = make_server(0, 0, LIMITS)
    server.register_model(BundleServer("lesions", bundle.folder, LIMITS, references, admission))
    rest = RESTServer("", server.dataplane, server.model_repository_extension, 0)
    app = FastAPI()
    rest._register_endpoints(app)
    rest._add_exception_handlers(app)
    guard(app, LIMITS, admission)
    return Client(app)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six JPEGs with metadata, some to be turned by their EXIF; not to be changed."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, images=6, size=(24, 32))
    return folder


def file_of(image, kind="JPEG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def drawn():
    """A picture without symmetry."""
    rows, columns = np.mgrid[0:24, 0:32]
    return Image.fromarray(np.stack([8 * columns, 10 * rows, 4 * (rows + columns)], axis=2).astype(np.uint8))


def as_json(*data):
    return {"inputs": [{"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": list(data)}]}


def outputs(response):
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"] for output in response.json()["outputs"]}


def post(client, *data):
    return client.ask("POST", "/v2/models/lesions/infer", json=as_json(*data))


def post_binary(client, *items, size=None):
    """Items as the protocol's binary data extension has them: length, content."""
    body = b"".join(struct.pack("<I", len(item)) + item for item in items)
    parameters = {"binary_data_size": len(body) if size is None else size}
    tensor = {"name": "image", "shape": [len(items)], "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {
        "Inference-Header-Content-Length": str(len(head)),
        "Content-Type": "application/octet-stream",
    }
    return client.ask("POST", "/v2/models/lesions/infer", content=head + body, headers=headers)


def test_one_photo_answers_the_same_however_it_comes(client, photos, store):
    for path in sorted(photos.rglob("*.jpg")):
        data = path.read_bytes()
        store.put_bytes(f"inbox/{path.name}", data)
        uri, text = store.uri(f"inbox/{path.name}"), base64.b64encode(data)
        found = [post(client, text.decode()), post(client, uri)]
        found += [post_binary(client, item) for item in (data, text, uri.encode())]
        first = outputs(found[0])
        assert all(outputs(response) == first for response in found[1:])
        assert first["classes"] == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
        assert sum(first["probabilities"]) == pytest.approx(1)
        assert first["class"] == [first["classes"][int(np.argmax(first["probabilities"]))]]


def test_the_answer_is_the_classifiers_on_what_ingest_stores(answers, bundle, photos, store, tmp_path):
    source = Source(str(photos), tmp_path)
    config = PhotoConfig(classes=CLASSES)
    cohort = ingest(source, plan_photos(source, config), config, store)
    classifier = Classifier(bundle)
    found = []
    for file in cohort.files:
        (path,) = photos.rglob(f"{file.case_id}.jpg")
        answer = answers.classify(path.read_bytes())
        wanted = classifier.predict_case({"image": fetch(file.uri, file.sha256, tmp_path, file.format)})
        assert (answer.answer, answer.probabilities) == (wanted.answer, wanted.probabilities)
        found.append(answer.probabilities)
    assert len(found) == 6
    assert len({tuple(one) for one in found}) == 6
    assert np.allclose(
        found[-1], torch.softmax(torch.tensor(wanted.logits, dtype=torch.float64) / 0.25, 0), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_image_turned_by_its_exif_is_the_upright_one(answers, kind):
    exif = Image.Exif()
    exif[0x0112] = 3
    # Blocks of one colour: JPEG codes them the same way around.
    upright = drawn().resize((4, 3), Image.Resampling.BOX).resize((32, 24), Image.Resampling.NEAREST)
    turned = upright.transpose(Image.Transpose.ROTATE_180)
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    right = answers.classify(file_of(upright, kind, **options)).probabilities
    found = answers.classify(file_of(turned, kind, exif=exif, **options)).probabilities
    wrong = answers.classify(file_of(turned, kind, **options)).probabilities
    assert found == pytest.approx(right, abs=1e-4)
    assert wrong != pytest.approx(right, abs=1e-3)


def test_protocol_v1_takes_several_photos(client, answers, photos):
    paths = sorted(photos.rglob("*.jpg"))[:3]
    texts = [base64.b64encode(path.read_bytes()).decode() for path in paths]
    response = client.ask(
        "POST", "/v1/models/lesions:predict", json={"instances": [{"b64": text} for text in texts]}
    )
    assert response.status_code == 200, response.text
    for found, path in zip(response.json()["predictions"], paths, strict=True):
        wanted = answers.classify(path.read_bytes())
        assert found["class"] == wanted.answer
        assert found["probabilities"] == dict(zip(wanted.classes, wanted.probabilities, strict=True))


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"instances": {"b64": "x"}},
        {"instances": ["x"]},
        {"instances": [{"image": ["x"]}]},
        {"instances": []},
    ],
)
def test_another_v1_request_is_told_the_form(answers, request_):
    with pytest.raises(InvalidInput, match='"instances"'):
        protocol_v1.read_requests(request_, answers)


def test_the_model_says_what_it_takes_and_gives(client):
    metadata = client.ask("GET", "/v2/models/lesions").json()
    assert [(one["name"], one["datatype"]) for one in metadata["inputs"]] == [("image", "BYTES")]
    assert [one["name"] for one in metadata["outputs"]] == ["class", "classes", "probabilities"]
    assert metadata["outputs"][1]["shape"] == [7]


def refused():
    jpeg = file_of(drawn())
    return {
        "truncated JPEG": (jpeg[: len(jpeg) // 2], "JPEG decodes to its last pixel"),
        "truncated PNG": (file_of(drawn(), "PNG")[:-20], "PNG decodes to its last pixel"),
        "PNG's start and no more": (b"\x89PNG\r\n\x1a\n", "PNG"),
        "GIF": (file_of(drawn(), "GIF"), "JPEG or a PNG was wanted; the file begins with 474946"),
        "TIFF": (file_of(drawn(), "TIFF"), "JPEG or a PNG was wanted; the file begins with 4949"),
        "text": ("a photo of my arm", "found other text"),
        "text that is base64 but for its spaces": ("a photo of arms", "found other text"),
        "text as bytes": (b"a photo of my arm", "found other text"),
        "text beyond ASCII": ("Muttermal, groß", "found other text"),
        "bytes that are no photo": (b"\x00\xff" * 20, "JPEG or a PNG was wanted"),
        "base64 of something else": (base64.b64encode(b"no photo").decode(), "JPEG or a PNG was wanted"),
        "base64 without its end": (base64.b64encode(jpeg).decode()[:-3], "found other text"),
        "empty": ("", "begins with nothing"),
        "empty bytes": (b"", "begins with nothing"),
        "path": ("/etc/hostname", "found other text"),
        "path that is base64 too": ("/etc/ssh/sshd", "found other text"),
        "file URI": ("file:///etc/hostname", "may not be read"),
        "another host": ("s3+http://169.254.169.254/bucket/key", "may not be read"),
        "web address": ("https://example.com/a.jpg", "may not be read"),
        "number": (12, "BYTES, found a int"),
        "nested": (["aGk="], "BYTES, found a list"),
        "one colour": (file_of(Image.new("RGB", (24, 32), (200, 150, 120)), "PNG"), "all one colour"),
    }


@pytest.mark.parametrize("name", refused())
def test_what_is_no_photo_is_refused_in_words(answers, name):
    value, words = refused()[name]
    with pytest.raises(InvalidInput, match=words):
        answers.classify(value)


def test_a_refusal_reaches_the_client_as_400_in_words(client):
    for response in (
        post(client, "file:///etc/hostname"),
        post_binary(client, file_of(drawn(), "GIF")),
        client.ask("POST", "/v1/models/lesions:predict", json={"instances": [{"b64": "?"}]}),
        client.ask("POST", "/v1/models/lesions:predict", json={"inputs": []}),
    ):
        assert response.status_code == 400, response.text
        assert any(words in response.text for words in ("wanted", "Wanted", "may not be"))


def test_two_photos_are_refused_in_one_request(client):
    text = base64.b64encode(file_of(drawn())).decode()
    response = post(client, text, text)
    assert (response.status_code, "found 2" in response.text) == (400, True)
    two = as_json(text)
    two["inputs"] += [{**two["inputs"][0], "name": "other"}]
    response = client.ask("POST", "/v2/models/lesions/infer", json=two)
    assert (response.status_code, "found 2" in response.text) == (400, True)


def test_binary_data_that_are_not_as_their_header_says_are_refused(client):
    assert post_binary(client, file_of(drawn()), size=10).status_code == 400
    assert post_binary(client, file_of(drawn()), size="many").status_code == 400


def test_an_object_that_is_not_there_is_named(client, answers, store):
    uri = store.uri("inbox/none.jpg")
    with pytest.raises(ObjectMissing, match=r"none\.jpg"):
        answers.classify(uri)
    assert post(client, uri).status_code == 400


def test_too_large_a_photo_is_refused_however_it_comes(answers, store):
    data = b"\xff\xd8\xff" + bytes(2**26 - 2)
    store.put_bytes("inbox/large.jpg", data)
    for value in (data, store.uri("inbox/large.jpg")):
        with pytest.raises(TooLarge, match=r"of 67108865 bytes .* at most 67108864 are taken"):
            answers.classify(value)


def claiming(width, height):
    """A sound PNG of a few kB whose header promises so many pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes((3 * width + 1) * min(height, 20)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_a_small_file_that_promises_too_much_costs_no_memory(answers, side):
    data = claiming(side, side)
    assert len(data) < 10_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidInput, match="fits into memory"):
        answers.classify(data)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 50 * 1024
