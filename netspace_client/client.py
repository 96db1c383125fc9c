"""The verbs of a study, from a space to its population."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from netspace_client.errors import ClientError, Timeout
from netspace_client.results import (
    Batch,
    Imported,
    Progress,
    Regime,
    Space,
    batch_from,
    imported_from,
    regime_from,
    space_from,
)
from netspace_client.rows import Rows, parts_of
from netspace_client.transport import Transport

Columns = dict[str, npt.NDArray[Any]]
Row = Mapping[str, Any]  # of a list, such as spaces()
Error = Literal["final", "best"]
Filed = TypeVar("Filed", bound=Space | Regime | Batch)
A_PAGE = 1000
PLACES: dict[type[Any], tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
    Space: ("/spaces", space_from),
    Regime: ("/regimes", regime_from),
    Batch: ("/batches", batch_from),
}


class Client:
    """Netspace at an address, for the person and the team of a token.

    Wherever a space, a regime or a batch is asked for, its id does as well; not where any of the three may be given.

    Parameters
    ----------
    address : str
        Such as "https://netspace.example.org".
    token : str
        From the page /account/tokens/.
    timeout : float
        Seconds to wait for an answer.
    """

    def __init__(self, address: str, token: str, *, timeout: float = 60.0) -> None:
        self._transport = Transport(address, token, timeout=timeout)

    def me(self) -> dict[str, str]:
        """The user, the team and the role of the token."""
        return dict(self._transport.get("/me"))

    def spaces(self, *, tag: str | None = None, archived: bool | None = None) -> list[dict[str, Any]]:
        """The team's spaces, the newest first, without their definitions.

        Here and in the other lists, ``tag`` keeps those that carry it, and ``archived`` those that are (True) or are
        not (False).
        """
        return self._items("/spaces", tag=tag, archived=archived)

    def space(self, space: Space | Row | int) -> Space:
        return space_from(self._transport.get(f"/spaces/{_id(space)}"))

    def create_space(
        self,
        name: str,
        *,
        preset: str | None = None,
        definition: Mapping[str, object] | None = None,
        changes: Mapping[str, object] | None = None,
        parent: Space | Row | int | None = None,
        note: str = "",
    ) -> Space:
        """Define a space by a preset's name or by engine JSON, or by what it changes in its parent's definition."""
        body = {
            "name": name,
            "preset": preset,
            "definition": definition,
            "changes": changes,
            "parent": None if parent is None else _id(parent),
            "note": note,
        }
        return space_from(self._transport.post("/spaces", body))

    def regimes(self, *, tag: str | None = None, archived: bool | None = None) -> list[dict[str, Any]]:
        """The team's regimes, the newest first, without their definitions."""
        return self._items("/regimes", tag=tag, archived=archived)

    def regime(self, regime: Regime | Row | int) -> Regime:
        return regime_from(self._transport.get(f"/regimes/{_id(regime)}"))

    def create_regime(
        self, name: str, *, preset: str | None = None, definition: Mapping[str, object] | None = None
    ) -> Regime:
        """Make a regime by a preset's name or by engine JSON."""
        return regime_from(self._transport.post("/regimes", {"name": name, "preset": preset, "definition": definition}))

    def batches(
        self,
        *,
        space: Space | Row | int | None = None,
        regime: Regime | Row | int | None = None,
        tag: str | None = None,
        archived: bool | None = None,
    ) -> list[Batch]:
        """The team's batches, the newest first."""
        chosen = {name: None if one is None else _id(one) for name, one in (("space", space), ("regime", regime))}
        return [batch_from(item) for item in self._items("/batches", tag=tag, archived=archived, **chosen)]

    def batch(self, batch: Batch | int) -> Batch:
        """The batch as it stands now."""
        return batch_from(self._transport.get(f"/batches/{_id(batch)}"))

    def queue_batch(
        self,
        space: Space | Row | int,
        regime: Regime | Row | int,
        *,
        size: int,
        seed: int | None = None,
        priority: int = 0,
    ) -> Batch:
        """Queue ``size`` designs of a space for training under a regime; the server chooses a free seed if you don't.

        A seed that a batch of the space and the regime has already is refused; one that a batch of a space of the same
        lineage has is told in ``warning``.
        """
        body = {
            "space": _id(space), "regime": _id(regime), "size": size, "seed": seed, "priority": priority,
        }  # fmt: skip
        return batch_from(self._transport.post("/batches", body))

    def extend(self, batch: Batch | int, *, size: int) -> Batch:
        """Ask for more designs of the same draw; ``size`` is the new number of all of them."""
        return self._told(batch, "extend", {"size": size})

    def pause(self, batch: Batch | int, *, finish_running: bool = False) -> Batch:
        return self._told(batch, "pause", {"finish_running": finish_running})

    def resume(self, batch: Batch | int) -> Batch:
        return self._told(batch, "resume")

    def cancel(self, batch: Batch | int) -> Batch:
        """Cancel what has not ended; results that are there stay."""
        return self._told(batch, "cancel")

    def set_tags(self, one: Filed, *tags: str) -> Filed:
        """Let a space, a regime or a batch carry exactly these tags, none where none is given."""
        path, read = _place(one)
        return read(self._transport.put(f"{path}/tags", {"tags": tags}))

    def archive(self, one: Filed) -> Filed:
        """Put away a space, a regime or a batch whose runs have ended; analyses still count it."""
        return self._filed(one, "archive")

    def bring_back(self, one: Filed) -> Filed:
        """Take it out of the archive."""
        return self._filed(one, "bring-back")

    def wait(
        self,
        batch: Batch | int,
        *,
        on_progress: Callable[[Progress], object] | None = None,
        poll_seconds: float = 2.0,
        timeout: float | None = None,
    ) -> Batch:
        """Wait until nothing of a batch is to come, and give it as it stands then.

        ``on_progress`` is called with every change. A batch whose draw fails raises `ClientError`; one that has not
        ended after ``timeout`` seconds raises `Timeout` and goes on.
        """
        started, last = time.monotonic(), None
        while True:
            now = self.batch(batch)
            if on_progress is not None and now.progress != last:
                on_progress(now.progress)
            last = now.progress
            if now.state in {"exhausted", "failed"}:
                raise ClientError(f"Batch {now.id} has no designs: {now.message}")
            if not now.progress.active:
                return now
            left = poll_seconds if timeout is None else timeout - (time.monotonic() - started)
            if left <= 0:
                raise Timeout(f"Batch {now.id} has not ended after {timeout:g} s; it is {now.progress}.")
            time.sleep(min(poll_seconds, left))

    def retry(self, batch: Batch | int, *, kind: str = "") -> Batch:
        """Queue the failed runs of a batch again, all or those of one kind."""
        return self._told(batch, "retry", {"kind": kind})

    def set_priority(self, batch: Batch | int, priority: int) -> Batch:
        """Let the runs of a batch go before those of a lower priority, -100 to 100."""
        return self._told(batch, "priority", {"priority": priority})

    def imports(self, *, tag: str | None = None, archived: bool | None = None) -> list[Imported]:
        """The team's imported populations, the newest first."""
        return [imported_from(item) for item in self._items("/imports", tag=tag, archived=archived)]

    def import_population(
        self,
        rows: Rows,
        *,
        name: str,
        roles: Mapping[str, str] | None = None,
        statuses: Mapping[str, str] | None = None,
        source: str = "",
        data_set: str = "",
        resolution: int | None = None,
        epochs: float | None = None,
    ) -> Imported:
        """Bring in results from elsewhere: a DataFrame, a list of records, or columns by name.

        ``roles`` says what columns are, such as ``{"score": "error:accuracy-fraction"}``, and ``statuses`` what becomes
        of words of a status (finished, failed or left_out); what is left out is guessed. Many rows go in several
        requests; where a later one is refused, nothing is kept.
        """
        first, *others = parts_of(rows)
        body = {
            "name": name, "columns": first, "roles": dict(roles or {}), "statuses": dict(statuses or {}),
            "source": source, "data_set": data_set, "resolution": resolution, "epochs": epochs,
        }  # fmt: skip
        imported = imported_from(self._transport.post("/imports", body))
        try:
            for part in others:
                imported = imported_from(self._transport.post(f"/imports/{imported.id}/rows", {"columns": part}))
        except ClientError:
            self.delete_import(imported)
            raise
        return imported

    def append_rows(self, imported: Imported | int, rows: Rows) -> Imported:
        """Add rows with the same columns, such as runs that finished since."""
        for part in parts_of(rows):
            answer = self._transport.post(f"/imports/{_id(imported)}/rows", {"columns": part})
        return imported_from(answer)

    def replace_rows(self, imported: Imported | int, rows: Rows) -> Imported:
        """Give an import other rows with the same columns; its analyses follow."""
        first, *others = parts_of(rows)
        answer = self._transport.put(f"/imports/{_id(imported)}/rows", {"columns": first})
        for part in others:
            answer = self._transport.post(f"/imports/{_id(imported)}/rows", {"columns": part})
        return imported_from(answer)

    def delete_import(self, imported: Imported | int) -> None:
        self._transport.post(f"/imports/{_id(imported)}/delete")

    def samples(self, batch: Batch | int) -> Columns:
        """All samples of a batch in draw order, one array a column; errors in percent, NaN until trained."""
        return _arrays(self._transport.get(f"/batches/{_id(batch)}/samples")["columns"])

    def population(self, space: Space | Row | int, regime: Regime | Row | int, *, error: Error = "final") -> Columns:
        """The used samples of a space under a regime, in draw order: parameters as drawn, complexity, error in percent.

        While a batch runs, only its finished prefix counts.
        """
        path, parts, read = f"/populations/{_id(space)}-{_id(regime)}", [], 0
        while True:
            answer = self._transport.get(path, error=error, offset=read)
            parts.append(_arrays(answer["columns"]))
            read += len(parts[-1]["error"])
            if read >= answer["n"] or not len(parts[-1]["error"]):
                return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def dataframe(self, space: Space | Row | int, regime: Regime | Row | int, *, error: Error = "final") -> Any:
        """`population` as a pandas DataFrame, with the sample's id as its index."""
        try:
            import pandas  # type: ignore[import-untyped, import-not-found, unused-ignore]
        except ImportError as missing:
            raise ClientError("pandas is not installed: install it, or use population() instead.") from missing
        return pandas.DataFrame(self.population(space, regime, error=error)).set_index("sample_id")

    def analysis(
        self, populations: Iterable[tuple[Space | Row | int, Regime | Row | int]], *, error: Error = "final"
    ) -> dict[str, Any]:
        """What an analysis finds: its sentence, each population's numbers, every pair's, and those in draw order.

        The entries of ``in_order`` hold however often you look, so that their verdicts may end a study.
        """
        pairs = [f"{_id(space)}-{_id(regime)}" for space, regime in populations]
        return dict(self._transport.get("/analyses", p=pairs, error=error))

    def _told(self, batch: Batch | int, verb: str, body: Mapping[str, object] | None = None) -> Batch:
        return batch_from(self._transport.post(f"/batches/{_id(batch)}/{verb}", body))

    def _filed(self, one: Filed, verb: str) -> Filed:
        path, read = _place(one)
        return read(self._transport.post(f"{path}/{verb}"))

    def _items(self, path: str, **query: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            answer = self._transport.get(path, limit=A_PAGE, offset=len(found), **query)
            found += answer["items"]
            if not answer["items"] or len(found) >= answer["total"]:
                return found


def _id(one: Space | Regime | Batch | Imported | Mapping[str, Any] | int) -> int:
    """Of what the client gave: an object, a row of a list, or the id itself."""
    if isinstance(one, int):
        return one
    return int(one["id"]) if isinstance(one, Mapping) else one.id


def _place(one: Filed) -> tuple[str, Callable[[Mapping[str, object]], Filed]]:
    """Its address, and what reads an answer that shows it."""
    if type(one) not in PLACES:
        raise ClientError(f"Give a space, a regime or a batch, got {one!r}: an id alone does not say of which.")
    root, read = PLACES[type(one)]
    return f"{root}/{one.id}", read


def _arrays(columns: Mapping[str, list[float | None]]) -> Columns:
    """None becomes NaN; columns of whole numbers stay whole."""
    return {
        name: np.array(values, dtype=np.int64)
        if all(type(value) is int for value in values)
        else np.array(values, dtype=np.float64)
        for name, values in columns.items()
    }
