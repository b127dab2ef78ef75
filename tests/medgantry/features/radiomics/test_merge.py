"""Results to a table: which case counts, when it is known, and what became of the others."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from medgantry.cohort import Case
from medgantry.cohort.targets import STUDY_DATE
from medgantry.errors import InvalidInput, Mismatch, TooManyRejected
from medgantry.features.radiomics.merge import ONE_OF_A_DATE, PARAMETER_FILE, merge_results
from medgantry.features.radiomics.plan import plan_cases
from medgantry.features.table import ALWAYS, FeatureTable
from medgantry.ledger import Entry
from tests.medgantry.features.radiomics.test_plan import chosen, cohort_of

MEAN = '{"featureClass": {"firstorder": ["Mean"]}}'
NAME = "original_firstorder_Mean"
LOST = {"rule": "a region has at least 64 voxels", "evidence": "3 voxels", "remedy": "Look."}


def measured(mean, volume_mm3=100.0):
    return {"features": {NAME: mean}, "voxels": 70, "volume_mm3": volume_mm3}


def cohort_with(*cases, entries=()):
    """A cohort of (subject, date)."""
    cohort = cohort_of([10] * len(cases))
    named = [
        Case(case_id=case.case_id, group_id=subject, targets={STUDY_DATE: date} if date else {})
        for case, (subject, date) in zip(cohort.cases, cases, strict=True)
    ]
    return replace(cohort, cases=named, entries=list(entries))


def merge(cohort, results, regions="node", max_rejected=0.5):
    plan = plan_cases(cohort, chosen(cohort, settings=MEAN, regions=regions))
    found = {
        case.case_id: {
            "regions": {"node": result, "gross tumour": result} | (result if "node" in result else {})
        }
        for case, result in zip(cohort.cases, results, strict=True)
    }
    wanted = regions.split(",")
    for result in found.values():
        result["regions"] = {name: result["regions"][name] for name in wanted}
    return merge_results(cohort, plan, found, max_rejected=max_rejected)


def verdicts(table):
    """By case, which the evidence begins with where the item is its subject."""
    return {
        entry.evidence.split(": ")[0] or entry.item: (entry.verdict, entry.rule) for entry in table.entries
    }


def test_a_row_for_each_subject_and_date(tmp_path):
    cohort = cohort_with(("a", "20190301"), ("a", "20200401"), ("b", ""))
    table = merge(cohort, [measured(1.0), measured(2.0), measured(3.0)])
    table.save(tmp_path)
    assert [
        (row["subject_id"], row["event_timestamp"], row[NAME]) for row in FeatureTable.open(tmp_path).rows
    ] == [
        ("a", datetime(2019, 3, 1, tzinfo=UTC), 1.0),
        ("a", datetime(2020, 4, 1, tzinfo=UTC), 2.0),
        ("b", ALWAYS, 3.0),
    ]
    assert "featureClass" in table.provenance[PARAMETER_FILE]
    assert table.provenance["cases"]["case-0000"]["regions"]["node"] == {"voxels": 70, "volume_mm3": 100.0}


def test_of_one_date_the_largest_counts_and_the_ledger_says_so():
    cohort = cohort_with(("a", "20190301"), ("a", "20190301"), ("a", "20190301"), ("b", ""))
    table = merge(cohort, [measured(1.0), measured(2.0, 300.0), measured(3.0, 300.0), measured(4.0)])
    assert [row[NAME] for row in table.rows if row["subject_id"] == "a"] == [2.0]
    found = verdicts(table)
    assert found["case-0001"][0] == "ok"
    assert found["case-0000"] == found["case-0002"] == ("excluded", ONE_OF_A_DATE)


@pytest.mark.parametrize("date", ["2019", "20191332", "2019-03-01", "19000101"])
def test_a_date_that_is_none_is_no_time_at_all(date):
    table = merge(cohort_with(("a", date), ("b", "20190301")), [measured(1.0), measured(2.0)])
    assert table.subjects == ["b"]
    assert verdicts(table)["case-0000"][0] == "rejected"


def test_a_lost_region_is_missing_and_the_other_stays():
    cohort = cohort_with(("a", ""), ("b", ""))
    both = {"node": LOST, "gross tumour": measured(5.0)}
    table = merge(cohort, [both, measured(6.0)], regions="node,gross tumour")
    (row,) = [row for row in table.rows if row["subject_id"] == "a"]
    assert row["node_" + NAME] is None
    assert row["gross_tumour_" + NAME] == 5.0
    assert {entry.item for entry in table.entries} == {"a", "b"}
    assert verdicts(table)["case-0000/node"] == ("rejected", LOST["rule"])
    assert verdicts(table)["case-0000/gross tumour"][0] == "ok"


def test_a_case_without_features_has_no_row_and_counts_for_the_budget():
    before = Entry(item="series 9", step="ingest", verdict="rejected", rule="a series has slices")
    cohort = cohort_with(("a", ""), ("b", ""), ("c", ""), entries=[before])
    results = [measured(1.0), LOST, measured(3.0)]
    table = merge(cohort, results, max_rejected=0.5)
    assert table.subjects == ["a", "c"]
    assert verdicts(table)["series 9"] == ("rejected", "a series has slices")
    with pytest.raises(TooManyRejected, match="case-0001"):
        merge(cohort, results, max_rejected=0.4)


def test_a_series_that_became_no_case_is_a_verdict_on_its_patient():
    lost = "R01-104-eb9c95c4a977"
    before = Entry(item=lost, step="ingest", verdict="rejected", rule="no slice is missing", evidence="one")
    table = merge(cohort_with(("a", ""), ("b", ""), entries=[before]), [measured(1.0), measured(2.0)])
    assert table.entries[0] == replace(before, item="R01-104", evidence=f"{lost}: one")


def test_nothing_measured_and_nothing_lost_silently():
    cohort = cohort_with(("a", ""), ("b", ""))
    with pytest.raises(InvalidInput, match="No region of any case"):
        merge(cohort, [LOST, LOST], max_rejected=1.0)
    plan = plan_cases(cohort, chosen(cohort))
    with pytest.raises(Mismatch, match="2 of 2 cases have no result"):
        merge_results(cohort, plan, {}, max_rejected=1.0)
