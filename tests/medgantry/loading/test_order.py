"""Which case comes when: for a job, on however many processes it runs."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medgantry.errors import InvalidInput
from medgantry.loading import EpochOrder, ShuffleWindow
from medgantry.loading.rotation import Rotation

CASES = [f"case-{number:03d}" for number in range(40)]
RARE = {case_id: int(number >= 30) + int(number >= 37) for number, case_id in enumerate(CASES)}
"""30 cases of class 0, 7 of class 1, 3 of class 2."""
BOTH = pytest.mark.parametrize("balance", [{}, RARE], ids=["permutation", "balanced"])


def order_of(*, cases=CASES, seed=0, batch_size=2, ranks=1, **settings):
    return EpochOrder(cases, seed=seed, batch_size=batch_size, ranks=ranks, **settings)


def epoch_of(order, epoch=1, processes=1):
    """What all processes get, step by step."""
    return [
        [order.batch(epoch, step, process, processes) for process in range(processes)]
        for step in range(order.steps)
    ]


def flat(steps):
    return [case_id for step in steps for batch in step for case_id in batch]


def test_the_permutation_is_the_one_it_always_was():
    """Trainings that are resumed or repeated depend on it."""
    assert flat(epoch_of(order_of(cases=CASES[:8], seed=3), epoch=2)) == [
        "case-004", "case-002", "case-000", "case-007", "case-005", "case-003", "case-006", "case-001",
    ]  # fmt: skip


@given(
    count=st.integers(1, 60),
    ranks=st.integers(1, 6),
    batch_size=st.integers(1, 7),
    seed=st.integers(0, 9),
    epoch=st.integers(1, 9),
)
def test_every_rank_makes_as_many_steps_and_no_case_comes_twice(count, ranks, batch_size, seed, epoch):
    cases = [f"case-{number}" for number in range(count)]
    if count < ranks:
        with pytest.raises(InvalidInput, match="fewer ranks"):
            order_of(cases=cases, ranks=ranks)
        return
    order = order_of(cases=cases, seed=seed, batch_size=batch_size, ranks=ranks)
    steps = epoch_of(order, epoch, processes=ranks)
    assert all(len({len(batch) for batch in step}) == 1 for step in steps)
    assert all(0 < len(batch) <= batch_size for step in steps for batch in step)
    assert len(set(flat(steps))) == len(flat(steps)) == count - count % ranks


@BOTH
@pytest.mark.parametrize(("ranks", "processes"), [(2, 1), (4, 2), (4, 1), (6, 3), (6, 2), (6, 1)])
def test_fewer_processes_take_the_same_cases_in_every_step(ranks, processes, balance):
    order = order_of(ranks=ranks, batch_size=3, balance=balance)
    alone, shared = epoch_of(order, 2, ranks), epoch_of(order, 2, processes)
    for wanted, found in zip(alone, shared, strict=True):
        assert sorted(flat([found])) == sorted(flat([wanted]))
        for process, batch in enumerate(found):
            assert batch == [case_id for rank in range(process, ranks, processes) for case_id in wanted[rank]]


@pytest.mark.parametrize(("ranks", "processes"), [(2, 3), (4, 3), (1, 2)])
def test_processes_that_do_not_divide_the_ranks_are_refused(ranks, processes):
    with pytest.raises(InvalidInput, match="Use 1"):
        order_of(ranks=ranks).batch(1, 0, 0, processes)


@BOTH
def test_what_is_left_over_waits_for_another_epoch(balance):
    order = order_of(ranks=3, batch_size=13, balance=balance)
    assert [len(batch) for batch in epoch_of(order, 1, 3)[0]] == [13, 13, 13]
    if not balance:
        missed = {(set(CASES) - set(flat(epoch_of(order, epoch)))).pop() for epoch in range(1, 20)}
        assert len(missed) > 5


@BOTH
def test_an_order_depends_on_seed_and_epoch_and_on_nothing_else(balance):
    usual = epoch_of(order_of(seed=1, ranks=2, balance=balance), 3)
    np.random.seed(0)
    torch.manual_seed(5)
    turned = dict(reversed(balance.items()))
    assert epoch_of(order_of(cases=CASES[::-1], seed=1, ranks=2, balance=turned), 3) == usual
    assert epoch_of(order_of(seed=2, ranks=2, balance=balance), 3) != usual
    assert epoch_of(order_of(seed=1, ranks=2, balance=balance), 4) != usual


def test_balance_draws_classes_equally_often():
    """Within five standard errors of a binomial; a natural draw is forty away."""
    order = order_of(ranks=2, balance=RARE)
    drawn = [case_id for epoch in range(1, 101) for case_id in flat(epoch_of(order, epoch))]
    assert len(drawn) == 4000
    error = (4000 * 1 / 3 * 2 / 3) ** 0.5
    for label, count in Counter(RARE[case_id] for case_id in drawn).items():
        assert abs(count - 4000 / 3) < 5 * error, label
    for label, members in Counter(RARE.values()).items():
        times = Counter(case_id for case_id in drawn if RARE[case_id] == label)
        assert len(times) == members
        inside = sum(times.values())
        error = (inside / members * (1 - 1 / members)) ** 0.5
        assert all(abs(count - inside / members) < 5 * error for count in times.values())


def shards_of(sizes):
    """Ten shards of four cases."""
    return [
        {
            "sha256": f"{number}",
            "bytes": sizes[number % len(sizes)],
            "cases": CASES[4 * number : 4 * number + 4],
        }
        for number in range(10)
    ]


def test_a_window_keeps_to_a_few_shards_at_a_time_and_shuffles_inside():
    window = ShuffleWindow(shards_of([100]), 450)
    assert window.size == 3
    order = order_of(batch_size=1, window=window)
    for epoch in (1, 2):
        cases = flat(epoch_of(order, epoch))
        assert sorted(cases) == CASES
        groups = [cases[first : first + 12] for first in range(0, 40, 12)]
        shards = [{window.shard_of[case_id] for case_id in group} for group in groups]
        assert [len(found) for found in shards] == [3, 3, 3, 1]
        assert [window.shard_of[case_id] for case_id in groups[0]] != sorted(
            window.shard_of[case_id] for case_id in groups[0]
        )
    assert flat(epoch_of(order, 1)) != flat(epoch_of(order, 2))


def test_a_window_counts_with_the_largest_shards_and_refuses_too_little_room():
    assert ShuffleWindow(shards_of([100, 300]), 1000).size == 2
    assert ShuffleWindow(shards_of([100, 300]), 10_000).size == 10
    assert ShuffleWindow(shards_of([100, 300]), 300).size == 1
    with pytest.raises(InvalidInput, match="shard_mib"):
        ShuffleWindow(shards_of([100, 300]), 299)


def test_a_window_of_everything_is_no_window():
    window = ShuffleWindow(shards_of([1]), 1000)
    assert epoch_of(order_of(window=window)) == epoch_of(order_of())


def test_what_decides_the_order_decides_its_fingerprint():
    rotations = [Rotation(CASES, cached=cached, replace_rate=0.5) for cached in (10, 12)]
    orders = [
        order_of(),
        order_of(cases=CASES[1:]),
        order_of(seed=1),
        order_of(batch_size=1),
        order_of(ranks=2),
        order_of(balance=RARE),
        order_of(window=ShuffleWindow(shards_of([100]), 450)),
        order_of(window=ShuffleWindow(shards_of([100]), 550)),
        *(order_of(cases=rotation) for rotation in rotations),
    ]
    assert len({order.fingerprint for order in orders}) == len(orders)
    assert order_of(cases=CASES[::-1]).fingerprint == order_of().fingerprint
