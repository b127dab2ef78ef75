"""An ensemble's answers, against the arithmetic done by hand."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from medgantry.bundles import Bundle
from medgantry.bundles.ensemble import FILE
from medgantry.errors import InvalidBundle
from medgantry.inference import Segmenter
from medgantry.inference.running_mean import RunningMean
from medgantry.inference.uncertainty import predictive_entropy
from tests.medgantry.brightness import BALL, make_bundle, make_ensemble, write_case
from tests.medgantry.inference.zoo import spleen_like, write_volume

SOFTMAX = (
    {"_target_": "Activationsd", "keys": "pred", "softmax": True},
    {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
)


def probabilities(images: list[Path]) -> np.ndarray:
    """What each member says, by hand: (3, i, j, k)."""
    voxels = np.stack([nibabel.load(path).get_fdata() for path in images])
    return 1 / (1 + np.exp(-3 * (voxels - 0.5)))


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 5, 2)])
def test_means_of_probabilities(tmp_path: Path, weights: tuple[float, ...]) -> None:
    images, _ = write_case(tmp_path, 0)
    rule = "mean" if len(set(weights)) == 1 else "weighted"
    found = Segmenter(make_ensemble(tmp_path / "b", weights=weights, rule=rule)).predict_case(
        {"image": images}
    )
    mean = np.average(probabilities(images), axis=0, weights=weights)
    np.testing.assert_array_equal(found.labels == BALL, mean > 0.5)
    entropy = -(mean * np.log2(mean) + (1 - mean) * np.log2(1 - mean))
    np.testing.assert_allclose(found.uncertainty, entropy, atol=1e-5)
    found.save_uncertainty(tmp_path / "u.nii.gz")
    written = nibabel.load(tmp_path / "u.nii.gz")
    np.testing.assert_array_equal(written.affine, nibabel.load(images[0]).affine)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), found.uncertainty)


def test_weights_do_not_count_in_a_plain_mean(tmp_path: Path) -> None:
    images, _ = write_case(tmp_path, 0)
    found = Segmenter(make_ensemble(tmp_path / "b", weights=(1, 100, 1))).predict_case({"image": images})
    np.testing.assert_array_equal(found.labels == BALL, probabilities(images).mean(0) > 0.5)


def test_a_vote_is_what_most_members_say(tmp_path: Path) -> None:
    images, _ = write_case(tmp_path, 0)
    voting = Segmenter(make_ensemble(tmp_path / "b", rule="vote"), each_member=True)
    found = voting.predict_case({"image": images})
    said = probabilities(images) > 0.5
    np.testing.assert_array_equal(found.labels == BALL, said.sum(0) >= 2)
    assert (said.sum(0) >= 2).sum() != (probabilities(images).mean(0) > 0.5).sum()
    np.testing.assert_array_equal(np.stack(found.members) == BALL, said)


@pytest.mark.parametrize("rule", ["mean", "vote"])
def test_classes_by_argmax(tmp_path: Path, rule: str) -> None:
    """Softmax of the opposite logits is the sigmoid of twice the one."""
    images, _ = write_case(tmp_path, 0)
    more = {"outputs": ("background", "ball"), "postprocessing": SOFTMAX, "rule": rule}
    found = Segmenter(make_ensemble(tmp_path / "b", **more)).predict_case({"image": images})
    odds = (probabilities(images) / (1 - probabilities(images))) ** 2
    shares = odds / (1 + odds)
    wanted = shares.mean(0) > 0.5 if rule == "mean" else (shares > 0.5).sum(0) >= 2
    np.testing.assert_array_equal(found.labels == BALL, wanted)
    mean = shares.mean(0)
    entropy = -(mean * np.log2(mean) + (1 - mean) * np.log2(1 - mean))
    np.testing.assert_allclose(found.uncertainty, entropy, atol=1e-5)


def test_a_bundle_that_inverts_itself(tmp_path: Path) -> None:
    """Two members that are one network change nothing; the ensemble's mean goes through the bundle's own transforms."""
    single = spleen_like(tmp_path / "bundle")
    volume = write_volume(tmp_path / "ct.nii.gz", 0)
    wanted = Segmenter(single).predict_case({"image": volume}).labels
    other = spleen_like(tmp_path / "other", seed=1)
    for name, source in (("fold-0", single), ("fold-1", single), ("fold-2", other)):
        (single.folder / f"models/{name}.pt").write_bytes((source.folder / "models/model.pt").read_bytes())

    def predicted(*members: str) -> object:
        document = {
            "schema": "medgantry/ensemble/1",
            "members": [{"weights": f"models/{name}.pt", "weight": 1} for name in members],
            "rule": "mean",
            "test_time_augmentation": "none",
        }
        (single.folder / FILE).write_text(json.dumps(document))
        return Segmenter(Bundle(single.folder), each_member=True).predict_case({"image": volume})

    twice = predicted("fold-0", "fold-1")
    np.testing.assert_array_equal(twice.labels, wanted)
    apart = predicted("fold-0", "fold-2")
    assert apart.uncertainty.shape == wanted.shape
    assert 0 <= apart.uncertainty.min() < apart.uncertainty.max() <= 1 + 1e-6
    assert (apart.members[0] == wanted).all()
    assert (apart.members[1] != wanted).any()


def test_what_is_no_probability_is_not_averaged(tmp_path: Path) -> None:
    images, _ = write_case(tmp_path, 0)
    bare = ({"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.0},)
    Segmenter(make_bundle(tmp_path / "single", postprocessing=bare)).predict_case({"image": images})
    with pytest.raises(InvalidBundle, match="averaged as probabilities"):
        Segmenter(make_ensemble(tmp_path / "b", postprocessing=bare)).predict_case({"image": images})


def test_a_mean_that_holds_one_tensor_is_the_mean() -> None:
    values, weights = torch.rand(5, 4, dtype=torch.float64), torch.rand(5) + 0.1
    mean = RunningMean()
    for value, weight in zip(values, weights.tolist(), strict=True):
        mean.add(value, weight)
    torch.testing.assert_close(mean.value, (values * weights[:, None]).sum(0) / weights.sum())
    with pytest.raises(ValueError, match="at least one"):
        _ = RunningMean().value


def test_entropy_is_0_where_all_is_known_and_1_where_nothing_is() -> None:
    sure = np.array([1, 0, 0], dtype=np.float32).reshape(3, 1, 1, 1)
    even = np.full((3, 1, 1, 1), 1 / 3, dtype=np.float32)
    assert predictive_entropy(sure, exclusive=True).item() == 0
    assert predictive_entropy(even, exclusive=True).item() == pytest.approx(1)
    assert predictive_entropy(sure, exclusive=False).item() == 0
    half = np.array([1, 0.5, 0], dtype=np.float32).reshape(3, 1, 1, 1)
    assert predictive_entropy(half, exclusive=False).item() == pytest.approx(1)
