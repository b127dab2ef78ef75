"""The model server: `python -m medgantry.serving.server --name N (--prefix serving/N/1 | --folder DIR)`.

Open Inference Protocol v2; what a request holds depends on the bundle's task (`volume_answers`, `photo_answers`). A
response's `model_version` is the hash of the served copy.
"""

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kserve.model_server
from kserve import InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput as BadRequest
from kserve.protocol.rest.server import RESTServer

from medgantry.bundles import Bundle
from medgantry.errors import InvalidInput, MedgantryError
from medgantry.processes import die_with_parent
from medgantry.serving.data_plane import BinaryDataPlane
from medgantry.serving.photo_answers import PhotoAnswers
from medgantry.serving.volume_answers import VolumeAnswers
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.storage.folders import copied_hash


class BundleServer(Model):  # type: ignore[misc]
    """A bundle behind KServe."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._release = copied_hash(folder)
        bundle = Bundle(folder)
        self._answers = PhotoAnswers(bundle) if bundle.task == "classification" else VolumeAnswers(bundle)
        self._busy = asyncio.Lock()
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """What a request holds."""
        return self._answers.inputs()

    def get_output_types(self) -> list[dict[str, Any]]:
        """What an answer holds."""
        return self._answers.outputs()

    async def predict(
        self, payload: InferRequest | dict[str, Any], headers: Any = None, response_headers: Any = None
    ) -> InferResponse | dict[str, Any]:
        """Predict; requests wait for each other, as each takes the whole machine."""
        async with self._busy:
            try:
                return await asyncio.to_thread(self._answer, payload)
            except MedgantryError as error:
                raise BadRequest(str(error)) from error

    def _answer(self, request: InferRequest | dict[str, Any]) -> InferResponse | dict[str, Any]:
        if isinstance(request, dict):
            if isinstance(self._answers, PhotoAnswers):
                return self._answers.answer_v1(request)
            raise InvalidInput("Volumes are asked for by the Open Inference Protocol v2.")
        return InferResponse(
            response_id=request.id or "",
            model_name=self.name,
            model_version=self._release,
            infer_outputs=self._answers.answer(request),
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=request.request_outputs,
        )


def make_server(port: int) -> ModelServer:
    """KServe's server, taking photos as binary data too."""
    server = ModelServer(http_port=port, workers=1, enable_grpc=False)
    server.dataplane = BinaryDataPlane(model_registry=server.registered_models)
    return server


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
        make_server(arguments.port).start([model])


if __name__ == "__main__":
    main()
