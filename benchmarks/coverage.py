"""`python -m benchmarks.coverage [part of a name ...]`: how often intervals hold the truth, as a Markdown table.

Every row draws cohorts from a known distribution and asks the library for its interval. A cell is the share of
intervals that hold the true value, in percent, and in brackets that of the percentile bootstrap on the same cohorts.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from medgantry.evaluation.classification.agreement import (
    accuracy_difference,
    balanced_accuracy,
    balanced_accuracy_interval,
)
from medgantry.evaluation.classification.auc import (
    auc,
    auc_interval,
    macro_auc_difference,
    macro_auc_interval,
)
from medgantry.evaluation.classification.curves import pr_auc, sensitivity_at
from medgantry.statistics.clusters import cluster_codes
from medgantry.statistics.interval import LEVEL, Interval
from medgantry.statistics.mean import clustered_mean
from medgantry.statistics.resampling import bootstrap_interval, resample

SIMULATIONS = 2000
GROUPS = (20, 50, 100, 200)
WITHIN = 0.5
"""Correlation of two images of one patient, before the marginal distribution is put on."""
LARGE = 400_000
"""Cases from which a truth is found that has no formula."""
PEER_RESAMPLES = 1000
SCARCE = 0.2

Limits = tuple[float, float]
Found = tuple[Interval | None, Limits | None]
"""The library's interval, and the percentile bootstrap's limits where they were asked for."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A metric on cohorts whose true value is known."""

    name: str
    truth: float
    find: Callable[[np.random.Generator, int, bool], Found]
    """From a generator, a number of groups and whether the peer is wanted."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Shares in [0, 1]; NaN where nothing was measured."""

    library: float
    peer: float
    undefined: int
    """Cohorts that have no such metric, left out."""


def measure(
    scenario: Scenario, groups: int, *, simulations: int = SIMULATIONS, peer: bool = True
) -> Coverage:
    """Coverage over simulated cohorts of so many groups; the seed is fixed."""
    generator = np.random.default_rng(20)
    held: list[bool] = []
    peers: list[bool] = []
    for _ in range(simulations):
        found, limits = scenario.find(generator, groups, peer)
        if found is not None:
            held.append(found.low <= scenario.truth <= found.high)
        if limits is not None:
            peers.append(limits[0] <= scenario.truth <= limits[1])
    return Coverage(
        library=float(np.mean(held)),
        peer=float(np.mean(peers)) if peers else float("nan"),
        undefined=simulations - len(held),
    )


def _percentiles(values: NDArray[np.float64]) -> Limits:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _uniform(generator: np.random.Generator, groups: int, images: int) -> tuple[NDArray[Any], list[str]]:
    """Uniform values, correlated within patients of 1 to `images` images, and whose they are."""
    sizes = generator.integers(1, images + 1, size=groups)
    owners = np.repeat(np.arange(groups), sizes)
    shared, single = generator.normal(size=groups)[owners], generator.normal(size=len(owners))
    return stats.norm.cdf(np.sqrt(WITHIN) * shared + np.sqrt(1 - WITHIN) * single), owners.astype(
        str
    ).tolist()


def _mean(
    quantile: Callable[[NDArray[Any]], NDArray[Any]],
    bounds: Limits | None,
    images: int,
    generator: np.random.Generator,
    groups: int,
    peer: bool,
) -> Found:
    uniform, owners = _uniform(generator, groups, images)
    values = quantile(uniform)
    found = clustered_mean(values.tolist(), owners, bounds=bounds)
    if not peer:
        return found, None
    codes = cluster_codes(owners)
    sums, sizes = np.bincount(codes, weights=values), np.bincount(codes)
    drawn = generator.integers(0, groups, size=(PEER_RESAMPLES, groups))
    return found, _percentiles(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))


def _with_zeros(uniform: NDArray[Any]) -> NDArray[Any]:
    return np.where(uniform < 0.1, 0.0, ((uniform - 0.1).clip(0) / 0.9) ** (1 / 9))


