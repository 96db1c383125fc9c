"""Population: the finished samples of one space under one regime, as columns of equal length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from engine.checks import whole_number
from engine.errors import InvalidPopulation

FloatArray = npt.NDArray[np.float64]
Range = tuple[float | None, float | None]

ERROR_COLUMNS = ("error", "best_error")


@dataclass(frozen=True, eq=False)
class Population:
    """Finished samples as read-only columns; build it with `Population.from_columns`.

    Attributes
    ----------
    columns : Mapping[str, ndarray of shape (n,)]
        float64 columns by name, every value finite: parameters as drawn, ``flops``, ``params``, ``acts`` (counts),
        ``error`` (top-1, percent, 0 to 100) and optionally ``best_error`` (the same of the lowest epoch).
    failed : int
        Samples of the batch that ended without an error.
    pending : int
        Samples of the batch that have not ended yet.
    """

    columns: Mapping[str, FloatArray]
    failed: int = 0
    pending: int = 0

    @classmethod
    def from_columns(cls, columns: Mapping[str, npt.ArrayLike], *, failed: int = 0, pending: int = 0) -> Population:
        """Check and copy the columns.

        Raises
        ------
        InvalidPopulation
            Where ``error`` is missing, lengths differ, a value is not a finite number, an error lies outside
            0 to 100, or a count is negative; the message names the column and the row.
        """
        if "error" not in columns:
            raise InvalidPopulation("A population needs a column error.", parameter="error")
        checked = {name: _column(name, values) for name, values in columns.items()}
        n = len(checked["error"])
        for name, column in checked.items():
            if len(column) != n:
                raise InvalidPopulation(
                    f"Column {name} has {len(column)} rows, but error has {n}.", parameter=name, value=len(column)
                )
        failed = whole_number(failed, parameter="failed", error=InvalidPopulation, low=0)
        pending = whole_number(pending, parameter="pending", error=InvalidPopulation, low=0)
        return cls(MappingProxyType(checked), failed, pending)

    @property
    def n(self) -> int:
        """Number of finished samples."""
        return len(self.columns["error"])

    @property
    def errors(self) -> FloatArray:
        """Errors in percent, ndarray of shape (n,), in the order of the rows."""
        return self.columns["error"]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order given."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> FloatArray:
        """One column, ndarray of shape (n,); `InvalidPopulation` where there is none of that name."""
        if name not in self.columns:
            raise InvalidPopulation(f"The population has no column {name}.", parameter=name)
        return self.columns[name]

    def select(self, mask: npt.ArrayLike) -> Population:
        """Keep the rows where ``mask``, booleans of shape (n,), is true.

        ``failed`` and ``pending`` are carried over unchanged: which of those samples belong to the selection is not
        known here, and counting all of them keeps the bounds for failures valid, only wider.
        """
        keep = np.asarray(mask)
        if keep.dtype != np.bool_ or keep.shape != (self.n,):
            raise InvalidPopulation(
                f"The mask must be {self.n} booleans, got {keep.dtype} of shape {keep.shape}.", parameter="mask"
            )
        return self._rows(keep)

    def filter(self, ranges: Mapping[str, Range]) -> Population:
        """Keep the rows inside every closed range (low, high); None leaves an end open. Counts as in `select`."""
        keep = np.ones(self.n, dtype=bool)
        for name, (low, high) in ranges.items():
            column = self[name]
            if low is not None and high is not None and not low <= high:
                raise InvalidPopulation(
                    f"The range of {name} must have low <= high, got {low} to {high}.",
                    parameter=name,
                    value=(low, high),
                )
            if low is not None:
                keep &= column >= low
            if high is not None:
                keep &= column <= high
        return self._rows(keep)

    def using(self, error: str) -> Population:
        """The same samples with the column ``error`` taken from another error column, such as ``best_error``."""
        if error not in ERROR_COLUMNS:
            raise InvalidPopulation(f"error must be one of {', '.join(ERROR_COLUMNS)}, got {error}.", value=error)
        return Population(MappingProxyType({**self.columns, "error": self[error]}), self.failed, self.pending)

    def best_to_worst(self) -> npt.NDArray[np.intp]:
        """Row numbers by rising error, ndarray of shape (n,); tied rows keep their order."""
        return np.argsort(self.errors, kind="stable")

    def _rows(self, keep: npt.NDArray[np.bool_]) -> Population:
        kept = {name: _frozen(column[keep]) for name, column in self.columns.items()}
        return Population(MappingProxyType(kept), self.failed, self.pending)


def _column(name: str, values: npt.ArrayLike) -> FloatArray:
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidPopulation(f"Column {name} must hold numbers: {error}.", parameter=name) from error
    if column.ndim != 1:
        raise InvalidPopulation(f"Column {name} must have one dimension, got {column.ndim}.", parameter=name)
    bad = ~np.isfinite(column)
    if name in ERROR_COLUMNS:
        bad |= (column < 0) | (column > 100)
    if bad.any():
        row = int(np.argmax(bad))
        wanted = "a percentage from 0 to 100" if name in ERROR_COLUMNS else "a finite number"
        raise InvalidPopulation(
            f"Column {name}, row {row}: must be {wanted}, got {column[row]}.", parameter=name, value=float(column[row])
        )
    return _frozen(column)


def _frozen(column: FloatArray) -> FloatArray:
    column.flags.writeable = False
    return column


def whole_numbers(column: FloatArray) -> list[float] | list[int]:
    """The values of a column as a list, as integers where all are whole: a depth is 12 and not 12.0."""
    whole = bool(np.all(column == np.rint(column))) and bool(np.all(np.abs(column) < 2**53))
    values: list[float] | list[int] = (column.astype(np.int64) if whole else column).tolist()
    return values
