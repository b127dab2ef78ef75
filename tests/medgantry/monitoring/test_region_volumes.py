import numpy as np
import pytest

from medgantry.monitoring.region_volumes import region_volumes_ml


def test_regions_may_overlap_or_be_empty() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[0], labels[1] = 1, 2
    regions = {"whole": [1, 2], "core": [2], "enhancing": [3]}
    found = region_volumes_ml(labels, regions, (1.0, 2.0, 5.0))
    assert found == pytest.approx({"whole": 2.0, "core": 1.0, "enhancing": 0.0})
