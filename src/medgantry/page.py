"""HTML pages that need nothing else: one style for screen and paper, tables, pictures inside."""

import base64
from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path

_STYLE = """:root{color-scheme:light;print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font:15px/1.5 system-ui,"Liberation Sans",sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b2733;background:#fff}
h1,h2,h3{font-weight:600;line-height:1.25;break-after:avoid;overflow-wrap:anywhere}h1{margin-bottom:.3rem}
h2{margin-top:2.2rem;border-bottom:2px solid #d5dde5}h3{margin:1.4rem 0 .4rem}h1+.note{margin-top:0}
p,li{overflow-wrap:anywhere}.note,small{color:#566573;font-size:.85rem}.note{break-before:avoid;break-inside:avoid}
.lead{font-size:1.1rem;line-height:1.6;border-left:4px solid #3b7ea1;padding:.2rem 0 .2rem 2.2rem;break-inside:avoid}
.lead li{margin:.2rem 0}code{font-size:.85em;overflow-wrap:anywhere}
table{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}
td,th{padding:.25rem .9rem .25rem .2rem;border-bottom:1px solid #d5dde5;text-align:left;vertical-align:top;
overflow-wrap:break-word}th{vertical-align:bottom;font-size:.9rem}thead th{border-bottom:1.5px solid #8a97a3}
tbody th{padding-top:.8rem}.long{overflow-wrap:anywhere;min-width:8rem}
tr,thead,.whole{break-inside:avoid}thead{break-after:avoid}h2+p{break-after:avoid}
.n{text-align:right;padding:.25rem .6rem}td.n{white-space:nowrap}td.n small{display:block;line-height:1.2}
.scroll{overflow-x:auto}.tight{font-size:.85rem}.tight td,.tight th{padding-left:.35rem;padding-right:.35rem}
.matrix td.n{padding:0}.matrix td.n div{padding:.25rem .6rem}.matrix th{max-width:6rem;overflow-wrap:anywhere}
img,svg{max-width:100%;height:auto}svg.bar{width:9rem;height:.9rem;vertical-align:middle}
figure{display:inline-block;margin:.4rem;vertical-align:top;font-size:.8rem;max-width:13rem;break-inside:avoid}
figure.wide{display:block;max-width:100%;margin:.8rem 0}figcaption{overflow-wrap:anywhere}
.cases{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:.4rem 1.2rem}
@page{size:A4;margin:16mm 16mm 18mm;@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif}}
@media print{html{font-size:10pt}body{font-size:10pt;margin:0;max-width:none;padding:0}.scroll{overflow:visible}
.cases{grid-template-columns:1fr 1fr}.cases figure.wide{margin:.3rem 0}}"""

_WHOLE = 16
"""Rows that paper keeps on one page."""
_LONG_WORD = 30
"""Letters beyond which a word of a cell may break anywhere."""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page of parts that are HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'  # or a browser asks the server for one
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{''.join(body)}</body></html>"
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    raw: bool = False,
    right: Collection[int] = (),
    kind: str = "",
) -> str:
    """A table of texts.

    Args:
        head: Titles; empty for none.
        rows: Cells.
        raw: Whether the cells are HTML already.
        right: Columns of numbers, from 0.
        kind: Class of the table: `tight` for many columns, `matrix` for shaded cells.
    """
    return grouped_table(head, {"": rows}, raw=raw, right=right, kind=kind)


def grouped_table(
    head: Sequence[str],
    groups: Mapping[str, Sequence[Sequence[str]]],
    *,
    raw: bool = False,
    right: Collection[int] = (),
    kind: str = "",
) -> str:
    """A table whose rows come in groups, each below its title; the arguments are those of `table`."""
    number = dict.fromkeys(right, ' class="n"')
    top = "".join(f'<th scope="col"{number.get(i, "")}>{escape(cell)}</th>' for i, cell in enumerate(head))
    parts = [f"<thead><tr>{top}</tr></thead>"] if head else []
    for title, rows in groups.items():
        lines = [
            "".join(
                f"<td{number.get(i) or _breaking(cell)}>{cell if raw else escape(cell)}</td>"
                for i, cell in enumerate(row)
            )
            for row in rows
        ]
        if title:
            lines.insert(0, f'<th scope="rowgroup" colspan="{len(head)}">{escape(title)}</th>')
        whole = ' class="whole"' if len(lines) <= _WHOLE else ""
        parts.append(f"<tbody{whole}>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</tbody>")
    chosen = f' class="{kind}"' if kind else ""
    return f'<div class="scroll"><table{chosen}>{"".join(parts)}</table></div>'


def _breaking(cell: str) -> str:
    # Everywhere would make narrow columns narrower than their words.
    return ' class="long"' if max(map(len, cell.split()), default=0) > _LONG_WORD else ""


def items(texts: Sequence[str]) -> str:
    """A list of texts."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def png(data: str, alt: str) -> str:
    """A picture inside of the page; the data are base64."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def figure(path: Path, caption: str, alt: str) -> str:
    """A PNG file inside of the page, with a caption that is HTML already, and a text for who can't see it."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<figure class="wide">{png(data, alt)}<figcaption>{caption}</figcaption></figure>'


def svg(drawing: str, alt: str) -> str:
    """A drawing inside of the page: sharp on paper."""
    return f'<figure class="wide" role="img" aria-label="{escape(alt)}">{drawing}</figure>'
