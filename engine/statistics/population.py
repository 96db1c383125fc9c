"""Population: the finished samples of one space under one regime, as columns of equal length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from engine.checks import whole_number
from engine.errors import InvalidPopulation

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Range = tuple[float | None, float | None]

ERROR_COLUMNS = ("error", "best_error")


@dataclass(frozen=True, eq=False)
class Population:
    """Finished samples as read-only columns; build it with `Population.from_columns`.

    Attributes
    ----------
    columns : Mapping[str, ndarray of shape (n,)]
        float64 columns by name, every value finite, or nan where it is not known: parameters as drawn,
        ``flops``, ``params``, ``acts`` (counts),
        ``error`` (top-1, percent, 0 to 100) and optionally ``best_error`` (the same of the lowest epoch).
    failed : int
        Samples that ended without an error by their network's own doing: they rank behind every error.
    pending : int
        Samples that have not ended yet.
    missing : int
        Samples that ended without saying anything of their network, such as those of a lost machine.
    failures : Mapping[str, ndarray of shape (failed,)]
        All columns but the errors of the ``failed`` samples; empty where they are not known. A value that could not
        be read is nan.
    """

    columns: Mapping[str, FloatArray]
    failed: int = 0
    pending: int = 0
    missing: int = 0
    failures: Mapping[str, FloatArray] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, npt.ArrayLike],
        *,
        failed: int | None = None,
        pending: int = 0,
        missing: int = 0,
        failures: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Population:
        """Check and copy the columns. Where ``failures`` are given, ``failed`` is their number.

        Raises
        ------
        InvalidPopulation
            Where ``error`` is missing, lengths differ, a value is infinite, an error is not known or lies outside
            0 to 100, a count is negative, or the failures have other columns than the samples or another number than
            ``failed``; the message names the column and the row.
        """
        if "error" not in columns:
            raise InvalidPopulation("A population needs a column error.", parameter="error")
        checked = {name: _column(name, values) for name, values in columns.items()}
        _check_lengths(checked, "error")
        known = _checked_failures(failures or {}, [name for name in checked if name not in ERROR_COLUMNS])
        counted = len(next(iter(known.values()))) if known else failed or 0
        if failed is not None and failed != counted:
            raise InvalidPopulation(
                f"failed is {failed}, but there are columns of {counted} failures.", parameter="failed", value=failed
            )
        counts = {
            name: whole_number(count, parameter=name, error=InvalidPopulation, low=0)
            for name, count in (("failed", counted), ("pending", pending), ("missing", missing))
        }
        return cls(MappingProxyType(checked), **counts, failures=MappingProxyType(known))

    @property
    def n(self) -> int:
        """Number of finished samples."""
        return len(self.columns["error"])

    @property
    def errors(self) -> FloatArray:
        """Errors in percent, ndarray of shape (n,), in the order of the rows."""
        return self.columns["error"]

    @property
    def outcomes(self) -> FloatArray:
        """The errors in the order of the rows, then inf for each failed sample, ndarray of shape (n + failed,)."""
        return np.concatenate([self.errors, np.full(self.failed, np.inf)])

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

    def select(self, mask: npt.ArrayLike, *, failures: npt.ArrayLike | None = None) -> Population:
        """Keep the rows where ``mask``, booleans of shape (n,), is true, and of the failures those of their own mask.

        Without a mask of shape (failed,) for them all failures are kept. ``pending`` and ``missing`` are carried over
        unchanged: which of those samples belong to the selection is not known here.
        """
        keep = _mask(mask, self.n, "mask")
        return self._rows(keep, None if failures is None else _mask(failures, self.failed, "failures"))

    def filter(self, ranges: Mapping[str, Range]) -> Population:
        """Keep the rows inside every closed range (low, high); None leaves an end open.

        Failures outside are dropped as well where their columns are known, and all kept where not; the error of one
        is inf. Other counts as in `select`.
        """
        keep, failures = np.ones(self.n, dtype=bool), np.ones(self.failed, dtype=bool)
        for name, (low, high) in ranges.items():
            column = self[name]
            if low is not None and high is not None and not low <= high:
                raise InvalidPopulation(
                    f"The range of {name} must have low <= high, got {low} to {high}.",
                    parameter=name,
                    value=(low, high),
                )
            keep &= _inside(column, low, high)
            if self.failures:
                failures &= _inside(self.failures.get(name, np.full(self.failed, np.inf)), low, high)
        return self._rows(keep, failures)

    def using(self, error: str) -> Population:
        """The same samples with the column ``error`` taken from another error column, such as ``best_error``."""
        if error not in ERROR_COLUMNS:
            raise InvalidPopulation(f"error must be one of {', '.join(ERROR_COLUMNS)}, got {error}.", value=error)
        return replace(self, columns=MappingProxyType({**self.columns, "error": self[error]}))

    def best_to_worst(self) -> npt.NDArray[np.intp]:
        """Row numbers by rising error, ndarray of shape (n,); tied rows keep their order."""
        return np.argsort(self.errors, kind="stable")

    def _rows(self, keep: Mask, failures: Mask | None) -> Population:
        columns = MappingProxyType({name: _frozen(column[keep]) for name, column in self.columns.items()})
        if failures is None:
            return replace(self, columns=columns)
        kept = {name: _frozen(column[failures]) for name, column in self.failures.items()}
        return replace(self, columns=columns, failed=int(failures.sum()), failures=MappingProxyType(kept))


def _mask(mask: npt.ArrayLike, n: int, name: str) -> Mask:
    keep = np.asarray(mask)
    if keep.dtype != np.bool_ or keep.shape != (n,):
        raise InvalidPopulation(
            f"The {name} must be {n} booleans, got {keep.dtype} of shape {keep.shape}.", parameter=name
        )
    return keep


def _inside(column: FloatArray, low: float | None, high: float | None) -> Mask:
    """Where the column lies in the closed range; a value that is not known lies in no range."""
    return (column >= (-np.inf if low is None else low)) & (column <= (np.inf if high is None else high))


def _check_lengths(columns: Mapping[str, FloatArray], first: str) -> None:
    n = len(columns[first])
    for name, column in columns.items():
        if len(column) != n:
            raise InvalidPopulation(
                f"Column {name} has {len(column)} rows, but {first} has {n}.", parameter=name, value=len(column)
            )


def _checked_failures(failures: Mapping[str, npt.ArrayLike], names: Sequence[str]) -> dict[str, FloatArray]:
    """The columns of the failures in the order of ``names``, which they must have all; empty where there are none."""
    if not failures or not names:
        return {}
    if set(failures) != set(names):
        raise InvalidPopulation(
            f"Failures must have the columns {', '.join(names)}, got {', '.join(failures)}.", parameter="failures"
        )
    checked = {name: column_of(failures[name], what=f"Column {name}", parameter=name) for name in names}
    _check_lengths(checked, names[0])
    return {name: _frozen(column) for name, column in checked.items()}


def column_of(values: npt.ArrayLike, *, what: str, parameter: str) -> FloatArray:
    """A copy of shape (n,) as float64; ``what`` is it called in a refusal."""
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidPopulation(f"{what} must hold numbers: {error}.", parameter=parameter) from error
    if column.ndim != 1:
        raise InvalidPopulation(f"{what} must have one dimension, got {column.ndim}.", parameter=parameter)
    return column


def refuse_rows(column: FloatArray, bad: Mask, *, what: str, wanted: str, parameter: str) -> None:
    """Refuse a column of which a row is ``bad``, naming the first."""
    if bad.any():
        row = int(np.argmax(bad))
        value = float(column[row])
        raise InvalidPopulation(f"{what}, row {row}: must be {wanted}, got {value}.", parameter=parameter, value=value)


def _column(name: str, values: npt.ArrayLike) -> FloatArray:
    column = column_of(values, what=f"Column {name}", parameter=name)
    bad = np.isinf(column)
    if name in ERROR_COLUMNS:
        bad |= np.isnan(column) | (column < 0) | (column > 100)
    wanted = "a percentage from 0 to 100" if name in ERROR_COLUMNS else "a finite number or nan"
    refuse_rows(column, bad, what=f"Column {name}", wanted=wanted, parameter=name)
    return _frozen(column)


def _frozen(column: FloatArray) -> FloatArray:
    column.flags.writeable = False
    return column


def whole_numbers(column: FloatArray) -> list[float] | list[int]:
    """The values of a column as a list, as integers where all are whole: a depth is 12 and not 12.0."""
    whole = bool(np.all(column == np.rint(column))) and bool(np.all(np.abs(column) < 2**53))
    values: list[float] | list[int] = (column.astype(np.int64) if whole else column).tolist()
    return values
