import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from medgantry.bundles import Bundle, open_bundle
from medgantry.cohort import Case, Cohort, File
from medgantry.dealing import MAX_PARTS
from medgantry.errors import InvalidInput, Mismatch, TooManyRejected
from medgantry.sharding.plan import ShardPlan, plan_shards
from medgantry.sharding.shard_set import ShardSet, merge_shards

CHANNELS = ["FLAIR", "T1w", "T1gd", "T2w"]
LABELS = {"background": 0, "edema": 1, "core": 2, "enhancing": 3}
REGIONS = {"TC": ["core", "enhancing"], "WT": ["edema", "core", "enhancing"], "ET": ["enhancing"]}

LARGE = """
import sys
from pathlib import Path
from medgantry.bundles import open_bundle
from medgantry.cohort import Case, Cohort, File
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.shard_set import merge_shards

folder = Path(sys.argv[1])
channels = ["FLAIR", "T1w", "T1gd", "T2w"]
cases, files = [], []
for number in range(50_000):
    case_id = f"case-{number:06d}"
    cases.append(Case(case_id=case_id, group_id=case_id))
    for index, channel in enumerate([*channels, ""]):
        files.append(File(case_id=case_id, role="image" if channel else "label", channel=channel,
                          channel_index=-1, uri=f"s3://bucket/blobs/{number:06d}-{index}", format="nii.gz",
                          sha256=f"{number:063d}{index}", shape=(240, 240, 155),
                          spacing_mm=(1.0, 1.0, 1.0), orientation="RAS"))
cohort = Cohort(cases=cases, files=files, entries=[], channels=channels,
                label_map={"background": 0, "edema": 1, "core": 2, "enhancing": 3},
                regions={"TC": ["core", "enhancing"], "WT": ["edema", "core", "enhancing"],
                         "ET": ["enhancing"]})
bundle = open_bundle("medgantry:brain_tumor_segmentation", "", folder / "bundle")
plan = plan_shards(cohort, bundle, shard_mib=512)
assert sum(len(shard.cases) for shard in plan.shards) == 50_000
assert plan.parts == 128
plan.save(folder / "plan")
tensors = {
    "image": {"dtype": "float16", "shape": [4, 160, 160, 78], "scale": 1.0, "offset": 0.0},
    "label": {"dtype": "uint8", "shape": [3, 160, 160, 78], "scale": 1.0, "offset": 0.0},
}
sidecars = [
    {"shard_id": shard.shard_id, "uri": "s3://bucket/" + shard.shard_id, "sha256": shard.shard_id,
     "bytes": 1, "cases": {case: {name: dict(tensor) for name, tensor in tensors.items()}
                           for case in shard.cases}, "failures": []}
    for shard in plan.shards
]
merged = merge_shards(cohort, bundle, plan, sidecars, max_rejected=0.0)
merged.save(folder / "shards")
assert len(merged.where()) == 50_000
# The peak of this process alone: getrusage's would start from that of the process that launched it.
(line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(line.split()[1]) // 1024)
"""


def _file(case_id: str, index: int, side: int) -> File:
    return File(
        case_id=case_id,
        role="image" if index < 4 else "label",
        channel=CHANNELS[index] if index < 4 else "",
        channel_index=-1,
        uri=f"s3://b/{case_id}/{index}",
        format="nii.gz",
        sha256=f"{case_id}-{index}",
        shape=[side, 64, 64],
        spacing_mm=[1.0, 1.0, 1.0],
        orientation="RAS",
    )


