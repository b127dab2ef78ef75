"""The 40 real rows of NSCLC Radiogenomics, where MEDGANTRY_REAL_DATA names the folder that holds them."""

import csv
import os
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.clinical.leakage import suspicions
from medgantry.features.clinical.report import clinical_page
from medgantry.features.clinical.step import summarise
from medgantry.features.clinical.summary import Summary
from medgantry.ledger import counts

FOLDER = os.environ.get("MEDGANTRY_REAL_DATA", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="MEDGANTRY_REAL_DATA names no folder of real data")
OURS = "medgantry:nsclc_radiogenomics"


@pytest.fixture(scope="module")
def path() -> Path:
    (found,) = Path(FOLDER).glob("E_nsclc_radiogenomics/*clinical*.csv")
    return found


@pytest.fixture(scope="module")
def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def summary(path: Path) -> Summary:
    return summarise(str(path), OURS, "none")


def test_all_rows_pass_and_every_cell_without_a_value_is_accounted_for(
    summary: Summary, rows: list[dict[str, str]]
) -> None:
    assert counts(summary.features.entries) == {"ok": 40, "repaired": 0, "rejected": 0}
    assert counts(summary.outcomes.entries) == {"ok": 33, "repaired": 7, "rejected": 0}
    states = Counter(cell.state for record in summary.reading.records for cell in record.cells.values())
    assert (states["odd"], states["repaired"], sum(states.values())) == (0, 0, 1600)
    told = " ".join(entry.evidence for entry in [*summary.features.entries, *summary.outcomes.entries])
    for record in summary.reading.records:
        for name, cell in record.cells.items():
            assert cell.state != "missing" or f"{name} ({cell.text})" in told
    spelled = {"not collected", "not assessed", "not recorded in database", "n/a"}
    silent = sum(cell.strip().casefold() in spelled for row in rows for cell in row.values())
    assert states["missing"] + states["given"] == silent


def test_time_counts_from_surgery_and_the_given_one_often_ends_at_the_last_sight(
    summary: Summary, rows: list[dict[str, str]]
) -> None:
    def day(text: str) -> datetime:
        return datetime.strptime(text, "%m/%d/%Y")

    times = {row["subject_id"]: row for row in summary.outcomes.rows}
    for row in rows:
        dead = row["Survival Status"] == "Dead"
        end = day(row["Date of Death"] if dead else row["Date of Last Known Alive"])
        days = (end - day(row["CT Date"])).days - int(row["Days between CT and surgery"])
        found = times[row["Case ID"]]
        assert (found["time"], found["event"]) == (days, dead)
        if dead:
            assert found["Time_to_Death_days"] == found["Date_of_Last_Known_Alive"]
    disagreeing = [e for e in summary.outcomes.entries if e.verdict == "repaired"]
    assert len(disagreeing) == 7
    assert all("is the time to Date of Last Known Alive" in entry.evidence for entry in disagreeing)


def test_pack_years_of_who_never_smoked_are_0_and_others_are_missing(
    summary: Summary, rows: list[dict[str, str]]
) -> None:
    known = {row["subject_id"]: row["Pack_Years"] for row in summary.rows}
    for row in rows:
        if row["Smoking status"] == "Nonsmoker":
            assert known[row["Case ID"]] == 0
        elif row["Pack Years"] == "Not Collected":
            assert known[row["Case ID"]] is None
        else:
            assert known[row["Case ID"]] == float(row["Pack Years"])


def test_no_real_column_is_flagged_and_a_planted_leak_is(
    summary: Summary, path: Path, tmp_path: Path
) -> None:
    told = suspicions(summary.features.features(), summary.rows)
    assert [item.column.name for item in told if item.flagged] == []
    assert "Features that tell too much: none" in clinical_page(summary, told)
    planted = tmp_path / "planted.csv"
    with path.open(newline="") as stream, planted.open("w", newline="") as target:
        reader = csv.DictReader(stream)
        writer = csv.DictWriter(target, reader.fieldnames)
        writer.writeheader()
        for row in reader:
            # A tumour's side that somebody typed after the patient had died.
            row["Tumor Location (choice=RML)"] = (
                "Checked" if row["Survival Status"] == "Dead" else "Unchecked"
            )
            writer.writerow(row)
    leaking = summarise(str(planted), OURS, "none")
    told = suspicions(leaking.features.features(), leaking.rows)
    assert [item.column.source for item in told if item.flagged] == ["Tumor Location (choice=RML)"]
    assert "Features that tell too much: Tumor Location (choice=RML)" in clinical_page(leaking, told)


def test_what_came_after_surgery_is_refused_as_a_feature(summary: Summary) -> None:
    for name in ("Chemotherapy", "Recurrence", "PET_Date"):
        with pytest.raises(InvalidInput, match=f"'{name}' has role 'post-baseline'"):
            summary.outcomes.chosen([name])
    with pytest.raises(InvalidInput, match="'Time_to_Death_days' has role 'outcome'"):
        summary.outcomes.chosen(["Time_to_Death_days"])
    early = [row for row in summary.features.rows if row.get("Histology") is not None]
    assert len(early) == 40
