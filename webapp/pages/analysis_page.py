"""What the page of an analysis, of a result page, of a shared page and of a report have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webapp import queries
from webapp.analysis import AnalysedPopulation, Analysis
from webapp.pages.edf_figures import EDF
from webapp.pages.links import Links
from webapp.pages.population_words import counts_of
from webapp.pages.sections import Verdict, later_sections
from webapp.pages.steps import step_bar

CHOOSE = "choose"  # the part with the form that chooses populations


@dataclass(frozen=True)
class Downloads:
    """The files of a page: all of it, single figures and tables, the samples of its populations."""

    report: str
    files: list[tuple[str, str]]
    samples: list[tuple[AnalysedPopulation, list[tuple[str, str]]]]


def downloads_of(analysis: Analysis, links: Links) -> Downloads | None:
    """None where the viewer has no files."""
    if not links.has_files:
        return None
    files = [
        ("Error EDFs, SVG", links.figure(EDF, "svg")),
        ("Error EDFs, PNG", links.figure(EDF, "png")),
        ("Error EDFs, CSV", links.edf_steps()),
        ("Table of populations, CSV", links.table("populations")),
        *([("Pairwise tests, CSV", links.table("pairwise-tests"))] if len(analysis.compared) > 1 else []),
        *([("Best designs, CSV", links.table("best"))] if analysis.used else []),
    ]
    samples = [(one, links.sample_files(one)) for one in analysis.populations]
    return Downloads(links.report(), files, samples)


@dataclass(frozen=True)
class AnalysisPage:
    """The page of an analysis for one viewer: what it shows at once, and what it shows once that is computed.

    ``whole`` pages hold all of their sections, for viewers without JavaScript, for print and for files; of others the
    sections below the verdict are asked for when they come near the window.
    """

    analysis: Analysis
    links: Links
    whole: bool = False
    steps: bool = False

    def early(self) -> dict[str, Any]:
        """The names of the template that stand above the verdict."""
        analysis, links = self.analysis, self.links
        focus = analysis.focused
        return {
            "analysis": analysis,
            "links": links,
            "whole": self.whole,
            "counts": counts_of(analysis.populations),
            "crumbs": [(one, links.population(one)) for one in analysis.populations],
            "refine_focus": links.refine(focus),
            "downloads": downloads_of(analysis, links),
            "chooser": links.part(CHOOSE) if links.other_views else "",
            "bar": step_bar(focus.space, queries.method_facts(focus.space), current=3, may_write=links.may_write)
            if self.steps and focus.space
            else None,
        }

    def rest(self) -> dict[str, Any]:
        return {
            "verdict": Verdict(self.analysis, self.links),
            "sections": later_sections(self.analysis, self.links),
        }
