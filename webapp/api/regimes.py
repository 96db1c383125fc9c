"""Regimes: list, look, make."""

from __future__ import annotations

from ninja import Query, Router, Status

from engine.training.regimes import Regime as EngineRegime
from engine.training.regimes import regime_presets
from webapp import services
from webapp.access import TeamRequest, regime_of
from webapp.api.errors import Rejected
from webapp.api.filing import add_filing, filed, filing_of
from webapp.api.names import checked_name, exactly_one
from webapp.api.schemas import FiledPage, NewRegime, RegimeOut, Regimes, or_problem
from webapp.api.tokens import READER, WRITER
from webapp.models import Regime

router = Router(tags=["regimes"])


@router.get("", response=or_problem(Regimes), auth=READER)
def list_regimes(request: TeamRequest, chosen: Query[FiledPage]) -> dict[str, object]:
    """The team's regimes, the newest first."""
    rows = filed(chosen, Regime.objects.filter(team=request.team)).order_by("-id")
    page = rows[chosen.offset : chosen.offset + chosen.limit]
    return {"items": [_line(row) for row in page], "total": rows.count()}


@router.get("/{id:regime_id}", response=or_problem(RegimeOut), auth=READER)
def get_regime(request: TeamRequest, regime_id: int) -> dict[str, object]:
    """One regime with its definition."""
    return _whole(regime_of(request.team, regime_id))


@router.post("", response=or_problem(RegimeOut, status=201), auth=WRITER)
def create_regime(request: TeamRequest, body: NewRegime) -> Status[dict[str, object]]:
    """Make a regime by the name of a preset or by engine JSON."""
    row = services.create_regime(
        team=request.team, name=checked_name(body.name), regime=_defined(body), actor=request.user
    )
    return Status(201, _whole(row))


def _defined(body: NewRegime) -> EngineRegime:
    way, given = exactly_one(body, "preset", "definition")
    if way == "definition":
        return EngineRegime.from_json(given)
    if given not in regime_presets():
        said = f"preset must be one of {', '.join(regime_presets())}, got {given[:60]!r}."
        raise Rejected(said, parameter="preset", value=given)
    return regime_presets()[given]


def _line(row: Regime) -> dict[str, object]:
    return {
        "id": row.pk,
        "name": row.name,
        "data_set": row.data_set,
        "created_at": row.created_at,
        **filing_of(row),
    }


def _whole(row: Regime) -> dict[str, object]:
    return {**_line(row), "definition": row.definition}


add_filing(router, "regime", RegimeOut, find=regime_of, answer=_whole)
