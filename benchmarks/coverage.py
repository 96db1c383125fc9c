"""How often the intervals hold and how often something is claimed of equal spaces, as the tables of docs/statistics.md.

Populations are drawn again and again, and each interval that a page prints is asked whether it holds the true value. Of
one seed, so the tables are the same at every run but for the last digit of other machines.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import product

import numpy as np

from engine import statistics
from engine.errors import InvalidPopulation
from engine.spaces import AnyNetSpace, laws
from engine.spaces.candidates import draw_candidates
from engine.spaces.sampling import wilson_interval
from engine.statistics.population import FloatArray, Population
from engine.statistics.theta import estimate_theta, median_of_differences

REPETITIONS = 400
CLAIMS = 200
SIZES = (8, 16, 32, 100)
PROCESSES = 2
CLAIMED_OF = ("gamma", "6 % stuck")
TRUTH = 200_000  # networks that stand for a whole population
SHIFT = 2.0  # points by which the second population is worse
UP_TO = 60.0  # percent, of the area under the EDF

Law = Callable[[np.random.Generator, int], FloatArray]
Trial = tuple[str, float, float, float]  # what, the ends of its interval, the truth
Case = Callable[[str, int, np.random.Generator], Iterator[Trial]]


def gamma(rng: np.random.Generator, n: int) -> FloatArray:
    """Minimum 39, mean 49, rounded to 0.1."""
    return np.minimum(np.round(39 + rng.gamma(1.6, 6.25, n), 1), 100.0)


def whole_percents(rng: np.random.Generator, n: int) -> FloatArray:
    return np.round(gamma(rng, n))


def stuck(rng: np.random.Generator, n: int) -> FloatArray:
    """6 % of the networks don't learn."""
    return np.where(rng.random(n) < 0.06, 90.0, np.minimum(8 + rng.gamma(2, 3, n), 100.0))


def lognormal(rng: np.random.Generator, n: int) -> FloatArray:
    return np.minimum(5 + np.exp(rng.normal(1.5, 0.9, n)), 100.0)


def failing(rng: np.random.Generator, n: int) -> FloatArray:
    """10 % of the networks fail."""
    return np.where(rng.random(n) < 0.1, math.inf, gamma(rng, n))


LAWS: dict[str, Law] = {
    "gamma": gamma,
    "whole percents": whole_percents,
    "6 % stuck": stuck,
    "lognormal": lognormal,
    "10 % failed": failing,
}


def main() -> None:
    sizes = " | ".join(f"n = {n}" for n in SIZES)
    lines = "---|" * len(SIZES)
    with ProcessPoolExecutor(PROCESSES) as pool:
        asked = list(product(CASES, LAWS, SIZES))
        cells: dict[str, dict[tuple[str, int], tuple[float, float]]] = defaultdict(dict)
        for (_, law, n), found in zip(asked, pool.map(_coverage, asked), strict=True):
            for what, measured in found.items():
                cells[what][law, n] = measured
        print(f"| interval | {sizes} |\n|---|{lines}")
        for what, of_laws in cells.items():
            print(f"| {what} | " + " | ".join(_cell(of_laws, n) for n in SIZES) + " |", flush=True)
        print(f"\n| claimed of equal spaces or noise | {sizes} |\n|---|{lines}")
        asked = list(product(CLAIMED, CLAIMED_OF, SIZES))
        rates = dict(zip(asked, pool.map(_rate, asked), strict=True))
    for what in CLAIMED:
        shares = [" / ".join(f"{rates[what, law, n]:.2f}" for law in CLAIMED_OF) for n in SIZES]
        print(f"| {what} | {' | '.join(shares)} |")


def _cell(of_laws: dict[tuple[str, int], tuple[float, float]], n: int) -> str:
    """The coverage of each population in the order of `LAWS`, and the median width of the first that has one."""
    measured = [of_laws.get((law, n)) for law in LAWS]
    widths = [one[1] for one in measured if one is not None]
    if not widths:
        return "–"
    shares = " / ".join("–" if one is None else f"{one[0]:.2f}" for one in measured)
    return f"{shares} ({widths[0]:.3g})"


