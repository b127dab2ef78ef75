"""Both steps in a process of their own, as a runner starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medgantry.features.column import Column
from medgantry.features.table import FeatureTable
from medgantry.storage import ObjectStore
from tests.medgantry.features.store.tables import outcomes, table

SUBJECTS, COLUMNS = 150, 300
STEPS = """
import sys, json
reached = set()
def hook(event, arguments):
    if event == "socket.connect":
        reached.add(str(arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1]))
    if event == "socket.getaddrinfo":
        reached.add(str(arguments[0]))
sys.addaudithook(hook)
from pathlib import Path
from medgantry.features.store.step import join_step, publish_step
folder = Path(sys.argv[1])
seen = {"light": sorted({"feast", "dask", "pandas"} & set(sys.modules))}
from medgantry.features.store.feast_library import load_feast
load_feast()
publish_step(folder / "table", view="radiomics", project="test", online="")
places = folder / "outcomes", folder / "joined", folder / "report.html"
join_step(*places, views="radiomics", project="test")
seen["modules"] = sorted({"torch", "mlflow", "monai"} & set(sys.modules))
seen["reached"] = sorted(reached)
(folder / "seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture
def seen(store: ObjectStore, tmp_path: Path) -> dict[str, object]:
    columns = [
        Column(name=f"feature_{number}", role="baseline", kind="number", modality="radiomics")
        for number in range(COLUMNS)
    ]
    subjects = {
        f"s{subject}": {
            when: {c.name: subject + when + n / 7 for n, c in enumerate(columns)} for when in (0, 50)
        }
        for subject in range(SUBJECTS)
    }
    table(columns, subjects).save(tmp_path / "table")
    outcomes(dict.fromkeys(subjects, 10)).save(tmp_path / "outcomes")
    subprocess.run([sys.executable, "-c", STEPS, str(tmp_path)], check=True, timeout=300)
    joined = FeatureTable.open(tmp_path / "joined")
    assert (joined.rows[0]["subject_id"], joined.rows[0]["radiomics__feature_7"]) == ("s0", 1.0)
    return dict(json.loads((tmp_path / "seen.json").read_text()))


def test_the_steps_import_what_they_need_and_ask_nobody_else(seen: dict[str, object]) -> None:
    assert seen["light"] == []  # Feast is imported when a step needs it
    assert seen["modules"] == []
    assert seen["reached"] == ["127.0.0.1"]  # no telemetry
