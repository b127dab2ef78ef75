"""Files as they should not be: SimpleITK alone reads what is missing as zeros."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from medgantry.features.radiomics.reading import read_volume
from medgantry.ledger import Unusable
from tests.medgantry.features.radiomics.subjects import noise, volume


@pytest.fixture
def whole(tmp_path):
    sitk.WriteImage(volume(noise()), tmp_path / "whole.nii.gz")
    return (tmp_path / "whole.nii.gz").read_bytes()


@pytest.mark.parametrize("name", ["cut.nii.gz", "cut.nii", "broken.nii.gz", "text.nii.gz", "text.nii"])
def test_a_damaged_file_gets_a_verdict(whole, tmp_path, name):
    damaged = {
        "cut.nii.gz": whole[: len(whole) // 2],
        "cut.nii": gzip.decompress(whole)[:90_000],
        "broken.nii.gz": whole[:5000] + bytes(500) + whole[5500:],
        "text.nii.gz": b"a page that says the file is elsewhere",
        "text.nii": b"a page that says the file is elsewhere" * 20,
    }
    (tmp_path / name).write_bytes(damaged[name])
    with pytest.raises(Unusable) as refusal:
        read_volume(tmp_path / name, tmp_path)
    assert str(tmp_path) not in refusal.value.evidence.replace(str(tmp_path / "volume.nii"), "")


def test_a_sheared_grid_gets_a_verdict(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.3
    nibabel.save(nibabel.Nifti1Image(noise(), affine), tmp_path / "sheared.nii.gz")
    with pytest.raises(Unusable, match="SimpleITK reads"):
        read_volume(tmp_path / "sheared.nii.gz", tmp_path)


def test_it_is_what_simpleitk_reads(whole, tmp_path):
    (tmp_path / "whole.nii.gz").write_bytes(whole)
    found, wanted = (
        read_volume(tmp_path / "whole.nii.gz", tmp_path),
        sitk.ReadImage(tmp_path / "whole.nii.gz"),
    )
    assert sitk.Hash(found) == sitk.Hash(wanted)
    assert (found.GetSpacing(), found.GetOrigin()) == (wanted.GetSpacing(), wanted.GetOrigin())


def test_one_channel_of_a_4d_file(tmp_path):
    arrays = np.stack([noise(seed=1), noise(seed=2)], axis=-1)
    nibabel.save(nibabel.Nifti1Image(arrays, np.diag([1.0, 2.0, 3.0, 1.0])), tmp_path / "two.nii.gz")
    found = read_volume(tmp_path / "two.nii.gz", tmp_path, channel_index=1)
    assert np.array_equal(sitk.GetArrayFromImage(found), arrays[..., 1].T)
    assert found.GetSpacing() == (1.0, 2.0, 3.0)
    with pytest.raises(Unusable, match="three axes"):
        read_volume(tmp_path / "two.nii.gz", tmp_path)
