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
import sys, json, time
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
took = {"light": sorted({"feast", "dask", "pandas"} & set(sys.modules))}
def measure(name, work):
    began = time.monotonic()
    work()
    took[name] = time.monotonic() - began
from medgantry.features.store.feast_library import load_feast
measure("import", load_feast)
measure("publish", lambda: publish_step(folder / "table", view="radiomics", project="test", online=""))
places = folder / "outcomes", folder / "joined", folder / "report.html"
measure("join", lambda: join_step(*places, views="radiomics", project="test"))
took["modules"] = sorted({"torch", "mlflow", "monai"} & set(sys.modules))
took["reached"] = sorted(reached)
(folder / "took.json").write_text(json.dumps(took))
"""


@pytest.fixture
def took(store: ObjectStore, tmp_path: Path) -> dict[str, object]:
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
    return dict(json.loads((tmp_path / "took.json").read_text()))


def test_the_steps_are_quick_and_ask_nobody_else(took: dict[str, object]) -> None:
    assert took["light"] == []  # Feast is imported when a step needs it
    assert took["modules"] == []
    assert took["reached"] == ["127.0.0.1"]  # no telemetry
    assert float(str(took["publish"])) < 15
    assert float(str(took["join"])) < 15
