import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medgantry.ingest.nifti_facts import read_facts
from medgantry.ledger import Unusable

VOXELS = np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2) % 4
WHOLE = nib.Nifti1Image(VOXELS, np.diag([1.0, 1.0, 2.0, 1.0])).to_bytes()


def test_a_whole_file_gives_its_facts(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(WHOLE))
    facts, codes = read_facts(path, is_label=True)
    assert (facts.shape, facts.spacing_mm, facts.orientation) == ((4, 3, 2), (1.0, 1.0, 2.0), "RAS")
    assert (facts.format, codes) == ("nii.gz", {0, 1, 2, 3})


def test_a_volume_packed_anew_has_the_same_fingerprint(tmp_path: Path) -> None:
    contents = {"a.nii": WHOLE, "b.nii.gz": gzip.compress(WHOLE, 1), "c.nii.gz": gzip.compress(WHOLE, 9)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    facts = [read_facts(tmp_path / name)[0] for name in contents]
    assert len({fact.sha256 for fact in facts}) == 3
    assert len({fact.fingerprint for fact in facts}) == 1
    assert facts[0].fingerprint.startswith("voxels:")
    nib.save(nib.Nifti1Image(VOXELS + 1, np.eye(4)), tmp_path / "other.nii")
    assert read_facts(tmp_path / "other.nii")[0].fingerprint != facts[0].fingerprint
    assert read_facts(tmp_path / "a.nii", is_label=True)[0].fingerprint == ""


def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOXELS, np.eye(4))
    data = bytearray(image.to_bytes())
    data[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()  # 54 TB
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(Unusable) as verdict:
        read_facts(path)
    assert verdict.value.rule == "the file holds the voxels its header promises"


@pytest.mark.parametrize("dtype", [np.complex64, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])])
def test_colour_and_complex_voxels_are_refused(tmp_path: Path, dtype: np.dtype) -> None:
    nib.save(nib.Nifti1Image(np.zeros((4, 3, 2), dtype), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(Unusable) as verdict:
        read_facts(tmp_path / "a.nii", is_label=True)
    assert verdict.value.rule == "a voxel is one real number"


@given(
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8),
    length=st.integers(0, len(WHOLE)) | st.just(len(WHOLE)),
    packed=st.booleans(),
    is_label=st.booleans(),
)
def test_whatever_the_bytes_are_there_is_a_verdict(
    changes: list[tuple[int, int]], length: int, packed: bool, is_label: bool
) -> None:
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("a.nii.gz" if packed else "a.nii")
        path.write_bytes(gzip.compress(data[:length], 1) if packed else data[:length])
        verdict = None
        try:
            facts, _ = read_facts(path, is_label=is_label)
        except Unusable as found:
            verdict = found
    if verdict:
        assert verdict.rule
        assert "a.nii" in verdict.evidence
        assert verdict.remedy
    else:
        assert len(facts.shape) in (3, 4)
        assert np.isfinite(facts.affine).all()
        assert all(size > 0 for size in facts.spacing_mm)
