import json
from pathlib import Path
from typing import Any

import pytest

from medgantry.errors import InvalidInput
from medgantry.steps import read_records
from medgantry.storage import ObjectStore
from medgantry.survival.model import SurvivalModel
from medgantry.survival.step import train_survival_step
from tests.medgantry.survival.cohorts import table

QUICK: dict[str, Any] = {
    "folds": 2, "repeats": 1, "inner_folds": 2, "kept": [1], "known_until": "surgery", "origin": "the day of surgery"
}  # fmt: skip


def test_a_training_is_recorded_and_reused(store: ObjectStore, tmp_path: Path) -> None:
    table(60).save(tmp_path / "features")
    told = []
    for name in ("first", "second"):
        train_survival_step(
            tmp_path / "features", tmp_path / name, columns="", settings=json.dumps(QUICK), seed=3
        )
        told.append(read_records(store, "test")[-1])
    assert [record["reused"] for record in told] == [False, True]
    assert told[0]["facts"] == told[1]["facts"]
    facts = told[0]["facts"]
    assert facts["origin"] == "the day of surgery"
    assert facts["subjects"] == 60
    assert facts["concordance"]["pooled"]["optimism"] is not None
    assert told[0]["verdicts"] == {"ok": 60, "repaired": 0, "rejected": 0}
    model = SurvivalModel.open(tmp_path / "second")
    assert model.provenance["seed"] == 3
    first, second = ((tmp_path / name / "model.json").read_bytes() for name in ("first", "second"))
    assert first == second


def test_what_cannot_be_learnt_from_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    table(60).save(tmp_path / "features")

    def learn(columns: str = "", seed: int = 0) -> None:
        train_survival_step(
            tmp_path / "features", tmp_path / "out", columns=columns, settings=json.dumps(QUICK), seed=seed
        )

    with pytest.raises(InvalidInput, match="'clinical__chemotherapy' has role 'post-baseline'"):
        learn("clinical__chemotherapy")
    with pytest.raises(InvalidInput, match="seed must be 0 or more, found -1"):
        learn(seed=-1)
    assert read_records(store, "test")[-1]["error"]["class"] == "InvalidInput"
