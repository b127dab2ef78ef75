"""The page at a server's root, where a person tries the model; it needs nothing but the server."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import fastapi
from fastapi import Response

from medgantry.bundles import Bundle
from medgantry.page import page, table

_CARD = ("name", "version", "description", "intended_use", "authors", "eval_metrics", "data_source")
"""Of a bundle's metadata."""
# Nothing may be fetched from elsewhere, whatever a file's content makes of the page.
_POLICY = "default-src 'none'; connect-src 'self'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'self'"


def add_page(app: fastapi.FastAPI, name: str, metadata: dict[str, Any]) -> None:
    """Show the page at the root of an application.

    Args:
        app: The server's.
        name: The model's name.
        metadata: Of its bundle; what is missing is not shown.
    """
    card = [[key.replace("_", " "), _said(metadata[key])] for key in _CARD if metadata.get(key)]
    body = [
        '<p class="note">For research. Files go to this server and nowhere else.</p>',
        table([], card),
        f'<form id="form" data-model="{name}"><div id="inputs"></div><button>Ask the model</button></form>',
        '<p id="status" role="status"></p><div id="answer"></div><script src="/page.js"></script>',
    ]
    html, script = page(name, body), files(__name__).joinpath("page.js").read_text()

    def root() -> Response:
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    def code() -> Response:
        return Response(script, media_type="text/javascript")

    # Before KServe's own route, which only says that it is alive.
    app.router.routes.insert(0, fastapi.routing.APIRoute("/", root, methods=["GET"]))
    app.router.routes.insert(0, fastapi.routing.APIRoute("/page.js", code, methods=["GET"]))


def read_card(folder: Path) -> dict[str, Any]:
    """The metadata of the bundle in a folder; of a survival model, that it is one."""
    if (folder / "configs/metadata.json").is_file():
        return Bundle(folder).metadata
    return {"description": "A survival model: features in, risk out."}


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {item:.3g}" if isinstance(item, float) else f"{key} {item}" for key, item in value.items()
        )
    return str(value)
