"""Statistics: the exact empirical bootstrap, and all of a page of two populations, against 10,000 repetitions."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import fastest
from engine import statistics
from engine.statistics.population import Population

REPETITIONS = 10_000
PARAMETERS = ("depth", "w_0", "w_a", "w_m", "group_width", "bottleneck_ratio")
COSTS = ("flops", "params", "acts")


def main() -> None:
    print(f"{'empirical bootstrap of one parameter':40} {'exact':>12} {'simulated':>12} {'ratio':>9}")
    for n in (500, 5_000, 20_000):
        samples = population(n, seed=0)
        ours = fastest(lambda samples=samples: statistics.empirical_bootstrap(samples["w_m"], samples), 50)
        plain = fastest(lambda samples=samples: simulated_bootstrap(samples["w_m"], samples.errors), 1)
        print_row(n, ours, plain)
    print(f"{'page of two populations':40} {'all of it':>12} {'bootstraps':>12} {'ratio':>9}")
    for n in (500, 20_000):
        one, other = population(n, seed=1), population(n, seed=2)
        ours = fastest(lambda one=one, other=other: page(one, other), 2)
        plain = fastest(lambda one=one, other=other: (simulated_page(one), simulated_page(other)), 1)
        print_row(n, ours, plain)


def print_row(n: int, ours: float, plain: float) -> None:
    print(f"  n = {n:<34,} {1e3 * ours:9.3f} ms {1e3 * plain:9.0f} ms {plain / ours:7,.0f} x")


def population(n: int, *, seed: int) -> Population:
    """A population shaped like RegNetX's of the paper: skewed errors, parameters on their grids."""
    rng = np.random.default_rng(seed)
    w_m = rng.integers(2_000, 3_001, n) / 1_000
    errors = np.minimum(38 + rng.gamma(2, 1.5, n) + 4 * (w_m - 2.4) ** 2, 100)
    grids = {"depth": (12, 29, 1), "w_0": (1, 33, 8), "w_a": (80, 2_560, 0.1), "group_width": (1, 17, 8)}
    columns = {name: rng.integers(low, high, n) * step for name, (low, high, step) in grids.items()}
    costs = {name: rng.integers(10**6, 4 * 10**8, n) for name in COSTS}
    return Population.from_columns(
        {**columns, "w_m": w_m, "bottleneck_ratio": rng.choice([1, 2, 4], n), **costs, "error": errors}, failed=3
    )


def page(one: Population, other: Population) -> None:
    """What an analysis page of two populations shows."""
    statistics.compare_errors(one, other)
    statistics.compare_sequentially(one.errors, other.errors)
    statistics.compare_at_equal_cost(one.errors, one["flops"], other.errors, other["flops"])
    limits = statistics.common_limits(one["flops"], other["flops"])
    for samples in (one, other):
        statistics.error_edf(samples)
        statistics.edf_band(samples)
        statistics.anytime_edf_band(samples)
        statistics.failure_bounds(samples, failed=samples.failed)
        statistics.mean_interval(samples)
        statistics.median_error(samples)
        statistics.area_under_edf(samples, up_to=50)
        for share in (0.05, 0.25, 0.5, 0.75, 0.95):
            statistics.quantile_interval(samples, share)
        statistics.normalised_band(statistics.normalised_edf(samples, samples["flops"], limits=limits))
        statistics.random_search_curve(samples)
        statistics.sample_size_study(samples)
        statistics.parameter_importance(samples, parameters=PARAMETERS)
        statistics.suggest_refinements(samples, parameters=PARAMETERS)
        statistics.best_designs(samples, standard_errors=np.full(samples.n, 0.2))
        for name in (*PARAMETERS, *COSTS):
            statistics.empirical_bootstrap(samples[name], samples)
            statistics.rank_correlation(samples[name], samples)
        for name in COSTS:
            statistics.error_cost_front(samples, samples[name])


def simulated_bootstrap(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    n, kept = len(errors), np.empty(REPETITIONS)
    for repetition in range(REPETITIONS):
        rows = rng.integers(0, n, n // 4)
        kept[repetition] = values[rows[np.argmin(errors[rows])]]
    return np.quantile(kept, (0.025, 0.5, 0.975))


def simulated_page(samples: Population) -> None:
    """The bootstraps of one population alone, each by 10,000 repetitions: the mean, parameters and costs."""
    rng = np.random.default_rng(0)
    means = [rng.choice(samples.errors, samples.n).mean() for _ in range(REPETITIONS)]
    np.quantile(means, (0.025, 0.975))
    for name in (*PARAMETERS, *COSTS):
        simulated_bootstrap(samples[name], samples.errors)


if __name__ == "__main__":
    main()
