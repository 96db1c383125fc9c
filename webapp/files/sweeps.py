"""Sweep files of pycls as tables: designs, whatever configurations vary, and errors as its analysis takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pyarrow import compute

from engine.designs import Design, RegNetDesign
from engine.designs.sweep_files import (
    ERRORS,
    REGNET_NAMES,
    design_from_pycls,
    design_parameters,
    errors_of_sweep_entry,
    regnet_beside,
)
from engine.errors import EngineError
from webapp.files.table import Table, TableBuilder

# Keys of a configuration that have names of their own here.
NAMES = {
    "OPTIM.BASE_LR": "learning_rate",
    "OPTIM.WEIGHT_DECAY": "weight_decay",
    "OPTIM.MAX_EPOCH": "epochs",
    "RNG_SEED": "seed",
    "MODEL.TYPE": "family",
}
ALWAYS_KEPT = ("learning_rate", "weight_decay")
LONGEST_LIST = 16  # values of a list that become columns of their own
COMPLEXITIES = ("flops", "params", "acts")
EPOCHS = {"epoch_reached": "epoch_reached", "epochs_planned": "epochs_planned"}


def read_sweep(entries: Iterable[Any], builder: TableBuilder) -> Table:
    found: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("cfg"), Mapping):
            builder.add(number, {}, "it has no cfg")
            continue
        families, cells = _cells(entry)
        found |= families
        builder.add(number, cells)
    table = builder.finish(words="a sweep of pycls, with its designs", unit="row")
    return _ordered(table, found)


def _cells(entry: Mapping[str, Any]) -> tuple[set[str], dict[str, Any]]:
    """How the design of an entry is known, and all that it says."""
    cfg = entry["cfg"]
    design = _design(cfg)
    beside = regnet_beside(cfg, design) if design is not None else None
    family = "other" if design is None else "regnet" if isinstance(design, RegNetDesign) else "anynet"
    known = {family, *({"beside"} if beside else set())}
    cells: dict[str, Any] = {}
    for one in (beside, design):
        cells |= design_parameters(one) if one is not None else {}
    described = {"ANYNET", "REGNET"} if design is not None else {"ANYNET", "REGNET"} - {_part(cfg)}
    cells |= {NAMES.get(key, key): value for key, value in _flat(cfg) if key.split(".")[0] not in described}
    complexity = entry.get("complexity")
    for name in COMPLEXITIES:
        cells[name] = complexity.get(name) if isinstance(complexity, Mapping) else None
    cells |= errors_of_sweep_entry(entry)
    best = beside or design
    return known, {**cells, "design": best.to_json() if best is not None else None}


def _part(cfg: Mapping[str, Any]) -> str:
    model = cfg.get("MODEL")
    return str(model.get("TYPE")).upper() if isinstance(model, Mapping) else ""


def _design(cfg: Mapping[str, Any]) -> Design | None:
    """None for another family, or an AnyNet with a part that this engine doesn't have."""
    try:
        return design_from_pycls(cfg)
    except EngineError:
        return None


def _flat(part: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield from ((f"{prefix}{key}_{k}", cell) for k, cell in enumerate(value[:LONGEST_LIST], start=1))
        elif value is not None:
            yield f"{prefix}{key}", value


def _ordered(table: Table, found: set[str]) -> Table:
    """Parameters first, without what never varies; of RegNets that were turned into AnyNets the RegNets' parameters.

    The stages of such AnyNets are there to be chosen, and so are the parameters of RegNets that stand beside only
    some of the networks.
    """
    regnet = set(REGNET_NAMES)
    as_regnets = "beside" in found and not _misses(table, "depth")
    left_out = {name for name in table.names if _is_stage(name)} if as_regnets else set()
    if "beside" in found and not as_regnets and "regnet" not in found:
        left_out = regnet
    last = [name for name in (*COMPLEXITIES, "error", *ERRORS, *EPOCHS, "design") if name in table.names]
    names = [
        name for name in table.names
        if name not in last and (name in regnet or _is_stage(name) or name in ALWAYS_KEPT or _varies(table, name))
    ]  # fmt: skip
    roles = {name: "left_out" for name in left_out if name in names}
    roles |= {name: "parameter" for name in names if name not in left_out and name != "seed" and _is_plain(table, name)}
    roles |= dict.fromkeys(COMPLEXITIES, "complexity") | dict.fromkeys(ERRORS, "left_out")
    roles |= {"error": "error", **EPOCHS}
    kept = [*sorted(names, key=lambda name: (name not in regnet, not _is_stage(name))), *last]
    values = {"names": kept, "columns": [table.column(name) for name in kept]}
    return Table(**{**table.__dict__, **values, "roles": {k: v for k, v in roles.items() if k in kept}})


def _is_stage(name: str) -> bool:
    return re.fullmatch(r"[dwbg]_[1-9][0-9]*", name) is not None


def _misses(table: Table, name: str) -> bool:
    """Whether an entry that can be read has no value there."""
    return name not in table.names or table.column(name).null_count > len(table.problems)


def _varies(table: Table, name: str) -> bool:
    column = table.column(name)
    mode = "all" if column.null_count > len(table.problems) else "only_valid"
    return bool(compute.count_distinct(column, mode=mode).as_py() > 1)


def _is_plain(table: Table, name: str) -> bool:
    """A number, or one of a few words: paths and descriptions differ from job to job, and are no parameters."""
    column = table.column(name)
    return bool(column.type == "double" or compute.count_distinct(column).as_py() <= max(2, len(column) // 4))
