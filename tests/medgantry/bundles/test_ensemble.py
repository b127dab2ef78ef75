"""The file `ensemble.json`, and the bundle that has one."""

import json
from pathlib import Path

import pytest

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import WEIGHTS
from medgantry.bundles.ensemble import FILE, Ensemble, Member
from medgantry.errors import InvalidBundle, InvalidInput
from tests.medgantry.brightness import make_bundle, make_ensemble


def member(weight: float = 1.0, weights: str = "models/fold-0.pt") -> Member:
    return Member(weights=weights, weight=weight)


def test_written_and_read(tmp_path: Path) -> None:
    made = make_ensemble(tmp_path / "b", weights=(1, 2, 5), rule="weighted", test_time_augmentation="flips")
    found = Ensemble.open(made.folder)
    assert found == made.ensemble
    assert found.shares == [0.125, 0.25, 0.625]
    assert [path.name for path in made.weights_files] == ["fold-0.pt", "fold-1.pt", "fold-2.pt"]


def test_shares_of_a_mean_are_equal() -> None:
    assert Ensemble(members=[member(1), member(9)]).shares == [0.5, 0.5]


def test_a_bundle_without_one_is_a_single_network(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    assert bundle.ensemble is None
    assert bundle.weights_files == [bundle.folder / WEIGHTS]


def test_an_ensemble_is_not_taken_for_one_network(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match="ensemble of 3"):
        _ = make_ensemble(tmp_path / "b").weights


def test_the_hash_covers_every_member_and_the_rule(tmp_path: Path) -> None:
    bundles = [
        make_ensemble(tmp_path / "a"),
        make_ensemble(tmp_path / "b", rule="vote"),
        make_ensemble(tmp_path / "c", test_time_augmentation="flips"),
        make_ensemble(tmp_path / "d", members=((1, 0, 0), (0, 1, 0), (0, 1, 1))),
        make_ensemble(tmp_path / "e", weights=(1, 1, 2)),
        make_bundle(tmp_path / "f"),
    ]
    for name in ("weights_hash", "model_hash"):
        assert len({getattr(bundle, name) for bundle in bundles}) == len(bundles)
    again = make_ensemble(tmp_path / "again")
    assert again.weights_hash == bundles[0].weights_hash


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": []},
        {"members": [member(0.0)]},
        {"members": [member(float("nan"))]},
        {"members": [member(weights="../elsewhere.pt")]},
        {"members": [member(weights="/elsewhere.pt")]},
        {"members": [member()], "rule": "median"},
        {"members": [member()], "test_time_augmentation": "turns"},
    ],
)
def test_nonsense_is_refused(wrong: dict) -> None:
    with pytest.raises(InvalidBundle):
        Ensemble(**wrong)


def test_files_that_are_wrong_are_refused(tmp_path: Path) -> None:
    folder = make_ensemble(tmp_path / "b").folder
    (folder / "models/fold-1.pt").unlink()
    with pytest.raises(InvalidBundle, match="fold-1"):
        Ensemble.open(folder)
    document = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps({**document, "more": 1}))
    with pytest.raises(InvalidBundle, match="more"):
        Ensemble.open(folder)
    (folder / FILE).write_text(json.dumps({**document, "schema": "another"}))
    with pytest.raises(InvalidInput, match="schema"):
        _ = Bundle(folder).ensemble
