import json

import pytest

from medgantry.bundles import Bundle
from medgantry.bundles.exported.declared_input import DeclaredInput
from medgantry.errors import InvalidBundle


def bundle_of(folder, inputs):
    (folder / "configs").mkdir(parents=True)
    outputs = {"pred": {"channel_def": {"0": "spleen"}}}
    metadata = {
        "version": "1",
        "monai_version": "1.6.1",
        "network_data_format": {"inputs": inputs, "outputs": outputs},
    }
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    return Bundle(folder)


def image(**said):
    return {"image": {"num_channels": 1, "dtype": "float32", "channel_def": {"0": "CT"}, **said}}


@pytest.mark.parametrize(
    ("declared", "first", "other"),
    [
        ([224, 224], (224, 224), None),
        (["16*n", "16*n"], (32, 32), (48, 64)),
        (["*", 96], (64, 96), (96, 96)),
        (["2**p*n", "8 * (n + 1)"], (64, 32), (96, 48)),
    ],
)
def test_free_axes_are_tried_at_two_sizes_and_others_at_theirs(tmp_path, declared, first, other):
    samples = DeclaredInput.of(bundle_of(tmp_path, image(spatial_shape=declared))).samples()
    expected = [(2, 1, *first), (2, 1, *first), (1, 1, *first), *([(1, 1, *other)] if other else [])]
    assert [tuple(each.shape) for each in samples] == expected
    assert not samples[0].equal(samples[1])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({**image(spatial_shape=[8]), "fixed": {}}, "one input"),
        (image(spatial_shape=[8], dtype="float16"), "float32"),
        (image(), "spatial_shape"),
        (image(spatial_shape=["m*2"]), r"m\*2"),
        (image(spatial_shape=["__import__('os')"]), "__import__"),
    ],
)
def test_what_is_not_declared_is_said(tmp_path, inputs, said):
    with pytest.raises(InvalidBundle, match=said):
        DeclaredInput.of(bundle_of(tmp_path, inputs))
