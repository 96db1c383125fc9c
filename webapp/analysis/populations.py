"""The populations of an analysis: what was trained of a space under a regime, or what a file from elsewhere held."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from django.utils.functional import cached_property

from engine.designs import design_from_json
from engine.spaces import AnyNetSpace, RegNetSpace, space_from_json
from engine.statistics import FEWEST_FOR_A_MEAN, anytime_edf_band, edf_band, error_edf, failure_bounds
from engine.statistics.bootstrap import Estimate as EngineEstimate
from engine.statistics.edf import EdfBand, ErrorEdf, FailureBounds
from engine.statistics.intervals import median_error
from engine.statistics.population import FloatArray, Population, Range
from engine.statistics.sequential import anytime_median
from webapp import queries
from webapp.analysis import statistics
from webapp.analysis.quantiles import quantile_of
from webapp.analysis.selection import (
    ImportedId,
    InvalidSelection,
    SelectedRows,
    Selection,
    TrainedId,
    in_counts,
)
from webapp.analysis.tables import Estimate
from webapp.models import Family, ImportedPopulation, Regime, Space
from webapp.queries import COMPLEXITIES, SAMPLE_ID, ErrorChoice, TrainedPopulation
from webapp.wording import compact, open_range

FIT = "e_fit"
LISTED = 10  # best designs, and as many of the worst
TOO_FEW_FOR_A_MEAN = "too few for an interval"
DRAWN_AT_MOST = 2000  # points of a scatter; more are thinned for drawing, never for computing

EngineSpace = AnyNetSpace | RegNetSpace
Rows = npt.NDArray[np.int_]
Design = dict[str, Any]  # as stored


@dataclass(frozen=True)
class Picture:
    """Of a design: its position in its batch or file, and the width of every block, none where it is not known."""

    position: int
    widths: Sequence[int]
    name: str = ""  # of an imported row that has one


@dataclass(frozen=True, eq=False)
class KeptDesigns:
    """What a frozen page keeps of the designs of a population.

    ``pictures`` are those of the best and the worst by the id of the sample, ``fits`` e_fit of the samples that are
    drawn (NaN where it was not computed), or None where the space has none.
    """

    pictures: Mapping[int, Picture]
    fits: FloatArray | None


class _Errors(ABC):
    """What the errors of a population say; the members that both kinds have."""

    data: TrainedPopulation
    name: str
    error: ErrorChoice
    total: int | None
    ranges: tuple[tuple[str, Range], ...]
    kept: KeptDesigns | None

    @property
    @abstractmethod
    def token(self) -> str:
        """As it stands in an address."""

    @property
    @abstractmethod
    def slot(self) -> int:
        """Colour and dash, 1 to 7."""

    @property
    @abstractmethod
    def origin(self) -> tuple[str, str]:
        """Space and regime as two words for a table or a file; an imported one names its file as the regime."""

    @property
    @abstractmethod
    def column_names(self) -> list[str]:
        """Parameters and complexities, known without loading a sample."""

    @abstractmethod
    def load_pictures(self, ids: Sequence[int]) -> dict[int, Picture]:
        """Of some samples, by their ids."""

    @abstractmethod
    def load_designs(self, ids: Sequence[int]) -> dict[int, Design]:
        """The designs as built, as JSON, of those samples that have one; empty where e_fit says nothing of them."""

    @property
    def key(self) -> str:
        """Names its curves in every figure."""
        return f"p{self.token}"

    @property
    def samples(self) -> Population:
        """The used samples in draw order, as columns."""
        return self.data.population

    @property
    def n(self) -> int:
        return self.samples.n

    @property
    def failed(self) -> int:
        return self.samples.failed

    @property
    def networks(self) -> int:
        """n: the networks that say something, those that finished and those that failed by their own doing."""
        return self.n + self.failed

    @property
    def outcomes(self) -> FloatArray:
        """Of these, shape (networks,): errors in percent, inf for a failure."""
        return self.samples.outcomes

    def with_cost(self, cost: str) -> tuple[FloatArray, FloatArray]:
        """The outcomes and one complexity of each network, nan for a failure of which it is not known."""
        unknown = np.full(self.failed, np.nan)
        return self.outcomes, np.concatenate([self.samples[cost], self.samples.failures.get(cost, unknown)])

    def known_costs(self, cost: str) -> FloatArray:
        """One complexity of every network of which it is known, failed ones among them."""
        return np.concatenate([self.samples[cost], self.samples.failures.get(cost, np.array([]))])

    @property
    def missing(self) -> int:
        """Samples that ended without saying anything of their network."""
        return self.samples.missing

    @property
    def looked_at(self) -> bool:
        """Whether its number of networks was changed after results could be seen."""
        return self.data.looked_at

    @property
    def pending(self) -> int:
        return self.data.pending

    @property
    def left_out(self) -> int:
        """Rows of its file that could not be used."""
        return 0

    @property
    def errors(self) -> FloatArray:
        return self.samples.errors

    @property
    def costs(self) -> list[str]:
        """The complexities that are known of every sample: all of them unless it was imported without."""
        return [name for name in COMPLEXITIES if name in self.samples and name not in self.partly_known]

    @cached_property
    def partly_known(self) -> list[str]:
        """Parameters and complexities that only some samples have: what is said of one says of how many."""
        return [name for name in self.samples.names if np.isnan(self.samples[name]).any()]

    @property
    def parameters(self) -> list[str]:
        """The columns that are parameters of the space, and known of every sample."""
        others = {*self.costs, *self.partly_known, "error", SAMPLE_ID}
        return [name for name in self.samples.names if name not in others]

    @property
    def is_filtered(self) -> bool:
        return self.total is not None

    @cached_property
    def edf(self) -> ErrorEdf:
        return error_edf(self.outcomes)

    @cached_property
    def band(self) -> EdfBand:
        """The band for a fixed n once nothing is to come; until then the one that may be looked at again and again."""
        return anytime_edf_band(self.outcomes) if self.pending else edf_band(self.outcomes)

    @cached_property
    def mean(self) -> Estimate:
        """Of those that finished; no interval while runs are to come, nor of too few."""
        if not self.n:
            return Estimate(None)
        if self.n < FEWEST_FOR_A_MEAN:
            return Estimate(float(self.errors.mean()), without=TOO_FEW_FOR_A_MEAN)
        if self.pending:
            return Estimate(float(self.errors.mean()))
        mean = statistics.estimated_mean(self.errors)
        return Estimate(mean.mean, mean.interval)

    @cached_property
    def median(self) -> EngineEstimate:
        """The interval is exact; while runs are to come, it holds at every look."""
        return anytime_median(self.outcomes) if self.pending else median_error(self.outcomes)

    @cached_property
    def failure_bounds(self) -> FailureBounds | None:
        """Where the EDF lies, whatever the missing ones had given; None without any."""
        if not self.n or not self.missing:
            return None
        return failure_bounds(self.errors, failed=self.failed, missing=self.missing)

    def quantile(self, share: float) -> Estimate:
        """A quantile of the error with its interval; while runs are to come, one that holds at every look."""
        return quantile_of(self.outcomes, share, self.band if self.pending else None)

    @property
    def ahead(self) -> FloatArray:
        """Errors that finished ahead of the prefix and are not used; none where a filter is on, which they escaped."""
        return np.array([]) if self.is_filtered else self.data.ahead

    @cached_property
    def ranks(self) -> npt.NDArray[np.int_]:
        """Of every sample by its error, 1 for the lowest; ties share a rank. Shape (n,)."""
        return np.searchsorted(np.sort(self.errors), self.errors, side="left") + 1

    @cached_property
    def drawn_rows(self) -> Rows:
        """The samples that a scatter draws, evenly spaced in draw order."""
        return np.linspace(0, self.n - 1, min(self.n, DRAWN_AT_MOST)).astype(int)

    @cached_property
    def listed_rows(self) -> tuple[Rows, Rows]:
        """The samples of lowest error, and those of highest that are not among them, the best and the worst first."""
        order = self.samples.best_to_worst()
        return order[:LISTED], order[LISTED:][-LISTED:][::-1]

    @cached_property
    def pictures(self) -> Mapping[int, Picture]:
        """Of the listed designs, by the id of the sample."""
        if self.kept:
            return self.kept.pictures
        return self.load_pictures([int(self.samples[SAMPLE_ID][row]) for rows in self.listed_rows for row in rows])

    @cached_property
    def fits(self) -> FloatArray | None:
        """e_fit of the samples that are drawn, shape (drawn,); NaN where not computed or no RegNet has the stages.

        None for a RegNet space, whose widths are quantised linear by design, for imports without designs, and for those
        that have a column of this name.
        """
        if FIT in self.samples:
            return None
        if self.kept:
            return self.kept.fits
        return statistics.linear_fits(self.samples[SAMPLE_ID][self.drawn_rows].astype(int), self.load_designs)


@dataclass(frozen=True, eq=False, kw_only=True)
class SpacePopulation(_Errors):
    """What was trained of a space under a regime; ``name`` tells it apart from the others of the analysis.

    Where a filter is on, ``total`` is the number of samples before it and ``ranges`` what is left, by column as in the
    address (complexities in millions). One of a frozen page has what it ``kept`` of its designs.
    """

    space: Space
    regime: Regime
    data: TrainedPopulation
    name: str
    error: ErrorChoice = "final"
    total: int | None = None
    ranges: tuple[tuple[str, Range], ...] = ()
    kept: KeptDesigns | None = None
    has_parameters: bool = True  # False while only complexities and errors are loaded

    @property
    def token(self) -> str:
        return TrainedId(self.space.pk, self.regime.pk).token

    @property
    def slot(self) -> int:
        return self.space.slot

    @property
    def origin(self) -> tuple[str, str]:
        return self.space.name, self.regime.name

    @property
    def column_names(self) -> list[str]:
        return [*self.engine_space.parameter_paths(), *COMPLEXITIES]

    @cached_property
    def engine_space(self) -> EngineSpace:
        return space_from_json(self.space.definition)

    def load_pictures(self, ids: Sequence[int]) -> dict[int, Picture]:
        found = {
            sample.pk: Picture(sample.position, block_widths(sample.design))
            for sample in queries.samples_by_id(ids).values()
        }
        return {pk: found.get(pk, Picture(pk, ())) for pk in ids}  # an old frozen page may list what was deleted since

    def load_designs(self, ids: Sequence[int]) -> dict[int, Design]:
        return queries.stored_designs(ids) if self.space.family == Family.ANYNET else {}


@dataclass(frozen=True, eq=False, kw_only=True)
class FilePopulation(_Errors):
    """What a file from elsewhere held; it has neither a space nor a regime, and its samples are rows."""

    imported: ImportedPopulation
    data: TrainedPopulation
    name: str
    error: ErrorChoice = "final"
    total: int | None = None
    ranges: tuple[tuple[str, Range], ...] = ()
    kept: KeptDesigns | None = None

    space: ClassVar[None] = None
    regime: ClassVar[None] = None
    engine_space: ClassVar[None] = None

    @property
    def token(self) -> str:
        return ImportedId(self.imported.pk).token

    @property
    def slot(self) -> int:
        return self.imported.slot

    @property
    def origin(self) -> tuple[str, str]:
        return self.imported.name, f"imported from {self.imported.source}"

    @property
    def column_names(self) -> list[str]:
        return [*self.parameters, *self.costs, *self.partly_known]

    @property
    def left_out(self) -> int:
        return self.imported.left_out

    def load_pictures(self, ids: Sequence[int]) -> dict[int, Picture]:
        designs, names = self.load_designs(ids), queries.load_names(self.imported, rows=ids)
        widths = {row: block_widths(design) for row, design in designs.items()}
        return {row: Picture(row, widths.get(row, ()), names.get(row, "")) for row in ids}

    def load_designs(self, ids: Sequence[int]) -> dict[int, Design]:
        return queries.load_designs(self.imported, rows=ids)


AnalysedPopulation = SpacePopulation | FilePopulation


def known_columns(rows: SelectedRows) -> set[str]:
    """The parameters and complexities of the populations of a selection, without loading a sample."""
    trained = {name for space, _ in rows.trained for name in space_from_json(space.definition).parameter_paths()}
    return {*trained, *queries.analysed_columns(rows.imported), *COMPLEXITIES}


def load_populations(selection: Selection, rows: SelectedRows, *, parameters: bool = True) -> list[AnalysedPopulation]:
    """The populations of a selection inside its ranges, the regime in their names where there are several.

    Without ``parameters`` trained ones come with their complexities and errors alone, unless a filter needs more.
    """
    parameters = parameters or bool(selection.ranges)
    several = len({regime.pk for _, regime in rows.trained}) > 1
    populations: list[AnalysedPopulation] = [
        SpacePopulation(
            space=space,
            regime=regime,
            data=queries.load_trained(space=space, regime=regime, error=selection.error, parameters=parameters),
            name=f"{space.name}, {regime.name}" if several else space.name,
            error=selection.error,
            has_parameters=parameters,
        )
        for space, regime in rows.trained
    ]
    populations += [
        FilePopulation(
            imported=imported,
            data=queries.load_imported(imported, error=selection.error),
            name=imported.name,
            error=selection.error,
        )
        for imported in rows.imported
    ]
    known = {column for population in populations for column in population.column_names}
    for column, _ in selection.ranges:
        if column not in known:
            raise InvalidSelection(f"None of these populations has a column {column[:60]} to filter by.")
    return [filtered(population, selection.ranges) for population in populations]


def filtered(population: AnalysedPopulation, ranges: tuple[tuple[str, Range], ...]) -> AnalysedPopulation:
    """The samples inside the ranges of those columns it has; as it is where it has none of them.

    Never by the error, which would bias everything that is said of it.
    """
    own = in_counts(ranges, population.column_names)
    if not own:
        return population
    data = population.data.inside(own)
    asked = tuple((column, ends) for column, ends in ranges if column in own)
    return replace(population, data=data, total=population.n, ranges=asked)


def keep_designs(population: AnalysedPopulation) -> KeptDesigns:
    """What a page that is frozen needs of the designs of one of its populations."""
    if not population.n:
        return KeptDesigns({}, None)
    return KeptDesigns(population.pictures, population.fits)


def block_widths(design: Mapping[str, Any]) -> list[int]:
    """The width of every block of a stored design, stage after stage."""
    anynet = design_from_json(design).to_anynet()
    return per_block(anynet.stage_depths, anynet.stage_widths)


def per_block(depths: Sequence[int], widths: Sequence[int]) -> list[int]:
    return [width for depth, width in zip(depths, widths, strict=True) for _ in range(depth)]


def range_words(column: str, low: float | None, high: float | None) -> str:
    """w_m 2.26–2.55, w_m from 2.26, w_m up to 2.55."""
    return f"{column} {open_range(low, high, compact, to='–')}"


def filter_words(ranges: tuple[tuple[str, Range], ...]) -> list[str]:
    """What is left of the samples, a phrase for each range, with the unit of complexities."""
    return [range_words(with_unit(column), *ends) for column, ends in ranges]


def with_unit(column: str) -> str:
    """The name of a column, with the unit in which complexities are shown and asked for."""
    return f"{column} (M)" if column in COMPLEXITIES else column
