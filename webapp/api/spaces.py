"""Spaces: list, look, define, refine."""

from __future__ import annotations

from ninja import Query, Router, Status

from engine.spaces import Space as EngineSpace
from engine.spaces import presets, space_from_json
from engine.spaces.containment import Containment
from webapp import services
from webapp.access import TeamRequest, space_of
from webapp.api.errors import Rejected
from webapp.api.filing import add_filing, filed, filing_of
from webapp.api.names import checked_name, checked_note, exactly_one
from webapp.api.schemas import FiledPage, NewSpace, SpaceOut, Spaces, or_problem
from webapp.api.tokens import READER, WRITER
from webapp.models import Space
from webapp.pages.previews import contained, exact_size

router = Router(tags=["spaces"])


@router.get("", response=or_problem(Spaces), auth=READER)
def list_spaces(request: TeamRequest, chosen: Query[FiledPage]) -> dict[str, object]:
    """The team's spaces, the newest first."""
    rows = filed(chosen, Space.objects.filter(team=request.team)).order_by("-id")
    page = rows[chosen.offset : chosen.offset + chosen.limit]
    return {"items": [_line(row) for row in page], "total": rows.count()}


@router.get("/{id:space_id}", response=or_problem(SpaceOut), auth=READER)
def get_space(request: TeamRequest, space_id: int) -> dict[str, object]:
    """One space with its definition, its exact size, and whether it lies inside its parent."""
    return _whole(space_of(request.team, space_id))


@router.post("", response=or_problem(SpaceOut, status=201), auth=WRITER)
def create_space(request: TeamRequest, body: NewSpace) -> Status[dict[str, object]]:
    """Define a space by the name of a preset or by engine JSON; with a parent, as a refinement of it."""
    parent = _parent(request, body.parent)
    row = services.create_space(
        team=request.team,
        name=checked_name(body.name),
        space=_defined(body, parent),
        actor=request.user,
        parent=parent,
        note=checked_note(body.note),
    )
    return Status(201, _whole(row))


def _parent(request: TeamRequest, parent_id: int | None) -> Space | None:
    if parent_id is None:
        return None
    row = Space.objects.filter(team=request.team, pk=parent_id).first()
    if row is None:
        raise Rejected("parent is no space of this team.", parameter="parent", value=parent_id, status=404)
    return row


def _defined(body: NewSpace, parent: Space | None) -> EngineSpace:
    match exactly_one(body, "preset", "definition", "changes"):
        case "preset", name:
            if name not in presets.space_names():
                raise Rejected(f"There is no preset {name[:60]!r}.", parameter="preset", value=name)
            return presets.space(name)
        case "definition", definition:
            return space_from_json(definition)
        case _, changes:
            if parent is None:
                raise Rejected("changes need a parent that they change.", parameter="parent")
            return space_from_json({**parent.definition, **changes})


def _line(row: Space) -> dict[str, object]:
    return {
        "id": row.pk,
        "name": row.name,
        "family": row.family,
        "parent": row.parent_id,
        "note": row.note,
        "created_at": row.created_at,
        **filing_of(row),
    }


def _whole(row: Space) -> dict[str, object]:
    space = space_from_json(row.definition)
    inside = contained(space, space_from_json(row.parent.definition)) if row.parent else None
    return {
        **_line(row),
        "definition": row.definition,
        "size": exact_size(space),
        "inside_parent": None if inside is None else _answered(inside),
    }


def _answered(inside: Containment) -> dict[str, object]:
    witness = inside.witness.to_json() if inside.witness else None
    return {"answer": inside.answer, "reason": inside.reason, "witness": witness}


add_filing(router, "space", SpaceOut, find=space_of, answer=_whole)
