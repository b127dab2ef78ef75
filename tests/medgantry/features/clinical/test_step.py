import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.ingest_clinical import ingest_clinical
from medgantry.errors import InvalidInput, TooManyRejected
from medgantry.features.table import FeatureTable
from medgantry.storage import ObjectStore
from tests.medgantry.features.clinical.example import ROLES, ROW, csv_text


class Metrics(dict[str, float]):
    log_metric = dict.__setitem__


def run(folder: Path, source: str, roles: str, **options: object) -> Metrics:
    outputs = {name: SimpleNamespace(path=str(folder / name)) for name in ("features", "outcomes", "report")}
    metrics = Metrics()
    ingest_clinical.python_func(**outputs, metrics=metrics, source=source, roles=roles, **options)
    return metrics


def test_two_tables_and_a_report_come_out(store: ObjectStore, tmp_path: Path) -> None:
    rows = [ROW | {"ID": f"p{i}", "Age": str(50 + i)} for i in range(12)]
    rows.append(ROW | {"ID": "p12", "Status": "<b>?</b>"})
    text = csv_text(rows).replace("Stage ", "Stage")
    store.put_bytes("clinical.csv", text.encode())
    store.put_bytes("roles.yaml", ROLES.encode())
    metrics = run(tmp_path, store.uri("clinical.csv"), store.uri("roles.yaml"), deidentify="none")
    features, outcomes = (FeatureTable.open(tmp_path / name) for name in ("features", "outcomes"))
    assert (len(features.subjects), len(outcomes.subjects)) == (13, 12)
    assert (metrics["subjects"], metrics["events"], metrics["rejected"]) == (12, 12, 1)
    for table in (features, outcomes):
        assert {entry.item for entry in table.entries} == {*features.subjects, "column 'Stage '"}
    page = (tmp_path / "report").read_text()
    assert "&lt;b&gt;?&lt;/b&gt;" in page
    assert "<b>" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    for title in ("Columns", "Target leakage", "Whom the table holds"):
        assert f"<h2>{title}</h2>" in page


def test_too_many_rejected_subjects_end_the_step(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "roles.yaml").write_text(ROLES)
    (tmp_path / "a.csv").write_text(csv_text([ROW, ROW | {"ID": "b", "Status": ""}]))
    with pytest.raises(TooManyRejected, match="b: time and event are known"):
        run(
            tmp_path,
            str(tmp_path / "a.csv"),
            str(tmp_path / "roles.yaml"),
            deidentify="none",
            max_rejected=0.4,
        )
    run(tmp_path, str(tmp_path / "a.csv"), str(tmp_path / "roles.yaml"), deidentify="none", max_rejected=0.5)


def test_pseudonyms_need_their_key(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDGANTRY_DEIDENTIFICATION_KEY", raising=False)
    with pytest.raises(InvalidInput, match="MEDGANTRY_DEIDENTIFICATION_KEY"):
        run(tmp_path, "a.csv", "medgantry:nsclc_radiogenomics")
    with pytest.raises(InvalidInput, match="MEDGANTRY_DEIDENTIFICATION_KEY"):  # as the images' ingest says it
        run(tmp_path, "a.csv", "medgantry:nsclc_radiogenomics", deidentify="modified-dates")
    with pytest.raises(InvalidInput, match="plain"):
        run(tmp_path, "a.csv", "medgantry:nsclc_radiogenomics", deidentify="plain")
