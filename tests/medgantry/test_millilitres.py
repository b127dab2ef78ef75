"""Volumes of voxels."""

import numpy as np
import pytest

from medgantry.millilitres import voxel_millilitres


def test_turning_and_mirroring_change_no_volume_and_shearing_counts():
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, -1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([2.0, 0.5, 3.0])
    assert voxel_millilitres(affine) == pytest.approx(0.003)
    affine[:3, :3] = [[1, 1, 0], [0, 1, 0], [0, 0, 1]]  # its edges are 1, 1.41 and 1 mm long
    assert voxel_millilitres(affine) == pytest.approx(0.001)