def _accuracies(images: int, generator: np.random.Generator, groups: int, _: bool) -> Found:
    """Both right 85 %, only the candidate 10 %, only the champion 2 %."""
    uniform, owners = _uniform(generator, groups, images)
    candidate, champion = uniform < 0.95, (uniform < 0.85) | ((uniform > 0.95) & (uniform < 0.97))
    right = np.ones(len(uniform), dtype=int)
    return accuracy_difference(right, candidate.astype(int), champion.astype(int), owners), None


def _binormal(
    generator: np.random.Generator, groups: int, images: int, area: float, prevalence: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64], list[str]]:
    uniform, owners = _uniform(generator, groups, images)
    positive = generator.random(len(uniform)) < prevalence
    return positive, stats.norm.ppf(uniform) + np.sqrt(2) * stats.norm.ppf(area) * positive, owners


def _area(
    area: float, prevalence: float, images: int, generator: np.random.Generator, groups: int, peer: bool
) -> Found:
    positive, scores, owners = _binormal(generator, groups, images, area, prevalence)
    found = auc_interval(positive, scores, owners)
    # The peer takes minutes a row: one row is asked for it.
    if not peer or found is None or prevalence != SCARCE:
        return found, None
    return found, _percentiles(resample(lambda drawn: auc(positive[drawn], scores[drawn]), owners).values)


def _resampled(
    statistic: Callable[[NDArray[np.bool_], NDArray[np.float64]], float | None],
    area: float,
    prevalence: float,
    generator: np.random.Generator,
    groups: int,
    peer: bool,
) -> Found:
    positive, scores, owners = _binormal(generator, groups, 1, area, prevalence)
    if positive.all() or not positive.any():
        return None, None

    values: list[float] = []

    def of(drawn: NDArray[np.intp]) -> float | None:
        value = statistic(positive[drawn], scores[drawn])
        if value is not None:
            values.append(value)
        return value

    found = bootstrap_interval(of, owners, units=int(positive.sum()))
    # The first value is of the cohort itself; the others are the draws that the library saw.
    return found, _percentiles(np.array(values[1:])) if peer else None


