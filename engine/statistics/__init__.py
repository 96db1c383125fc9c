"""Statistics of populations: each takes errors in percent, or a `Population`, and returns a frozen result."""

from __future__ import annotations

from engine.statistics.best import best_of, largest_m
from engine.statistics.bootstrap import empirical_bootstrap
from engine.statistics.comparisons import Verdict, compare_all, compare_errors, fewest_to_differ, holm, ks_test
from engine.statistics.correlation import cost_correlation, rank_correlation
from engine.statistics.edf import (
    anytime_edf_band,
    area_under_edf,
    common_limits,
    edf_band,
    error_edf,
    failure_bounds,
    normalised_band,
    normalised_edf,
)
from engine.statistics.equal_cost import compare_at_equal_cost
from engine.statistics.fronts import best_designs, error_cost_front
from engine.statistics.importance import parameter_importance
from engine.statistics.intervals import ks_interval, median_error, quantile_interval
from engine.statistics.means import FEWEST_FOR_A_MEAN, mean_difference_interval, mean_interval
from engine.statistics.predicted import predicted_edf
from engine.statistics.refine import what_if
from engine.statistics.reweight import Source, reweight
from engine.statistics.search import random_search_curve, sample_size_study
from engine.statistics.sequential import (
    alpha_of_each_pair,
    anytime_median,
    compare_sequentially,
)
from engine.statistics.suggestions import suggest_refinements

__all__ = [
    "FEWEST_FOR_A_MEAN",
    "Source",
    "Verdict",
    "alpha_of_each_pair",
    "anytime_edf_band",
    "anytime_median",
    "area_under_edf",
    "best_designs",
    "best_of",
    "common_limits",
    "compare_all",
    "compare_at_equal_cost",
    "compare_errors",
    "compare_sequentially",
    "cost_correlation",
    "edf_band",
    "empirical_bootstrap",
    "error_cost_front",
    "error_edf",
    "failure_bounds",
    "fewest_to_differ",
    "holm",
    "ks_interval",
    "ks_test",
    "largest_m",
    "mean_difference_interval",
    "mean_interval",
    "median_error",
    "normalised_band",
    "normalised_edf",
    "parameter_importance",
    "predicted_edf",
    "quantile_interval",
    "random_search_curve",
    "rank_correlation",
    "reweight",
    "sample_size_study",
    "suggest_refinements",
    "what_if",
]
