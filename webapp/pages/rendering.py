"""The sections of an analysis as HTML, remembered as long as what they show stays the same."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from webapp.memory import Memory
from webapp.pages.sections import Section

MOST_CHARACTERS = 64_000_000  # of all sections that a process remembers

_sections: Memory[SafeString] = Memory(MOST_CHARACTERS, size=len)


def section_html(section: Section) -> SafeString:
    """The section with the JSON of its figures, for the viewer that its links are made for."""
    analysis = section.analysis
    return _sections.recall(
        (analysis.version, analysis.selection, section.links, section.name), lambda: _rendered(section)
    )


def _rendered(section: Section) -> SafeString:
    context = {"section": section, "analysis": section.analysis, "links": section.links}
    return render_to_string(section.template, context)
