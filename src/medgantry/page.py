"""HTML pages that need nothing else: one style for screen and paper, tables, pictures inside."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2733}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #d5dde5;text-align:left}
td{vertical-align:top;font-variant-numeric:tabular-nums}h1,h2,h3{font-weight:600;break-after:avoid}
h2{margin-top:2.2rem;border-bottom:2px solid #d5dde5}code{font-size:.85em;word-break:break-all}img,svg{max-width:100%}
figure{display:inline-block;margin:.4rem;vertical-align:top;font-size:.8rem;max-width:13rem;break-inside:avoid}
figure.wide{max-width:28rem}.note{color:#566573;font-size:.85rem}.lead{font-size:1.2rem}tr{break-inside:avoid}
@page{size:A4;margin:16mm}@media print{body{font-size:10pt;margin:0;max-width:none;padding:0}}"""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page of parts that are HTML already."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><body><h1>{escape(title)}</h1>{''.join(body)}</body></html>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, raw: bool = False) -> str:
    """A table of texts.

    Args:
        head: Titles; empty for none.
        rows: Cells.
        raw: Whether the cells are HTML already.
    """
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell if raw else escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if head else ''}{body}</table>"


def items(texts: Sequence[str]) -> str:
    """A list of texts."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def png(data: str, alt: str) -> str:
    """A picture inside of the page; the data are base64."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def figure(path: Path, caption: str) -> str:
    """A PNG file inside of the page, with a caption that is HTML already; its text for readers is its name."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<figure class="wide">{png(data, path.stem)}<figcaption>{caption}</figcaption></figure>'


def svg(drawing: str, alt: str) -> str:
    """A drawing inside of the page: sharp on paper."""
    return f'<figure class="wide" role="img" aria-label="{escape(alt)}">{drawing}</figure>'