@pytest.fixture
def cohort() -> Cohort:
    ids = [f"c{number:02d}" for number in range(20)]
    return Cohort(
        cases=[Case(case_id=case_id, group_id=case_id) for case_id in ids],
        files=[_file(case_id, index, 40 + 3 * int(case_id[1:])) for case_id in ids for index in range(5)],
        entries=[],
        channels=CHANNELS,
        label_map=LABELS,
        regions=REGIONS,
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle("medgantry:brain_tumor_segmentation", "", tmp_path / "bundle")


def _sidecars(plan: ShardPlan, failed: tuple[str, ...] = ()) -> list[dict]:
    return [
        {
            "shard_id": shard.shard_id,
            "uri": f"s3://b/{shard.shard_id}",
            "sha256": shard.shard_id,
            "bytes": 1,
            "cases": {case: {} for case in shard.cases if case not in failed},
            "failures": [{"case_id": case, "evidence": "NaN"} for case in shard.cases if case in failed],
        }
        for shard in plan.shards
    ]


def test_the_plan_depends_on_content_alone(cohort: Cohort, bundle: Bundle, tmp_path: Path) -> None:
    plan = plan_shards(cohort, bundle, shard_mib=10)
    elsewhere = replace(
        cohort,
        cases=list(reversed(cohort.cases)),
        files=[replace(file, uri="s3://other") for file in reversed(cohort.files)],
    )
    assert plan_shards(elsewhere, bundle, shard_mib=10) == plan
    plan.save(tmp_path / "plan")
    assert ShardPlan.open(tmp_path / "plan") == plan


def test_every_case_is_in_one_shard_of_about_equal_size(cohort: Cohort, bundle: Bundle) -> None:
    plan = plan_shards(cohort, bundle, shard_mib=10)
    assert len(plan.shards) > 2
    assert sorted(case for shard in plan.shards for case in shard.cases) == [c.case_id for c in cohort.cases]
    sizes = [sum(cohort.files_of[case][0].shape[0] for case in shard.cases) for shard in plan.shards]
    assert max(sizes) < 1.5 * min(sizes)
    parts = [plan.part(index) for index in range(plan.parts)]
    assert sorted(s.shard_id for part in parts for s in part) == sorted(s.shard_id for s in plan.shards)


def test_a_tiny_shard_size_gives_a_shard_per_case(cohort: Cohort, bundle: Bundle) -> None:
    plan = plan_shards(cohort, bundle, shard_mib=0.001)
    assert len(plan.shards) == len(cohort.cases)
    assert plan.parts <= MAX_PARTS
    assert len(plan_shards(cohort, bundle, shard_mib=1e6).shards) == 1


def test_one_changed_file_changes_one_shard(cohort: Cohort, bundle: Bundle) -> None:
    before = plan_shards(cohort, bundle, shard_mib=10)
    files = [replace(f, sha256="changed") if f.uri == "s3://b/c07/2" else f for f in cohort.files]
    after = plan_shards(replace(cohort, files=files), bundle, shard_mib=10)
    changed = [
        old.cases
        for old, new in zip(before.shards, after.shards, strict=True)
        if old.shard_id != new.shard_id
    ]
    assert len(changed) == 1
    assert "c07" in changed[0]
    assert [s.cases for s in before.shards] == [s.cases for s in after.shards]


def test_other_transforms_or_label_codes_change_every_shard(
    cohort: Cohort, bundle: Bundle, tmp_path: Path
) -> None:
    before = {shard.shard_id for shard in plan_shards(cohort, bundle, shard_mib=10).shards}
    coarse = open_bundle("medgantry:brain_tumor_segmentation", '{"spacing": [3, 3, 3]}', tmp_path / "coarse")
    codes = replace(cohort, label_map={"background": 0, "edema": 1, "core": 2, "enhancing": 4})
    for plan in (plan_shards(cohort, coarse, shard_mib=10), plan_shards(codes, bundle, shard_mib=10)):
        assert not before & {shard.shard_id for shard in plan.shards}


def test_what_makes_no_sense_is_refused(cohort: Cohort, bundle: Bundle) -> None:
    with pytest.raises(InvalidInput, match="positive"):
        plan_shards(cohort, bundle, shard_mib=0)
    with pytest.raises(Mismatch, match="T2w"):
        plan_shards(replace(cohort, channels=CHANNELS[:3]), bundle, shard_mib=10)


def test_shards_are_merged_in_the_plans_order(cohort: Cohort, bundle: Bundle, tmp_path: Path) -> None:
    plan = plan_shards(cohort, bundle, shard_mib=10)
    merged = merge_shards(cohort, bundle, plan, _sidecars(plan)[::-1], max_rejected=0.0)
    assert [shard["shard_id"] for shard in merged.shards] == [shard.shard_id for shard in plan.shards]
    assert set(merged.where()) == {case.case_id for case in cohort.cases}
    merged.save(tmp_path / "shards")
    opened = ShardSet.open(tmp_path / "shards")
    assert opened == merged
    assert opened.content_hash == merged.content_hash
    opened.check_fits(cohort, bundle)
    coarse = open_bundle("medgantry:brain_tumor_segmentation", '{"spacing": [3, 3, 3]}', tmp_path / "coarse")
    with pytest.raises(Mismatch, match="transforms"):
        opened.check_fits(cohort, coarse)
    with pytest.raises(Mismatch, match="cohort"):
        opened.check_fits(replace(cohort, regions={**REGIONS, "more": ["edema"]}), bundle)


def test_a_plan_of_another_cohort_or_other_transforms_is_not_merged(
    cohort: Cohort, bundle: Bundle, tmp_path: Path
) -> None:
    plan = plan_shards(cohort, bundle, shard_mib=1)
    fewer = replace(cohort, cases=cohort.cases[1:], files=cohort.files_of[cohort.cases[1].case_id])
    with pytest.raises(Mismatch, match="of cohort"):
        merge_shards(fewer, bundle, plan, _sidecars(plan), max_rejected=0.0)
    other = open_bundle("medgantry:brain_tumor_segmentation", '{"spacing": [2, 2, 2]}', tmp_path / "other")
    with pytest.raises(Mismatch, match="transforms"):
        merge_shards(cohort, other, plan, _sidecars(plan), max_rejected=0.0)


def test_missing_shards_and_failed_cases_are_refused(cohort: Cohort, bundle: Bundle) -> None:
    plan = plan_shards(cohort, bundle, shard_mib=10)
    with pytest.raises(Mismatch, match="1 of"):
        merge_shards(cohort, bundle, plan, _sidecars(plan)[1:], max_rejected=0.0)
    with pytest.raises(TooManyRejected, match="c03"):
        merge_shards(cohort, bundle, plan, _sidecars(plan, ("c03",)), max_rejected=0.0)
    merged = merge_shards(cohort, bundle, plan, _sidecars(plan, ("c03",)), max_rejected=0.05)
    assert [entry.item for entry in merged.entries] == ["c03"]
    assert "c03" not in merged.where()


def test_fifty_thousand_cases_fit_in_a_gigabyte(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1024
