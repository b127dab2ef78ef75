"""The surface of large regions, against pyradiomics' own code on small ones of any shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radiomics import cShape
from scipy.ndimage import gaussian_filter

from medgantry.features.radiomics import surface

SPACINGS = st.tuples(*[st.floats(0.3, 5)] * 3)


def check(mask, spacing):
    mask = np.ascontiguousarray(np.pad(mask, 1))
    area, volume, diameters = cShape.calculate_coefficients(mask, np.array(spacing))
    found = surface.measure(mask, np.array(spacing))
    assert found[0] == pytest.approx(area, rel=1e-11)
    assert found[1] == pytest.approx(volume, rel=1e-10)
    assert found[2] == pytest.approx(list(diameters), rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(bits=st.binary(min_size=8, max_size=8), spacing=SPACINGS)
def test_any_few_voxels(bits, spacing):
    mask = np.unpackbits(np.frombuffer(bits, np.uint8)).astype(bool).reshape(4, 4, 4)
    if mask.any():
        check(mask, spacing)


@pytest.mark.parametrize("seed", range(3))
def test_ragged_regions_with_holes(seed, monkeypatch):
    monkeypatch.setattr(surface, "_FEW", 200)  # so that hulls are made
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(14, 17, 12)), 1.0)
    check(field > 0.02, (2.5, 0.7, 0.9))
