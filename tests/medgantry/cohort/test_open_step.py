"""A cohort of an earlier run, by path and from the store."""

import pytest

from medgantry.cohort import Cohort
from medgantry.cohort.open_step import open_cohort_step
from medgantry.errors import InvalidCohort, InvalidInput, ObjectMissing
from medgantry.storage import publish_folder
from tests.medgantry.brightness import make_cohort


def test_a_cohort_comes_from_a_path_a_published_folder_and_plain_objects(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=1, train=1)
    cohort.save(tmp_path / "cohort")
    publish_folder(store, "steps/published", tmp_path / "cohort")
    for path in (tmp_path / "cohort").iterdir():
        store.put_file(f"artifact/{path.name}", path)
    for uri in (str(tmp_path / "cohort"), store.uri("steps/published"), store.uri("artifact")):
        open_cohort_step(uri, tmp_path / "opened")
        assert Cohort.open(tmp_path / "opened") == Cohort.open(tmp_path / "cohort")


def test_what_is_no_cohort_is_told(store, tmp_path):
    with pytest.raises(InvalidInput, match="no cohort folder"):
        open_cohort_step(str(tmp_path / "nowhere"), tmp_path / "opened")
    with pytest.raises(ObjectMissing):
        open_cohort_step(store.uri("nowhere"), tmp_path / "opened")
    cohort = make_cohort(store, tmp_path, test=1, train=1)
    cohort.save(tmp_path / "cohort")
    document = (tmp_path / "cohort/cohort.json").read_text()
    (tmp_path / "cohort/cohort.json").write_text(document.replace(cohort.cohort_hash, "0" * 64))
    with pytest.raises(InvalidCohort, match="edited by hand"):
        open_cohort_step(str(tmp_path / "cohort"), tmp_path / "opened")
    assert not (tmp_path / "opened").exists()
