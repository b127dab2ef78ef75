import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import ConvertToMultiChannelBasedOnBratsClasses

from medgantry.errors import Mismatch
from medgantry.sharding.label_check import check_label

OUTPUTS = ["TC", "WT", "ET"]
BRATS = {"TC": [1, 4], "WT": [1, 2, 4], "ET": [4]}
DECATHLON = {"TC": [2, 3], "WT": [1, 2, 3], "ET": [3]}


def written(tmp_path, codes):
    """A label map with three blocks of these codes, 1 mm."""
    labels = np.zeros((24, 16, 16), dtype=np.uint8)
    for index, code in enumerate(codes):
        labels[index * 8 : index * 8 + 7, 2:14, 2:14] = code
    path = tmp_path / "label.nii.gz"
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), path)
    return labels, path


def brats_channels(labels, affine=None):
    channels = ConvertToMultiChannelBasedOnBratsClasses()(torch.from_numpy(labels)[None])
    return MetaTensor(channels, affine=torch.eye(4) if affine is None else affine)


def test_codes_that_the_bundle_knows_pass(tmp_path):
    labels, path = written(tmp_path, [1, 2, 4])
    check_label(brats_channels(labels), path, OUTPUTS, BRATS)


def test_codes_of_another_source_are_refused_with_both_volumes(tmp_path):
    labels, path = written(tmp_path, [1, 2, 3])
    with pytest.raises(Mismatch, match=r"0\.0 ml of ET, the cohort 1\.0 ml"):
        check_label(brats_channels(labels), path, OUTPUTS, DECATHLON)


def test_more_than_there_is_is_refused(tmp_path):
    labels, path = written(tmp_path, [1, 2, 4])
    with pytest.raises(Mismatch, match="TC"):
        check_label(brats_channels(labels), path, OUTPUTS, {**BRATS, "TC": [9]})


def test_voxels_of_another_size_count_by_their_volume(tmp_path):
    labels, path = written(tmp_path, [1, 2, 4])
    coarse = brats_channels(labels[::2, ::2, ::2], affine=torch.diag(torch.tensor([2.0, 2.0, 2.0, 1.0])))
    check_label(coarse, path, OUTPUTS, BRATS)


def test_a_label_map_is_left_to_its_codes(tmp_path):
    labels, path = written(tmp_path, [1, 2, 3])
    check_label(MetaTensor(torch.from_numpy(labels)[None]), path, OUTPUTS, DECATHLON)
