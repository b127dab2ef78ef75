import pytest

from medgantry.cohort import Case, Cohort
from medgantry.cohort.open_step import open_cohort_step
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.storage import publish_folder


@pytest.fixture
def folder(tmp_path):
    cases = [Case(case_id=f"c{i}", group_id=f"g{i}", split="train") for i in range(3)]
    cohort = Cohort(cases=cases, files=[], entries=[], channels=["CT"], label_map={}, regions={})
    cohort.save(tmp_path / "made")
    return tmp_path / "made"


def test_a_published_folder_one_of_kfp_and_a_path_give_the_same_cohort(store, folder, tmp_path):
    publish_folder(store, "steps/split_cohort/k", folder)
    for path in folder.iterdir():
        store.put_file(f"v2/artifacts/run/cohort/{path.name}", path)
    for name, uri in {
        "published": store.uri("steps/split_cohort/k"),
        "slash": f"{store.uri('steps/split_cohort/k')}/",
        "kfp": store.uri("v2/artifacts/run/cohort"),
        "path": str(folder),
    }.items():
        open_cohort_step(uri, tmp_path / name)
        assert Cohort.open(tmp_path / name).split_hash == Cohort.open(folder).split_hash
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == sorted(
            path.name for path in folder.iterdir()
        )


def test_what_a_failed_attempt_left_is_replaced(store, folder, tmp_path):
    for name in ("out", ".out.opening"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "left").touch()
    open_cohort_step(str(folder), tmp_path / "out")
    assert not (tmp_path / "out/left").exists()


def test_no_cohort_is_named_with_a_remedy(store, folder, tmp_path):
    store.put_bytes("steps/other/k/x", b"")
    for uri in (store.uri("steps/other/k"), store.uri("nowhere"), str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(InvalidInput, match=rf"{uri} holds no cohort\.json.*docs/monitoring\.md"):
            open_cohort_step(uri, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_cohort_that_was_edited_is_refused(store, folder, tmp_path):
    text = (folder / "cohort.json").read_text()
    (folder / "cohort.json").write_text(text.replace('"channels":["CT"]', '"channels":["PET"]'))
    with pytest.raises(InvalidCohort, match="edited by hand"):
        open_cohort_step(str(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()
