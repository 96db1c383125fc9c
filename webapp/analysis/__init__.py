"""Analyses between the queries and the pages: what is asked for, the populations, every result, every table.

Nothing here knows a request, a page or an address: who looks and how links are made is for `webapp.pages` to say.
"""

from __future__ import annotations

from webapp.analysis.analysis import Analysis, analyse
from webapp.analysis.populations import AnalysedPopulation, FilePopulation, SpacePopulation
from webapp.analysis.selection import InvalidSelection, Selection, UnknownPopulation

__all__ = [
    "AnalysedPopulation",
    "Analysis",
    "FilePopulation",
    "InvalidSelection",
    "Selection",
    "SpacePopulation",
    "UnknownPopulation",
    "analyse",
]
