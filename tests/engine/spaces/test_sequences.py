"""Sequences of values under independent laws, given a relation between neighbours: exactly their conditioned law."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.spaces.laws import choice, log_uniform, uniform
from engine.spaces.sequences import LawSequence

LAWS = (
    choice([1, 2, 4, 5], weights=[1, 2, 2, 3]),
    log_uniform(low=1, high=4),
    choice([2, 3, 4, 7], weights=[4, 1, 1, 2]),
)
RELATIONS = ("free", "equal", "non_decreasing")


def enumerated(sequence: LawSequence) -> dict[tuple[float, ...], float]:
    """Every sequence that meets the relation with its probability, by looking at all of them."""
    weights = {}
    for positions in itertools.product(*(range(len(law.values)) for law in sequence.laws)):
        values = tuple(law.values[at].item() for law, at in zip(sequence.laws, positions, strict=True))
        if sequence.related(values):
            weights[values] = math.prod(law.probabilities[at] for law, at in zip(sequence.laws, positions, strict=True))
    total = sum(weights.values())
    return {values: weight / total for values, weight in weights.items()}


@pytest.mark.parametrize("relation", RELATIONS)
def test_count_and_probabilities_are_those_of_the_enumeration(relation):
    sequence = LawSequence(LAWS, relation)
    expected = enumerated(sequence)
    assert sequence.count() == len(expected)
    columns = np.array(list(expected)).T
    assert np.exp(sequence.log_probabilities(columns)) == pytest.approx(list(expected.values()))


@pytest.mark.parametrize("relation", RELATIONS)
def test_draws_follow_the_conditioned_law(relation):
    sequence = LawSequence(LAWS, relation)
    expected = enumerated(sequence)
    drawn = sequence.draw(np.random.default_rng(7), 40_000)
    found, counts = np.unique(drawn, axis=1, return_counts=True)
    observed = dict(zip(map(tuple, found.T.tolist()), counts.tolist(), strict=True))
    assert set(observed) <= set(expected)
    frequencies = [observed.get(values, 0) for values in expected]
    # A fixed seed: this p-value is one number, which a wrong law makes zero.
    assert stats.chisquare(frequencies, [40_000 * p for p in expected.values()]).pvalue > 0.01


@pytest.mark.parametrize("relation", RELATIONS)
def test_supports_are_the_values_that_occur(relation):
    sequence = LawSequence(LAWS, relation)
    occurring = zip(*enumerated(sequence), strict=True)
    assert [support.tolist() for support in sequence.supports()] == [sorted(set(values)) for values in occurring]


def test_never_decreasing_sequences_of_a_wide_law_are_counted_as_multisets():
    widths = log_uniform(low=8, high=1024, step=8)
    assert LawSequence((widths,) * 4, "non_decreasing").count() == math.comb(131, 4)


def test_impossible_relations_have_no_sequence():
    assert not LawSequence((choice([4]), choice([2])), "non_decreasing").is_possible
    assert not LawSequence((choice([4]), choice([2])), "equal").is_possible
    assert LawSequence((choice([4]), choice([2]))).is_possible


def test_implied_relations_are_seen():
    low, high = uniform(low=1, high=4), uniform(low=4, high=9)
    assert LawSequence((low, high)).implies("non_decreasing")
    assert not LawSequence((high, low)).implies("non_decreasing")
    assert LawSequence((choice([2]), choice([2]))).implies("equal")
    assert not LawSequence((low, low)).implies("equal")
    assert LawSequence((low, low), "equal").implies("non_decreasing")
    assert LawSequence((low, low), "non_decreasing").implies("free")


@settings(max_examples=40, deadline=None)
@given(
    laws=st.lists(
        st.lists(
            st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=5, unique_by=lambda pair: pair[0]
        ),
        min_size=1,
        max_size=4,
    ),
    relation=st.sampled_from(RELATIONS),
    seed=st.integers(0, 1000),
)
def test_any_laws_agree_with_their_enumeration(laws, relation, seed):
    sequence = LawSequence(tuple(choice(*zip(*pairs, strict=True)) for pairs in laws), relation)
    expected = enumerated_or_none(sequence)
    assert sequence.count() == len(expected)
    if expected:
        drawn = sequence.draw(np.random.default_rng(seed), 50)
        assert set(map(tuple, drawn.T.tolist())) <= set(expected)
        assert np.exp(sequence.log_probabilities(drawn)) == pytest.approx(
            [expected[tuple(x)] for x in drawn.T.tolist()]
        )


def enumerated_or_none(sequence: LawSequence) -> dict[tuple[float, ...], float]:
    try:
        return enumerated(sequence)
    except ZeroDivisionError:
        return {}
