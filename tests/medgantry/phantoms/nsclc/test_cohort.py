"""The cohort on disk: the same bytes everywhere, tables with the real columns and quirks, every damage in its place."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.phantoms.nsclc import DAMAGES, HazardRatios, main, write_cohort
from medgantry.phantoms.nsclc.clinical import AGE, COLUMNS, HISTOLOGY, MISSING, clinical_row
from medgantry.phantoms.nsclc.expression import GENES, NO_GENES, PUBLISHED_GENES
from medgantry.phantoms.nsclc.patient import draw_patient

Truth = dict[str, Any]


def read_clinical(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "clinical.csv").open(newline="") as stream:
        return {row["Case ID"]: row for row in csv.DictReader(stream)}


def read_expression(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "expression.tsv").read_text().splitlines()]


def day(text: str) -> date:
    month, number, year = (int(part) for part in text.split("/"))
    return date(year, month, number)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def case_of(truth: Truth, damage: str) -> str:
    (case,) = [one["case_id"] for one in truth["patients"] if (one["damage"] or {}).get("name") == damage]
    return str(case)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Of 300 sound patients."""
    return [clinical_row(0, draw_patient(0, number, HazardRatios())) for number in range(1, 301)]


def test_same_seed_same_bytes_in_another_process_and_whatever_the_size(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "medgantry.phantoms.nsclc", str(tmp_path / "a"), "--patients", "3"]
    done = subprocess.run(
        [*command, "--damaged", "1"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert "R01-003 slice missing in the tumour" in done.stdout
    write_cohort(tmp_path / "b", patients=3, damaged=1)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    write_cohort(tmp_path / "c", patients=1, damaged=0)
    alone = {name: data for name, data in contents(tmp_path / "c").items() if name.endswith(".dcm")}
    assert alone.items() <= contents(tmp_path / "b").items()
    assert len(alone) > 20


def test_written_files_are_left_alone_and_other_folders_refused(
    cohort: tuple[Path, Truth], tmp_path: Path
) -> None:
    folder, truth = cohort
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Mismatch, match="not empty"):
        write_cohort(tmp_path)
    before = (folder / "clinical.csv").stat().st_mtime_ns
    assert write_cohort(folder, patients=14, damaged=12) == truth
    assert (folder / "clinical.csv").stat().st_mtime_ns == before
    with pytest.raises(Mismatch, match="another folder"):
        write_cohort(folder, patients=14, damaged=11)
    with pytest.raises(SystemExit) as stop:
        main([str(folder), "--patients", "14"])
    assert stop.value.code == 2


@pytest.mark.parametrize("settings", [{"patients": 0}, {"patients": 10, "damaged": 10}, {"seed": -1}])
def test_senseless_settings_are_refused(settings: Mapping[str, int], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        write_cohort(tmp_path / "a", **{"damaged": 0, **settings})
    with pytest.raises(InvalidInput, match="1 or more"):
        HazardRatios(clinical=0.5)


def test_every_damage_is_told_with_its_fate(cohort: tuple[Path, Truth]) -> None:
    told = cohort[1]["patients"]
    damaged = [one for one in told if one["damage"]]
    assert [one["damage"]["name"] for one in damaged] == [way.name for way in DAMAGES]
    assert {way.loses for way in DAMAGES[:5]} == {"patient", "radiomics", "expression"}
    for one in damaged:
        everything = {"clinical", "radiomics", "expression"}
        loses = one["damage"]["loses"]
        assert set(one["expected"]) == (set() if loses == "patient" else everything - {loses})
        assert one["damage"]["because"]


def test_damages_of_the_tables_are_there(cohort: tuple[Path, Truth]) -> None:
    folder, truth = cohort
    rows, table = read_clinical(folder), read_expression(folder)
    cases = {one["case_id"] for one in truth["patients"]}
    assert cases - set(rows) == {case_of(truth, "not in the clinical table")}
    silent = rows[case_of(truth, "no follow-up")]
    assert silent["Survival Status"] == "Alive"
    assert silent["Date of Last Known Alive"] == "Not Collected"
    assert silent["Time to Death (days)"] == silent["Date of Death"] == "N/A"
    header = table[0]
    twice = case_of(truth, "expression listed twice")
    assert {case for case in header if header.count(case) > 1} == {twice}
    first, second = [place for place, case in enumerate(header) if case == twice]
    assert [line[first] for line in table] != [line[second] for line in table]
    empty = header.index(case_of(truth, "expression all missing"))
    assert {line[empty] for line in table[1:] if not line[0].startswith("_")} == {"NA"}
    folders = {path.name for path in (folder / "dicom").iterdir()}
    assert cases - folders == {case_of(truth, "no images")}


def test_the_clinical_table_has_the_forty_columns(cohort: tuple[Path, Truth]) -> None:
    header = next(csv.reader((cohort[0] / "clinical.csv").read_text().splitlines()))
    assert tuple(header) == COLUMNS
    assert len(COLUMNS) == 40
    assert header[17] == "Histology " == HISTOLOGY
    real = os.environ.get("MEDGANTRY_REAL_DATA")
    if not real:
        pytest.skip("MEDGANTRY_REAL_DATA names no folder with the real table")
    (table,) = Path(real).rglob("NSCLCR01Radiogenomic_clinical_40rows.csv")
    with table.open(newline="") as stream:
        reader = csv.DictReader(stream)
        assert tuple(reader.fieldnames or ()) == COLUMNS
        for row in reader:
            surgery = day(row["CT Date"]) + timedelta(days=int(row["Days between CT and surgery"]))
            # What the phantom keeps: the real column, too, ends at the date last known alive.
            if row["Survival Status"] == "Dead":
                counted = day(row["Date of Last Known Alive"]) - surgery
                assert int(row["Time to Death (days)"]) == counted.days


def test_clinical_quirks_occur(rows: list[dict[str, str]]) -> None:
    cells = {cell for row in rows for cell in row.values()}
    assert set(MISSING) | {"N/A"} <= cells
    ages = {row[AGE] for row in rows}
    assert any(age.isdigit() for age in ages)
    assert any(re.fullmatch(r"\d+\.\d", age) for age in ages)
    assert ages & set(MISSING)
    for row in rows:
        assert tuple(row) == COLUMNS
        assert (row["Pack Years"] == "N/A") == (row["Smoking status"] == "Nonsmoker")
        assert [row[name] for name in COLUMNS if name.startswith("Tumor Location")].count("Checked") == 1
        assert (row["Recurrence"] == "yes") == (row["Date of Recurrence"] != "N/A")
    assert 0.48 < sum(row["Survival Status"] == "Dead" for row in rows) / len(rows) < 0.62
    assert 0.65 < sum(row["Gender"] == "Male" for row in rows) / len(rows) < 0.8


def test_dates_are_consistent(rows: list[dict[str, str]]) -> None:
    earlier = 0
    for number, row in enumerate(rows, start=1):
        outcome = draw_patient(0, number, HazardRatios()).outcome
        surgery = day(row["CT Date"]) + timedelta(days=int(row["Days between CT and surgery"]))
        alive = day(row["Date of Last Known Alive"])
        assert day(row["CT Date"]) < surgery < alive
        if row["Recurrence"] == "yes":
            assert surgery <= day(row["Date of Recurrence"]) <= alive
        if row["Survival Status"] == "Dead":
            assert int(row["Time to Death (days)"]) == (alive - surgery).days
            assert (day(row["Date of Death"]) - surgery).days == outcome.time_days
            earlier += alive < day(row["Date of Death"])
        else:
            assert row["Time to Death (days)"] == row["Date of Death"] == "N/A"
            assert (alive - surgery).days == outcome.time_days
    assert earlier > 20


def test_the_expression_table_has_the_published_layout(cohort: tuple[Path, Truth]) -> None:
    folder, truth = cohort
    table = read_expression(folder)
    assert table[0][0] == ""
    assert table[0][1:] != sorted(table[0][1:])
    assert not any(case.startswith("AMC") for case in table[0])
    names = [line[0] for line in table[1:]]
    assert tuple(names) == GENES + NO_GENES
    assert len(PUBLISHED_GENES) == 21
    assert len(set(GENES)) == 301
    assert any("NA" in line for line in table[1:])
    gene = table[1 + names.index(truth["planted"]["expression"]["feature"])]
    known = {one["case_id"]: one["latents"]["expression"] for one in truth["patients"]}
    pairs = [
        (np.log2(float(value) + 1), known[case])
        for case, value in zip(table[0], gene, strict=True)
        if case in known and value != "NA" and table[0].count(case) == 1
    ]
    assert len(pairs) > 5
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.999
