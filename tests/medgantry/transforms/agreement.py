"""Volumes that transforms are compared on, and what it means that two results agree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from monai.data import MetaTensor

SPACINGS = [0.5, 0.7, 0.75, 0.9375, 1.0, 1.3, 1.5, 2.0, 3.0]
"""Half voxels and whole ratios are among the pairs: where rounding decides."""


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """4x4, every axis along one of the world's: any permutation and flip."""
    spacing = draw(st.lists(st.sampled_from(SPACINGS), min_size=3, max_size=3))
    signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=3, max_size=3))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(np.multiply(spacing, signs))[list(draw(st.permutations(range(3))))]
    affine[:3, 3] = draw(st.lists(st.integers(-200, 200), min_size=3, max_size=3))
    return affine


@st.composite
def volumes(draw: st.DrawFn, channels: int = 2) -> MetaTensor:
    """(C, i, j, k) float32 with background of exactly 0, in the memory order of NIfTI or of numpy."""
    shape = draw(st.tuples(*[st.integers(1, 24)] * 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(0, 500, (channels, *shape)).astype(np.float32)
    values[:, rng.random(shape) < 0.5] = 0
    if draw(st.booleans()):
        values = np.ascontiguousarray(values.transpose(0, 3, 2, 1)).transpose(0, 3, 2, 1)
    return MetaTensor(torch.from_numpy(values), affine=draw(affines()))


def assert_agree(ours: Mapping[str, Any], theirs: Mapping[str, Any], *, exact: tuple[str, ...] = ()) -> None:
    """The same keys, values to 1e-5 of the greatest, the same background, shape, metadata and trace."""
    assert set(ours) == set(theirs)
    for key, wanted in theirs.items():
        found = ours[key]
        assert type(found) is type(wanted)
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        assert torch.equal(found.affine, wanted.affine)
        np.testing.assert_array_equal(found.pixdim, wanted.pixdim)
        values, expected = found.as_tensor(), wanted.as_tensor()
        assert torch.equal(values == 0, expected == 0)
        largest = float(expected.abs().max()) if expected.numel() else 0.0
        allowed = 0.0 if key in exact else 1e-5 * max(largest, 1e-30)
        torch.testing.assert_close(values, expected, rtol=0, atol=allowed)
        assert_same_meta(found.meta, wanted.meta)
        assert_same_trace(found.applied_operations, wanted.applied_operations)


def assert_same_meta(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_equal(np.asarray(found[name]), np.asarray(value), err_msg=name)


def assert_same_trace(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """Equal but for the identity of the transforms."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        _assert_equal(one, other)


def _assert_equal(one: Any, other: Any) -> None:
    if isinstance(other, dict):
        assert set(one) == set(other)
        for name in set(other) - {"id"}:
            _assert_equal(one[name], other[name])
    else:
        np.testing.assert_equal(np.asarray(one), np.asarray(other))
