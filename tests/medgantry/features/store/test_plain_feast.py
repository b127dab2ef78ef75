"""What docs/feature-store.md shows, with Feast alone."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from medgantry.features.column import Column
from medgantry.features.store.feast_library import load_feast
from medgantry.features.store.publish import publish
from medgantry.storage import ObjectStore
from pipelines.runners.stack import Stack
from tests.medgantry.features.store.tables import START, day, table

PAGE = Path(__file__).parents[4] / "docs" / "feature-store.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_page_s_own_example_runs(
    store: ObjectStore, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The registry is read by boto3; `s3://` files are read by our own reader where a user has s3fs."""
    load_feast()
    volume = Column(
        name="original_shape_MeshVolume", role="baseline", kind="number", unit="mm3", modality="radiomics"
    )
    early, late = (START.replace(year=1994) - START).days, (START.replace(year=1995) - START).days
    course = {
        "R01-001": {early: {volume.name: 4.0}, late: {volume.name: 9.0}},
        "R01-002": {early: {volume.name: 5.0}},
    }
    publish(store, "nsclc", "radiomics", table([volume], course))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{stack.environment['MEDGANTRY_S3_ENDPOINT']}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.chdir(tmp_path)
    Path("feature_store.yaml").write_text(block("yaml"))
    Path("example.py").write_text(block("python"))
    found = runpy.run_path("example.py")["found"].set_index("subject_id")[volume.name].to_dict()
    assert found == {"R01-001": 4.0, "R01-002": 5.0}
    assert "'unit': 'mm3'" in capsys.readouterr().out
    assert day(early).year == 1994