def _sensitivity(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    return sensitivity_at(positive, scores, 0.9)


def _classes(
    generator: np.random.Generator, cases: int, signals: Sequence[float]
) -> tuple[NDArray[np.int_], list[NDArray[np.float64]]]:
    """Three classes of 50, 30 and 20 %, and one model for each signal; the models' errors correlate by 0.7."""
    reference = generator.choice(3, size=cases, p=[0.5, 0.3, 0.2])
    shared, found = generator.normal(size=(cases, 3)), []
    for signal in signals:
        own = generator.normal(size=(cases, 3))
        logits = np.sqrt(0.7) * shared + np.sqrt(0.3) * own + signal * np.eye(3)[reference]
        found.append(special.softmax(logits, axis=1))
    return reference, found


def _macro(signals: Sequence[float], generator: np.random.Generator, groups: int, _: bool) -> Found:
    reference, models = _classes(generator, groups, signals)
    owners = np.arange(groups).astype(str).tolist()
    if len(models) == 1:
        return macro_auc_interval(reference, models[0], owners), None
    return macro_auc_difference(reference, models[0], models[1], owners), None


def _balanced(signal: float, generator: np.random.Generator, groups: int, _: bool) -> Found:
    reference, (model,) = _classes(generator, groups, [signal])
    if len(np.unique(reference)) < 3:
        return None, None
    owners = np.arange(groups).astype(str).tolist()
    return balanced_accuracy_interval(reference, model.argmax(axis=1), owners), None


@cache
def _true_macro(signal: float) -> tuple[float, float]:
    """Macro AUC and balanced accuracy of a very large cohort."""
    reference, (model,) = _classes(np.random.default_rng(1), LARGE, [signal])
    areas = [float(auc(reference == label, model[:, label]) or 0.0) for label in range(3)]
    return float(np.mean(areas)), balanced_accuracy(reference, model.argmax(axis=1))


@cache
def _true_precision(area: float, prevalence: float) -> float:
    positive, scores, _ = _binormal(np.random.default_rng(1), LARGE, 1, area, prevalence)
    return float(pr_auc(positive, scores) or 0.0)


def means() -> list[Scenario]:
    """Means, shares and differences, of one image or of one to three images a patient."""
    unit = (0.0, 1.0)
    kinds: list[tuple[str, float, Callable[[NDArray[Any]], NDArray[Any]], Limits | None]] = [
        ("mean Dice, Beta(9, 1)", 0.9, lambda uniform: uniform ** (1 / 9), unit),
        ("mean Dice, 10 % zeros, else Beta(9, 1)", 0.81, _with_zeros, unit),
        *(
            (f"share {share}", share, partial(lambda at, uniform: (uniform < at).astype(float), share), unit)
            for share in (0.5, 0.8, 0.9, 0.95)
        ),
        ("difference, normal", 0.02, lambda uniform: 0.02 + 0.05 * stats.norm.ppf(uniform), None),
        ("difference, exponential", 0.05, lambda uniform: -0.05 * np.log(uniform), None),
    ]
    return [
        Scenario(name=f"{name}{suffix}", truth=truth, find=partial(_mean, quantile, bounds, images))
        for name, truth, quantile, bounds in kinds
        for images, suffix in ((1, ""), (3, "; 1-3 images"))
    ] + [
        Scenario(
            name=f"difference of accuracy, 0.95 - 0.87{suffix}", truth=0.08, find=partial(_accuracies, images)
        )
        for images, suffix in ((1, ""), (3, "; 1-3 images"))
    ]


def areas() -> list[Scenario]:
    """AUC of two classes, and what is read off their curves."""
    found = [
        Scenario(
            name=f"AUC {area}, prevalence {prevalence}{suffix}",
            truth=area,
            find=partial(_area, area, prevalence, images),
        )
        for area, prevalence, images, suffix in (
            (0.8, 0.5, 1, ""),
            (0.9, SCARCE, 1, ""),
            (0.9, 0.5, 3, "; 1-3 images"),
            (0.97, 0.5, 1, ""),
        )
    ]
    sensitivity = float(stats.norm.sf(stats.norm.ppf(0.9) - np.sqrt(2) * stats.norm.ppf(0.9)))
    for statistic, truth, name in (
        (pr_auc, _true_precision(0.9, 0.3), "PR-AUC"),
        (_sensitivity, sensitivity, "sensitivity at specificity 0.9"),
    ):
        found.append(
            Scenario(
                name=f"{name}, {truth:.2f} (AUC 0.9, prevalence 0.3)",
                truth=truth,
                find=partial(_resampled, statistic, 0.9, 0.3),
            )
        )
    return found


def several() -> list[Scenario]:
    """Three classes."""
    found = []
    for signal in (1.0, 1.8):
        area, right = _true_macro(signal)
        found.append(Scenario(name=f"macro AUC, {area:.2f}", truth=area, find=partial(_macro, (signal,))))
        found.append(
            Scenario(name=f"balanced accuracy, {right:.2f}", truth=right, find=partial(_balanced, signal))
        )
    for candidate, champion in ((1.0, 0.7), (1.8, 1.8), (3.0, 2.7)):
        ours, theirs = _true_macro(candidate)[0], _true_macro(champion)[0]
        found.append(
            Scenario(
                name=f"difference of macro AUC, {ours:.3f} - {theirs:.3f}",
                truth=ours - theirs,
                find=partial(_macro, (candidate, champion)),
            )
        )
    return found


def _cell(found: Coverage) -> str:
    peer = "" if np.isnan(found.peer) else f" [{100 * found.peer:.1f}]"
    return f"{100 * found.library:.1f}{peer}"


def main() -> None:
    """Print a row for each metric whose name holds an argument, or for all."""
    print("| metric |" + "".join(f" n = {groups} |" for groups in GROUPS))
    print("|---|" + "---|" * len(GROUPS))
    for scenario in (*means(), *areas(), *several()):
        if not sys.argv[1:] or any(part in scenario.name for part in sys.argv[1:]):
            cells = [_cell(measure(scenario, groups)) for groups in GROUPS]
            print(f"| {scenario.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
