import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medgantry.errors import InvalidBundle
from medgantry.inference.label_map import labels_to_region, majority, regions_to_labels

TUMOUR = {"TC": [2, 3], "WT": [1, 2, 3], "ET": [3]}
BRATS = {"TC": [1, 4], "WT": [1, 2, 4], "ET": [4]}
APART = {"liver": [1], "spleen": [7]}


@pytest.mark.parametrize("regions", [TUMOUR, BRATS, APART])
@given(data=st.data())
def test_labels_to_regions_and_back(regions: dict[str, list[int]], data: st.DataObject) -> None:
    codes = sorted({0} | {code for found in regions.values() for code in found})
    labels = data.draw(arrays(np.uint8, (3, 3, 2), elements=st.sampled_from(codes)))
    names = data.draw(st.permutations(sorted(regions)))
    masks = np.stack([labels_to_region(labels, regions[name]) for name in names])
    np.testing.assert_array_equal(regions_to_labels(masks, names, regions), labels)


def test_the_inner_region_wins_where_masks_do_not_nest() -> None:
    masks = np.zeros((3, 1, 1, 2), dtype=bool)
    masks[2, 0, 0, 1] = True  # enhancing alone
    assert regions_to_labels(masks, ["TC", "WT", "ET"], TUMOUR).tolist() == [[[0, 3]]]


def test_a_region_without_a_code_of_its_own_is_refused() -> None:
    regions = {"both": [1, 2], "a": [1], "b": [2]}
    with pytest.raises(InvalidBundle, match="both"):
        regions_to_labels(np.zeros((3, 1, 1, 1), dtype=bool), list(regions), regions)


def test_a_majority_is_more_than_half_region_by_region() -> None:
    # First voxel: all see a tumour, three its core, two of four enhancement, which is no majority. Second: two of four.
    votes = np.array([[1, 1, 3], [2, 1, 0], [3, 0, 0], [3, 0, 0]], dtype=np.uint8)
    found = majority([vote.reshape(1, 1, 3) for vote in votes], ["TC", "WT", "ET"], TUMOUR)
    assert found.ravel().tolist() == [2, 0, 0]
