"""Label maps to region channels."""

import numpy as np
import torch
from monai.data import MetaTensor

from medgantry.transforms import LabelsToRegionsd


def test_regions_overlap_and_keep_the_order_and_the_affine() -> None:
    label = MetaTensor(torch.tensor([0.0, 1.0, 2.0, 3.0]).reshape(1, 4, 1, 1), affine=np.diag([2.0, 1, 1, 1]))
    regions = {"core": [2, 3], "whole": [1, 2, 3], "none": []}
    found = LabelsToRegionsd("label", regions)({"label": label})["label"]
    assert found.dtype == torch.uint8
    assert found.reshape(3, 4).tolist() == [[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]
    assert torch.equal(found.affine, label.affine)
