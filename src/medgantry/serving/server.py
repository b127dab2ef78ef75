"""The model server: `python -m medgantry.serving.server --name N (--prefix serving/N/1 | --folder DIR)`.

Open Inference Protocol v2. One input per channel, named as the channel, datatype BYTES, holding the URI of its
file; a 4-D file's channel is chosen by the parameter `channel_index`. The output `label_map` comes inline, or,
with the request parameter `output_uri`, is written there as NIfTI. A response's `model_version` is the hash of
the served copy.
"""

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kserve.model_server
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput as BadRequest
from kserve.protocol.rest.server import RESTServer

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.cohort import File
from medgantry.errors import InvalidInput, MedgantryError
from medgantry.fingerprint import hash_file
from medgantry.inference import Prediction, Predictor
from medgantry.processes import die_with_parent
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.storage.files import locate
from medgantry.storage.folders import copied_hash


class BundleServer(Model):  # type: ignore[misc]
    """A bundle behind KServe."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._release = copied_hash(folder)
        self._predictor = Predictor(Bundle(folder))
        self._busy = asyncio.Lock()
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """One URI per channel."""
        channels = self._predictor.bundle.input_channels
        return [{"name": name, "datatype": "BYTES", "shape": [1]} for name in channels]

    def get_output_types(self) -> list[dict[str, Any]]:
        """A label map, or nothing but its URI."""
        return [{"name": "label_map", "datatype": "UINT8", "shape": [-1, -1, -1]}]

    async def predict(
        self, payload: InferRequest, headers: Any = None, response_headers: Any = None
    ) -> InferResponse:
        """Predict one case; cases wait for each other, as each takes the whole machine."""
        async with self._busy:
            try:
                return await asyncio.to_thread(self._answer, payload)
            except MedgantryError as error:
                raise BadRequest(str(error)) from error

    def _answer(self, request: InferRequest) -> InferResponse:
        output_uri = (request.parameters or {}).get("output_uri", "")
        with TemporaryDirectory(prefix="medgantry-request-") as name:
            scratch = Path(name)
            files = [_request_file(tensor, scratch) for tensor in request.inputs]
            item = bring_case(files, self._predictor.bundle.input_channels, scratch)
            prediction = self._predictor.predict_case(item)
            if output_uri:
                _write(prediction, str(output_uri), scratch)
        shape = list(prediction.labels.shape)
        if output_uri:
            output = InferOutput(name="label_map_uri", shape=[1], datatype="BYTES", data=[str(output_uri)])
        else:
            output = InferOutput(name="label_map", shape=shape, datatype="UINT8")
            output.set_data_from_numpy(prediction.labels, binary_data=bool(request.use_binary_outputs))
        return InferResponse(
            response_id=request.id or "",
            model_name=self.name,
            model_version=self._release,
            infer_outputs=[output],
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=request.request_outputs,
        )


def _request_file(tensor: Any, scratch: Path) -> File:
    """A request's input as a cohort's row; the file is fetched to know its hash."""
    value = tensor.data[0]
    uri = value.decode() if isinstance(value, bytes) else str(value)
    place = locate(uri)
    if isinstance(place, Path):
        raise InvalidInput(f"{uri} is a path of this server's; an s3:// URI was wanted.")
    suffix = "nii.gz" if uri.endswith(".gz") else "nii"
    fetching = scratch / f"{abs(hash(uri))}.{suffix}"
    if not fetching.exists():
        place[0].download(place[1], fetching)
    sha256 = hash_file(fetching)
    target = scratch / f"{sha256}.{suffix}"
    if not target.exists():
        target.hardlink_to(fetching)
    return File(
        case_id="request",
        role="image",
        channel=tensor.name,
        channel_index=int((tensor.parameters or {}).get("channel_index", -1)),
        uri=uri,
        format=suffix,
        sha256=sha256,
        shape=(),
        spacing_mm=(),
        orientation="",
    )


def _write(prediction: Prediction, uri: str, scratch: Path) -> None:
    place = locate(uri)
    if isinstance(place, Path):
        raise InvalidInput(f"output_uri must be an s3:// URI, got {uri}.")
    path = scratch / "label_map.nii.gz"
    prediction.save(path)
    place[0].put_file(place[1], path)


def _listen_on(host: str) -> None:
    """KServe's server listens everywhere and takes no other address; on a laptop it must be loopback."""

    class Server(RESTServer):  # type: ignore[misc]
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            self.config.host = host

    kserve.model_server.RESTServer = Server


def main() -> None:
    """Fetch the served copy and answer until told to stop."""
    parser = argparse.ArgumentParser(description="Serve a bundle.")
    parser.add_argument("--name", required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--prefix", help="key of the served copy in the store")
    where.add_argument("--folder", type=Path, help="the served copy on this machine, as KServe brings it")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")
    parser.add_argument("--tethered", action="store_true", help="end with the parent process")
    arguments, _ = parser.parse_known_args()
    if arguments.tethered:
        die_with_parent()
    with TemporaryDirectory(prefix="medgantry-serving-") as folder:
        bundle_folder = arguments.folder or Path(folder) / "bundle"
        if arguments.prefix:
            fetch_folder(ObjectStore.from_environment(), arguments.prefix, bundle_folder)
        model = BundleServer(arguments.name, bundle_folder)
        _listen_on(arguments.host)
        ModelServer(http_port=arguments.port, workers=1, enable_grpc=False).start([model])


if __name__ == "__main__":
    main()
