"""What is known of how the populations of an analysis were trained, where some come from elsewhere: for the warning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from webapp.analysis.populations import AnalysedPopulation, FilePopulation
from webapp.wording import compact, joined

CONDITIONS = ("data set", "resolution", "epochs")


def comparability(populations: Sequence[AnalysedPopulation]) -> str:
    """Where an import stands beside a regime or an import of other conditions; empty where there is nothing to say."""
    imports = [one for one in populations if isinstance(one, FilePopulation)]
    if not imports or len(populations) < 2:
        return ""
    known = {one.token: _conditions(one) for one in populations}
    differ = [line for name in CONDITIONS if (line := _difference(name, known.values()))]
    unsaid = [f"{one.name} ({joined(missing)})" for one in imports if (missing := _unsaid(known[one.token]))]
    if len(imports) == len(populations) and not differ and not unsaid:
        return ""
    sentences = ["Some of these networks were trained elsewhere, so a difference may come from how they were trained."]
    if differ:
        sentences.append(f"What differs: {'; '.join(differ)}.")
    if unsaid:
        sentences.append(f"Not said: of {'; of '.join(unsaid)}.")
    elif not differ:
        sentences.append("Data set, resolution and epochs are the same; no more is known.")
    return " ".join(sentences)


def _conditions(population: AnalysedPopulation) -> dict[str, str]:
    """In words; empty where nobody said."""
    if isinstance(population, FilePopulation):
        row = population.imported
        values: tuple[object, ...] = (row.data_set, row.resolution, row.epochs)
    else:
        definition: Mapping[str, object] = population.regime.definition
        recipe = definition.get("recipe")
        epochs = recipe.get("epochs") if isinstance(recipe, Mapping) else None
        values = (definition.get("data_set"), definition.get("resolution"), epochs)
    return {name: _words(value) for name, value in zip(CONDITIONS, values, strict=True)}


def _words(value: object) -> str:
    return compact(value) if isinstance(value, (int, float)) else str(value or "")


def _difference(name: str, known: Iterable[dict[str, str]]) -> str:
    """Such as "epochs: 10 and 100", spelling aside."""
    spellings: dict[str, str] = {}
    for conditions in known:
        if conditions[name]:
            spellings.setdefault(re.sub(r"[\W_]+", "", conditions[name].casefold()), conditions[name])
    return f"{name}: {joined(list(spellings.values()))}" if len(spellings) > 1 else ""


def _unsaid(conditions: Mapping[str, str]) -> list[str]:
    return [name for name in CONDITIONS if not conditions[name]]