def _coverage(asked: tuple[str, str, int]) -> dict[str, tuple[float, float]]:
    case, law, n = asked
    return coverage(CASES[case], law, n, repetitions=REPETITIONS)


def coverage(case: Case, law: str, n: int, *, repetitions: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """For each interval of a case the share of repetitions in which it holds the truth, and its median width."""
    rng = np.random.default_rng([seed, n, list(LAWS).index(law)])
    held, widths = defaultdict(list), defaultdict(list)
    for _ in range(repetitions):
        for what, low, high, truth in case(law, n, rng):
            held[what].append(low - 1e-9 <= truth <= high + 1e-9)
            widths[what].append(high - low)
    return {
        what: (float(np.mean(held[what])), float(np.median(widths[what])))
        for what in held
        if len(held[what]) >= repetitions / 3  # one that is seldom printed is not measured
    }


@lru_cache(maxsize=32)
def truth_of(law: str) -> FloatArray:
    return np.sort(LAWS[law](np.random.default_rng(1), TRUTH))


def worse(errors: FloatArray, by: float = SHIFT) -> FloatArray:
    return np.where(np.isfinite(errors), np.clip(errors + by, 0, 100), math.inf)


@lru_cache(maxsize=32)
def truth_of_two(law: str) -> tuple[float, float, float, float]:
    """Theta, the median difference, KS D and the difference of means."""
    a, b = truth_of(law), worse(truth_of(law))
    at = np.concatenate([a, b])
    apart = np.searchsorted(a, at, side="right") - np.searchsorted(b, at, side="right")
    means = [errors[np.isfinite(errors)].mean() for errors in (a, b)]
    middle = slice(TRUTH // 4_000, None, TRUTH // 2_000)  # 2,000 evenly spaced quantiles
    return (
        estimate_theta(a, b).theta,
        median_of_differences(a[middle], b[middle]),
        float(np.abs(apart).max()) / TRUTH,
        float(means[0] - means[1]),
    )


def of_two(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    a, b = LAWS[law](rng, n), worse(LAWS[law](rng, n))
    theta, difference, distance, means = truth_of_two(law)
    compared = statistics.compare_errors(a, b)
    yield "theta", *compared.interval, theta
    if compared.difference_interval:
        yield "median difference", *compared.difference_interval, difference
    yield "KS D", *statistics.ks_test(a, b).interval, distance
    path = statistics.compare_sequentially(a, b).path
    yield "theta at every look", float(path.low.max(initial=0)), float(path.high.min(initial=1)), theta
    if min(np.isfinite(a).sum(), np.isfinite(b).sum()) >= statistics.FEWEST_FOR_A_MEAN:
        yield "difference of means", *statistics.mean_difference_interval(a, b).interval, means


def of_one(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    errors, truth = LAWS[law](rng, n), truth_of(law)
    median, finite = _quantile(truth, 0.5), truth[np.isfinite(truth)]
    yield "median", *statistics.quantile_interval(errors), median
    if m := statistics.largest_m(n):
        yield "best of m, the largest", *statistics.best_of(errors, m).interval, _quantile(truth, 1 - 2 ** (-1 / m))
    if np.isfinite(errors).sum() >= statistics.FEWEST_FOR_A_MEAN:
        yield "mean", *statistics.mean_interval(errors).interval, float(finite.mean())
    area = statistics.area_under_edf(errors, up_to=UP_TO).interval
    yield "area under the EDF", *area, float(np.maximum(0, UP_TO - truth).mean() / UP_TO)
    yield "EDF at five points at once", *_band_errors(statistics.edf_band(errors), errors, truth)
    if n >= 50:
        yield "median at every look", *statistics.anytime_median(errors).interval, median
    costs = rng.lognormal(0, 0.4, n)
    band = statistics.normalised_band(statistics.normalised_edf(errors, costs))
    yield "median at equal cost", *band.quantile_interval(), median


def _quantile(rising: FloatArray, share: float) -> float:
    return float(rising[math.ceil(len(rising) * share) - 1])


def _band_errors(band: statistics.edf.EdfBand, errors: FloatArray, truth: FloatArray) -> tuple[float, float, float]:
    """The band as an interval around 0 of the largest error of the EDF at five quantiles."""
    at = [_quantile(truth, share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
    shares = [np.searchsorted(np.sort(one), at, side="right") / len(one) for one in (errors, truth)]
    return -band.half_width, band.half_width, float(np.abs(shares[0] - shares[1]).max())


def at_equal_cost(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    """Errors fall by 8 points per unit of log cost, and B costs 20 % more: equal at equal cost."""
    costs = rng.lognormal(0, 0.4, n), 1.2 * rng.lognormal(0, 0.4, n)
    a, b = (worse(LAWS[law](rng, n), -8 * np.log(cost)) for cost in costs)
    result = statistics.compare_at_equal_cost(a, costs[0], b, costs[1])
    if result.interval:
        yield "theta at equal cost", *result.interval, 0.5
    if result.difference_interval and min(result.finished) >= statistics.FEWEST_FOR_A_MEAN:
        yield "means at equal cost", *result.difference_interval, 0.0


@lru_cache(maxsize=32)
def truth_of_half(law: str) -> tuple[float, float]:
    """Theta and the effect on the mean where one half of the designs is lower by 4 points."""
    inside, outside = worse(truth_of(law), -4.0), truth_of(law)
    means = [errors[np.isfinite(errors)].mean() for errors in (inside, outside)]
    return estimate_theta(inside, outside).theta, float(means[0] - means[1]) / 2


def of_half(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    inside = rng.random(n) < 0.5
    if not inside.any():
        return
    errors = LAWS[law](rng, n)
    result = statistics.what_if(np.where(inside, worse(errors, -4.0), errors), inside)
    theta, effect = truth_of_half(law)
    yield "what if: theta", *result.comparison.interval, theta
    if min(result.finished) >= statistics.FEWEST_FOR_A_MEAN:
        yield "what if: mean", *result.interval, effect


def designed(law: str, n: int, rng: np.random.Generator) -> tuple[dict[str, FloatArray], FloatArray]:
    """Designs of three parameters, of which one tells half of the error."""
    columns = {"a": rng.integers(1, 17, n).astype(float), "b": rng.random(n) + 1, "c": rng.integers(1, 4, n) * 8.0}
    return columns, worse(LAWS[law](rng, n), -10 * np.log(columns["a"] / 6))


@lru_cache(maxsize=32)
def truth_of_designed(law: str) -> tuple[FloatArray, float]:
    columns, errors = designed(law, TRUTH, np.random.default_rng(2))
    finite = np.isfinite(errors)
    return np.sort(errors), statistics.rank_correlation(columns["a"][finite], errors[finite]).coefficient


def with_designs(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    columns, errors = designed(law, n, rng)
    truth, rho = truth_of_designed(law)
    finite = np.isfinite(errors)
    if n >= 8 and np.ptp(errors[finite]) > 0:
        yield "Spearman's rho", *statistics.rank_correlation(columns["a"][finite], errors[finite]).interval, rho
    if n < 60:
        return
    result = statistics.predicted_edf(errors, columns, designed(law, 2_000, rng)[0])
    yield "median with what designs tell", *result.median_interval, _quantile(truth, 0.5)
    for share in (0.25, 0.75):
        place = int(np.argmin(np.abs(result.fractions - share)))
        true_share = float(np.searchsorted(truth, result.errors[place], side="right")) / len(truth)
        yield "EDF with what designs tell", float(result.lower[place]), float(result.upper[place]), true_share


def pooled(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    """Samples of depths 1 to 16 and 1 to 8 together, for depths 1 to 12, behind windows that accept 0.02 and 0.1."""
    if n < 16 or law == "10 % failed":
        return
    sources = []
    for high, acceptance in ((16, 0.02), (8, 0.1)):
        space = _of_depths(high)
        drawn = draw_candidates(space, rng, n)
        depths = drawn.drawn["depths"][0].astype(float)
        designs = [drawn.design(row) for row in range(n)]
        counted = 400 + int(rng.negative_binomial(400, acceptance))
        errors = worse(LAWS[law](rng, n), depths / 2)
        sources.append(statistics.Source(errors, designs, space, accepted=400, drawn=counted))
    try:
        result = statistics.reweight(sources, _of_depths(12), seed=int(rng.integers(2**31)))
    except InvalidPopulation:
        return
    rising = np.sort(worse(np.resize(truth_of(law)[::17], 12_000), np.repeat(np.arange(1, 13) / 2, 1_000)))
    yield "several spaces: mean", *result.mean_interval, float(rising.mean())
    yield "several spaces: median", *result.median_interval, _quantile(rising, 0.5)


@lru_cache(maxsize=4)
def _of_depths(high: int) -> AnyNetSpace:
    return AnyNetSpace(stages=1, depths=laws.uniform(low=1, high=high), widths=laws.choice([64]),
                       bottleneck_ratios=laws.choice([1]), group_widths=laws.choice([8]))  # fmt: skip


def acceptance(law: str, n: int, rng: np.random.Generator) -> Iterator[Trial]:
    if law == "gamma":
        for share in (0.02, 0.3):
            drawn = n + int(rng.negative_binomial(n, share))
            yield f"acceptance of {share}, n accepted", *wilson_interval(n, drawn), share


CASES: dict[str, Case] = {
    "two": of_two,
    "one": of_one,
    "cost": at_equal_cost,
    "half": of_half,
    "designs": with_designs,
    "pooled": pooled,
    "acceptance": acceptance,
}


def claims_of_spaces(count: int, law: str, n: int, rng: np.random.Generator) -> bool:
    """Whether a difference is claimed among equal spaces."""
    return any(pair.differs for pair in statistics.compare_all([LAWS[law](rng, n) for _ in range(count)]))


def claim_of_looking(law: str, n: int, rng: np.random.Generator) -> bool:
    """Whether one is claimed at any look at a batch that grows to four times n pairs."""
    return statistics.compare_sequentially(LAWS[law](rng, 4 * n), LAWS[law](rng, 4 * n)).verdict in (
        statistics.Verdict.A_LOWER,
        statistics.Verdict.B_LOWER,
    )


def noise(law: str, n: int, rng: np.random.Generator) -> Population:
    return Population.from_columns({**{name: rng.integers(1, 20, n) for name in "abcdef"}, "error": LAWS[law](rng, n)})


def claim_of_suggestions(law: str, n: int, rng: np.random.Generator) -> bool:
    return statistics.suggest_refinements(noise(law, n, rng), parameters=list("abcdef")).p_search <= 0.05


def claim_of_importance(law: str, n: int, rng: np.random.Generator) -> bool:
    found = statistics.parameter_importance(noise(law, n, rng), parameters=list("abcdef"))
    return found.parameters[0].p_value <= 0.05


CLAIMED: dict[str, Callable[[str, int, np.random.Generator], bool]] = {
    "a difference of 2 equal spaces": partial(claims_of_spaces, 2),
    "any difference of 6 equal spaces": partial(claims_of_spaces, 6),
    "a difference at any look, to 4 n pairs": claim_of_looking,
    "a restriction, where errors are noise": claim_of_suggestions,
    "a parameter that matters, where errors are noise": claim_of_importance,
}


def _rate(asked: tuple[str, str, int]) -> float:
    what, law, n = asked
    return claim_rate(what, law, n, repetitions=CLAIMS)


def claim_rate(what: str, law: str, n: int, *, repetitions: int, seed: int = 0) -> float:
    rng = np.random.default_rng([seed, n, list(LAWS).index(law), list(CLAIMED).index(what)])
    return float(np.mean([CLAIMED[what](law, n, rng) for _ in range(repetitions)]))


if __name__ == "__main__":
    main()
