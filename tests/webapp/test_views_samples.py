"""A sample's page: its neighbours in the space, and how to train it again."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client

from engine.spaces import space_from_json
from engine.statistics.population import Population
from tests.webapp import pages, rows
from webapp import queries
from webapp.analysis.neighbours import NEAREST, neighbourhood
from webapp.models import FailureKind, Run, Sample, SampleBatch

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch() -> SampleBatch:
    made = rows.a_study(size=10)
    pages.finish(made, [30.0, FailureKind.DIVERGED, 32.0, 33.0, 34.5, 35.0, 36.0, 37.0])
    return made


@pytest.fixture
def client(batch: SampleBatch) -> Client:
    return pages.client_of(batch.created_by)


def sample_at(batch: SampleBatch, position: int) -> Sample:
    return Sample.objects.get(batch=batch, position=position)


def lines_of(client: Client, sample: Sample) -> list[dict[str, str]]:
    return pages.tables(client.get(f"/samples/{sample.pk}/").content.decode())["Neighbours"]


def test_neighbours_are_the_used_samples_that_lie_nearest_in_rank(batch: SampleBatch) -> None:
    population = queries.load_population(space=batch.space, regime=batch.regime)
    paths = space_from_json(batch.space.definition).parameter_paths()
    for position in (0, 1):  # one that is used, and one that failed
        sample = sample_at(batch, position)
        found = neighbourhood(sample, population, paths)
        assert found is not None
        others = population.select(population["sample_id"] != sample.pk)
        apart = np.zeros(others.n)
        for name, path in paths.items():
            values, own = others[name], float(sample.drawn[path[0]])

            def rank(value: float, values: np.ndarray = values) -> float:
                return ((values < value).sum() + (values <= value).sum()) / 2

            apart += [abs(rank(value) - rank(own)) / others.n / len(paths) for value in values]
        assert [line.between for line in found.lines] == pytest.approx(np.sort(apart)[:NEAREST])
        assert sample.pk not in [line.sample.pk for line in found.lines]


def test_a_design_that_differs_in_nothing_else_is_nearer_than_one_that_differs_in_everything() -> None:
    batch = rows.a_study(size=3)
    first, near, far = Sample.objects.filter(batch=batch).order_by("position")
    values = {"depth": [5.0, 6.0, 12.0], "w_a": [8.0, 8.0, 60.0], "error": [30.0, 31.0, 29.0]}
    population = Population.from_columns({**values, "sample_id": [float(one.pk) for one in (first, near, far)]})
    first.drawn |= {"depth": 5, "w_a": 8.0}
    found = neighbourhood(first, population, {"depth": ("depth",), "w_a": ("w_a",)})
    assert found is not None
    assert [line.sample for line in found.lines] == [near, far]


def test_the_page_lists_them_with_their_errors_against_this_one(client: Client, batch: SampleBatch) -> None:
    sample = sample_at(batch, 2)
    lines = lines_of(client, sample)
    assert len(lines) == NEAREST
    for line in lines:
        other = sample_at(batch, int(line["Sample"]))
        assert other.error is not None
        assert line["Error (%)"] == f"{other.error:.1f}"
        assert line["Against this one"] == f"{other.error - 32.0:+.1f}".replace("-", "−")
        assert line["depth"] == str(other.drawn["depth"])
    assert {line["Against this one"] for line in lines_of(client, sample_at(batch, 1))} == {"–"}


def test_without_another_used_sample_the_page_says_so() -> None:
    batch = rows.a_study(size=2)
    text = pages.client_of(batch.created_by).get(f"/samples/{sample_at(batch, 0).pk}/").content.decode()
    assert "No other sample of RegNetX is used under quick yet." in text


def test_the_command_that_trains_a_finished_run_again_stands_on_the_page(client: Client, batch: SampleBatch) -> None:
    done, failed = sample_at(batch, 0), sample_at(batch, 1)
    command = f"manage.py retrain {Run.objects.get(sample=done).pk}</code>"
    assert command in client.get(f"/samples/{done.pk}/").content.decode()
    assert "manage.py retrain" not in client.get(f"/samples/{failed.pk}/").content.decode()
