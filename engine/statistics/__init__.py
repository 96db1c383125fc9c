"""Statistics of populations: each takes errors in percent, or a `Population`, and returns a frozen result."""

from __future__ import annotations

from engine.statistics.bootstrap import empirical_bootstrap, mean_error
from engine.statistics.comparisons import Verdict, compare_all, compare_errors, fewest_to_differ, holm, ks_test
from engine.statistics.correlation import cost_correlation, rank_correlation
from engine.statistics.edf import (
    anytime_edf_band,
    area_under_edf,
    common_limits,
    compare_normalised,
    edf_band,
    error_edf,
    failure_bounds,
    normalised_band,
    normalised_edf,
)
from engine.statistics.fronts import best_designs, error_cost_front
from engine.statistics.importance import parameter_importance
from engine.statistics.intervals import ks_interval, median_difference, median_error, quantile_interval
from engine.statistics.refine import suggest_refinements, what_if
from engine.statistics.reweight import Source, reweight
from engine.statistics.search import expected_best, random_search_curve, sample_size_study
from engine.statistics.sequential import (
    alpha_of_each_pair,
    anytime_mean,
    anytime_median,
    compare_sequentially,
)

__all__ = [
    "Source",
    "Verdict",
    "alpha_of_each_pair",
    "anytime_edf_band",
    "anytime_mean",
    "anytime_median",
    "area_under_edf",
    "best_designs",
    "common_limits",
    "compare_all",
    "compare_errors",
    "compare_normalised",
    "compare_sequentially",
    "cost_correlation",
    "edf_band",
    "empirical_bootstrap",
    "error_cost_front",
    "error_edf",
    "expected_best",
    "failure_bounds",
    "fewest_to_differ",
    "holm",
    "ks_interval",
    "ks_test",
    "mean_error",
    "median_difference",
    "median_error",
    "normalised_band",
    "normalised_edf",
    "parameter_importance",
    "quantile_interval",
    "random_search_curve",
    "rank_correlation",
    "reweight",
    "sample_size_study",
    "suggest_refinements",
    "what_if",
]
