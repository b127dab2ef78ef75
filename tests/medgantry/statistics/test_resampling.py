import numpy as np
import pytest
from numpy.typing import NDArray

from medgantry.statistics.mean import clustered_mean
from medgantry.statistics.resampling import bootstrap_interval, resample

VALUES = np.random.default_rng(0).beta(8, 2, 60)
GROUPS = [str(case // 2) for case in range(60)]


def mean(drawn: NDArray[np.intp]) -> float:
    return float(VALUES[drawn].mean())


def test_whole_groups_are_drawn() -> None:
    groups = ["b", "a", "c", "a", "c", "c"]

    def whole(drawn: NDArray[np.intp]) -> float:
        counts = np.bincount(drawn, minlength=6)
        assert counts[1] == counts[3]
        assert counts[2] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[2] == 3
        return float(counts[0])

    assert len(resample(whole, groups, resamples=50).values) == 50


def test_its_spread_is_the_cluster_robust_one() -> None:
    found = resample(mean, GROUPS, resamples=2000).values
    expected = clustered_mean(list(VALUES), GROUPS)
    assert found.std() == pytest.approx((expected.high - expected.low) / 2 / 2.045, rel=0.06)


def test_percentiles_without_units() -> None:
    found = bootstrap_interval(mean, GROUPS)
    values = resample(mean, GROUPS).values
    assert found is not None
    assert (found.low, found.high) == pytest.approx(np.quantile(values, [0.025, 0.975]))
    assert found.method == "cluster bootstrap, 500 draws, percentile"


def test_what_no_draw_changes_is_not_certain() -> None:
    found = bootstrap_interval(lambda _: 1.0, GROUPS, units=10)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_undefined_draws_are_skipped_and_counted() -> None:
    found = bootstrap_interval(lambda drawn: mean(drawn) if (drawn == 7).any() else None, GROUPS, units=30)
    assert found is not None
    # A group is missing from a draw of 30 in (29/30)^30 = 36 % of cases.
    assert 150 < int(found.method.split("(")[1].split()[0]) < 210


def test_nothing_known_is_said() -> None:
    assert bootstrap_interval(lambda _: None, GROUPS, units=3) is None
    single = bootstrap_interval(mean, GROUPS, units=1)
    assert single is not None
    assert (single.low, single.high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="every draw"):
        bootstrap_interval(lambda drawn: 0.5 if len(set(drawn)) == 60 else None, GROUPS)


def test_it_is_deterministic() -> None:
    assert bootstrap_interval(mean, GROUPS, units=30) == bootstrap_interval(mean, GROUPS, units=30)
