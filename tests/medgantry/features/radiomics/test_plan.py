"""What is asked of a cohort, and which task does which case."""

import json
from dataclasses import replace

import pytest

from medgantry.cohort import Case, Cohort, File
from medgantry.dealing import MAX_PARTS
from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.radiomics.columns import feature_columns
from medgantry.features.radiomics.config import RadiomicsConfig, choose
from medgantry.features.radiomics.plan import RadiomicsPlan, plan_cases

WAVELETS = '{"imageType": {"Wavelet": {}}, "featureClass": {"firstorder": ["Mean"]}}'


def cohort_of(sides, **how):
    files = [
        File(
            case_id=f"case-{number:04d}",
            role=role,
            channel="CT" if role == "image" else "",
            channel_index=-1,
            uri="",
            format="nii.gz",
            sha256=f"{role}-{number}",
            shape=(side, 512, 512),
            spacing_mm=(1, 1, 1),
            orientation="RAS",
        )
        for number, side in enumerate(sides)
        for role in ("image", "label")
    ]
    cases = [Case(case_id=f"case-{number:04d}", group_id=f"patient-{number}") for number in range(len(sides))]
    tables = {
        "channels": ["CT"],
        "label_map": {"background": 0, "tumour": 1, "node": 4},
        "regions": {"gross tumour": ["tumour", "node"], "node": ["node"]},
    }
    return Cohort(cases=cases, files=files, entries=[], **{**tables, **how})


def chosen(cohort, **how):
    return choose(cohort, **{"settings": "", "regions": "", "channel": "", "min_voxels": 64, **how})


def test_parts_are_about_equal_and_hold_every_case_once(tmp_path):
    sides = [40 + 37 * number % 300 for number in range(90)]
    cohort = cohort_of(sides)
    plan = plan_cases(cohort, chosen(cohort))
    dealt = [case_id for part in plan.parts for case_id in part]
    assert sorted(dealt) == sorted(case.case_id for case in cohort.cases)
    loads = [sum(sides[int(case_id[-4:])] for case_id in part) for part in plan.parts]
    assert 20 < len(plan.parts) <= MAX_PARTS
    assert max(loads) - min(loads) <= max(sides)
    plan.save(tmp_path)
    assert RadiomicsPlan.open(tmp_path) == plan
    assert RadiomicsConfig.of(plan.config) == chosen(cohort)


@pytest.mark.parametrize(("sides", "tasks"), [([1] * 50, 1), ([160], 1), ([500] * 400, MAX_PARTS)])
def test_number_of_tasks(sides, tasks):
    cohort = cohort_of(sides)
    assert len(plan_cases(cohort, chosen(cohort)).parts) == tasks


def test_work_is_found_again_only_where_it_is_the_same():
    cohort = cohort_of([10])
    specs = {
        plan_cases(cohort, chosen(cohort, **how)).spec
        for how in ({}, {"min_voxels": 65}, {"regions": "node"}, {"settings": '{"setting": {"binWidth": 5}}'})
    }
    assert len(specs) == 4
    assert plan_cases(cohort, chosen(cohort)).spec in specs


def test_columns_have_safe_names_and_units():
    columns = [found.column for found in feature_columns(chosen(cohort_of([10])))]
    by_name = {column.name: column for column in columns}
    assert len(by_name) == 214
    assert by_name["gross_tumour_original_shape_MeshVolume"].unit == "mm3"
    assert by_name["node_original_shape_SurfaceArea"].unit == "mm2"
    assert by_name["node_original_shape_Maximum2DDiameterRow"].unit == "mm"
    assert by_name["node_original_firstorder_Mean"].unit == ""
    assert {column.modality for column in columns} == {"radiomics"}
    one = feature_columns(chosen(cohort_of([10]), regions="node", settings=WAVELETS))
    assert [found.column.name for found in one][-1] == "wavelet_LLL_firstorder_Mean"
    assert one[-1].column.source == "wavelet-LLL_firstorder_Mean"


def test_regions_must_not_share_their_columns():
    cohort = cohort_of([10], regions={"left lung": ["tumour"], "left-lung": ["node"]})
    with pytest.raises(InvalidInput, match="would share"):
        feature_columns(chosen(cohort))


@pytest.mark.parametrize(
    ("how", "tables", "error", "said"),
    [
        ({"regions": "tumor"}, {}, Mismatch, "'tumor'.*gross tumour"),
        ({}, {"regions": {}}, Mismatch, "Regions of the cohort"),
        ({"channel": "PET"}, {}, Mismatch, "PET was named.*CT"),
        ({}, {"channels": ["T1w", "T2w"]}, Mismatch, "none was named.*T1w.*T2w"),
        ({"min_voxels": 0}, {}, InvalidInput, "at least 1"),
        ({"settings": "{"}, {}, InvalidInput, "settings must be JSON"),
    ],
)
def test_what_the_cohort_does_not_have_is_named(how, tables, error, said):
    with pytest.raises(error, match=said):
        chosen(cohort_of([10], **tables), **how)


def test_a_plan_is_of_one_cohort():
    cohort = cohort_of([10])
    plan = plan_cases(cohort, chosen(cohort))
    other = replace(cohort, cases=[replace(cohort.cases[0], group_id="somebody else")])
    with pytest.raises(Mismatch, match="Plan again"):
        plan.check_fits(other)
    assert json.dumps(plan.config)
