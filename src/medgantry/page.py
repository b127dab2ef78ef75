"""HTML pages that need nothing else: one style, tables, pictures inside."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2733}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #d5dde5;text-align:left}
td{vertical-align:top}h1,h2{font-weight:600}code{font-size:.85em;word-break:break-all}img{max-width:100%}
figure{display:inline-block;margin:.4rem;vertical-align:top;font-size:.8rem;max-width:13rem}"""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page of parts that are HTML already."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><body><h1>{escape(title)}</h1>{''.join(body)}</body></html>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def png(data: str, alt: str) -> str:
    """A picture inside of the page; the data are base64."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def png_file(path: Path) -> str:
    """A PNG file inside of the page."""
    return png(base64.b64encode(path.read_bytes()).decode(), path.stem)
