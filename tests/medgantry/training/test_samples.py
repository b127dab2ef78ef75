"""Which case comes when, on one rank and on several, and what a case is when it comes."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.data import list_data_collate
from monai.transforms import Compose, Lambdad

from medgantry.bundles import open_bundle
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.steps import StepRecord
from medgantry.training.samples import EpochOrder, Samples, ShardReader
from tests.medgantry.colours import CLASSES, make_cohort

CASES = [f"case-{number:03d}" for number in range(40)]
RARE = {case_id: int(number >= 30) + int(number >= 37) for number, case_id in enumerate(CASES)}
"""30 cases of class 0, 7 of class 1, 3 of class 2."""


def orders(ranks, *, cases=CASES, seed=0, epoch=1, **settings):
    """What each rank's loader gets in an epoch."""
    found = []
    for rank in range(ranks):
        order = EpochOrder(cases, seed=seed, rank=rank, ranks=ranks, **settings)
        order.epoch = epoch
        found.append(list(order))
        assert len(found[-1]) == len(order)
    return found


def interleaved(parts):
    """What all ranks get together, in the order of their steps."""
    return [case_id for step in zip(*parts, strict=True) for _, case_id in step]


def test_the_permutation_is_the_one_it_always_was():
    """Trainings that are resumed or repeated depend on it."""
    assert interleaved(orders(1, cases=CASES[:8], seed=3, epoch=2)) == [
        "case-004", "case-002", "case-000", "case-007", "case-005", "case-003", "case-006", "case-001",
    ]  # fmt: skip


@pytest.mark.parametrize("ranks", [1, 2, 4, 5])
def test_every_case_comes_once_per_epoch_over_all_ranks(ranks):
    first, second = (orders(ranks, epoch=epoch) for epoch in (1, 2))
    assert sorted(interleaved(first)) == sorted(interleaved(second)) == CASES
    assert interleaved(first) != interleaved(second)
    assert interleaved(first) == interleaved(orders(1))
    assert {epoch for part in second for epoch, _ in part} == {2}


@pytest.mark.parametrize("balance", [{}, RARE], ids=["permutation", "balanced"])
def test_ranks_get_equally_many_and_what_is_left_over_waits_for_another_epoch(balance):
    parts = orders(3, balance=balance)
    assert [len(part) for part in parts] == [13, 13, 13]
    assert interleaved(parts) == interleaved(orders(1, balance=balance))[:39]
    if not balance:
        assert len(set(interleaved(parts))) == 39
        missed = {(set(CASES) - set(interleaved(orders(3, epoch=epoch)))).pop() for epoch in range(1, 20)}
        assert len(missed) > 5


@pytest.mark.parametrize("balance", [{}, RARE], ids=["permutation", "balanced"])
def test_an_order_depends_on_seed_and_epoch_and_on_nothing_else(balance):
    usual = orders(2, seed=1, epoch=3, balance=balance)
    np.random.seed(0)
    torch.manual_seed(5)
    turned = dict(reversed(balance.items()))
    assert orders(2, cases=CASES[::-1], seed=1, epoch=3, balance=turned) == usual
    assert orders(2, seed=2, epoch=3, balance=balance) != usual
    assert orders(2, seed=1, epoch=4, balance=balance) != usual
    order = EpochOrder(CASES, seed=1, rank=0, ranks=2, balance=balance)
    order.epoch = 3
    assert list(order) == list(order) == usual[0]


def test_balance_draws_classes_equally_often():
    """Within five standard errors of a binomial; a natural draw is forty away."""
    drawn = [
        case_id for epoch in range(1, 101) for case_id in interleaved(orders(2, epoch=epoch, balance=RARE))
    ]
    assert len(drawn) == 4000
    error = (4000 * 1 / 3 * 2 / 3) ** 0.5
    for label, count in Counter(RARE[case_id] for case_id in drawn).items():
        assert abs(count - 4000 / 3) < 5 * error, label
    # Inside a class, every case as often as the next.
    for label, members in Counter(RARE.values()).items():
        times = Counter(case_id for case_id in drawn if RARE[case_id] == label)
        assert len(times) == members
        inside = sum(times.values())
        error = (inside / members * (1 - 1 / members)) ** 0.5
        assert all(abs(count - inside / members) < 5 * error for count in times.values())


@pytest.fixture
def shards(store, tmp_path):
    """A cohort of plain photos with two classes, and its shards' sidecars."""
    classes = {str(index): name for index, name in enumerate(CLASSES)}
    override = {"image_size": [8, 8], "network_data_format#outputs#pred#channel_def": classes}
    bundle = open_bundle("medgantry:skin_lesion_classification", json.dumps(override), tmp_path / "bundle")
    cohort = make_cohort(store, tmp_path, test=1, train=3)
    plan = plan_shards(cohort, bundle, shard_mib=1000)
    record = StepRecord(step="test")
    return cohort, bundle, preprocess_part(plan, cohort, bundle, part=0, store=store, record=record)


def test_a_class_index_comes_back_from_its_shard_as_a_whole_number(shards, tmp_path):
    cohort, bundle, sidecars = shards
    reader = ShardReader(sidecars, tmp_path / "cache")
    for case_id, index in bundle.class_indices(cohort).items():
        tensors = reader.read(case_id)
        assert (tensors["label"].dtype, tensors["label"].shape, int(tensors["label"])) == (
            torch.int64,
            (),
            index,
        )
        assert (tensors["image"].dtype, tensors["image"].shape) == (torch.float32, (3, 8, 8))


def test_a_batch_is_what_cross_entropy_takes(shards, tmp_path):
    cohort, bundle, sidecars = shards
    reader = ShardReader(sidecars, tmp_path / "cache")
    samples = Samples(reader, Compose([Lambdad("image", lambda image: image + 1)]), seed=0)
    names = sorted(case.case_id for case in cohort.cases)
    found = list_data_collate([samples[1, name] for name in names])
    assert found["label"].dtype == torch.int64
    assert found["label"].tolist() == [bundle.class_indices(cohort)[name] for name in names]
    assert torch.equal(found["image"][2], reader.read(names[2])["image"] + 1)
    logits = torch.zeros(len(names), 2, requires_grad=True)
    torch.nn.CrossEntropyLoss()(logits, found["label"]).backward()


def test_another_diagnosis_makes_another_shard(shards):
    cohort, bundle, _ = shards
    first = cohort.cases[0]
    changed = replace(first, targets={**first.targets, "diagnosis": CLASSES[1]})
    other = replace(cohort, cases=[changed, *cohort.cases[1:]])
    names = [plan_shards(one, bundle, shard_mib=1000).shards[0].shard_id for one in (cohort, other)]
    assert names[0] != names[1]
