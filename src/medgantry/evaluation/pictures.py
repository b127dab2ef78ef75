"""Which cases a reader should see: where the model was worst, and some where it was right."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.evaluation.judge import Judge
from medgantry.evaluation.measures import Rows
from medgantry.fingerprint import hash_value

_WORST, _BEST = 6, 2
_LONGEST = 100


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A judged case, drawn."""

    case_id: str
    kind: str
    """`worst` or `best`."""
    caption: str
    path: Path


def draw_pictures(judge: Judge, rows: Rows, answers: Path, folder: Path) -> list[Picture]:
    """Draw the worst cases, worst first, and the best; files are named as their cases, as far as a file may be."""
    folder.mkdir(parents=True, exist_ok=True)
    of: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        of[str(row["case_id"])].append(row)
    ordered = sorted(of, key=lambda case_id: (judge.measures.case_score(of[case_id]), case_id))
    chosen = [(case_id, "worst") for case_id in ordered[:_WORST]]
    chosen += [(case_id, "best") for case_id in reversed(ordered[_WORST:][-_BEST:])]
    pictures = []
    for case_id, kind in chosen:
        path = folder / f"{_file_name(case_id)}.png"
        with TemporaryDirectory(prefix="medgantry-picture-") as scratch:
            caption = judge.draw(case_id, of[case_id], answers, Path(scratch), path)
        pictures.append(Picture(case_id=case_id, kind=kind, caption=caption, path=path))
    return pictures


def _file_name(case_id: str) -> str:
    plain = re.sub(r"[^\w.-]", "_", case_id)[:_LONGEST]
    return plain if plain == case_id else f"{plain}-{hash_value(case_id)[:8]}"
