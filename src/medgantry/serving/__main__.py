"""The model server: `python -m medgantry.serving --name N (--prefix serving/N/1 | --folder DIR)`.

It speaks the Open Inference Protocol v2 over REST and gRPC, and v1's `:predict`; `answers/` says what a request holds and
what comes back. A response's `model_version` is the hash of the served copy.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import fastapi

from medgantry.processes import die_with_parent
from medgantry.serving.admission import Admission
from medgantry.serving.bundle_server import BundleServer
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from medgantry.serving.page import add_page, read_card
from medgantry.serving.server import make_server, replace_listeners
from medgantry.storage import ObjectStore, fetch_folder


def main() -> None:
    """Fetch the served copy and answer until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m medgantry.serving", description="Serve a model.")
    parser.add_argument("--name", required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--prefix", help="key of the served copy in the store")
    where.add_argument("--folder", type=Path, help="the served copy on this machine, as KServe brings it")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--grpc-port", type=int, default=8081, help="0 for none")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")
    parser.add_argument("--tethered", action="store_true", help="end with the parent process")
    parser.add_argument("--page", action="store_true", help="show a page to try the model at /")
    arguments, _ = parser.parse_known_args()
    if arguments.tethered:
        die_with_parent()
    limits, references = Limits.from_environment(), References.from_environment()
    admission = Admission(limits)
    with TemporaryDirectory(prefix="medgantry-serving-") as folder:
        model_folder = arguments.folder or Path(folder) / "model"
        if arguments.prefix:
            fetch_folder(ObjectStore.from_environment(), arguments.prefix, model_folder)
        store = ObjectStore.from_environment() if os.environ.get("MEDGANTRY_STORE") else None
        model = BundleServer(arguments.name, model_folder, limits, references, admission, store)

        def decorate(app: fastapi.FastAPI) -> None:
            if arguments.page:
                add_page(app, arguments.name, read_card(model_folder))

        replace_listeners(arguments.host, limits, admission, decorate)
        server = make_server(arguments.port, arguments.grpc_port, limits)
        try:
            server.start([model])
        finally:
            model.close()


if __name__ == "__main__":
    main()
