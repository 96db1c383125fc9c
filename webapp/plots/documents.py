"""Figures as the JSON that BokehJS draws, written without asking every model for what it leaves out.

`bokeh.document.Document.to_json` computes the default of every property of every model (a scatter has 40 models, each
with some 35 properties), and then leaves out those that nobody set, which was half of the time of a page of many
figures. What is written is the same to the letter: a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.core.property.wrappers import PropertyValueContainer
from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.model import Model
from bokeh.themes import Theme


def document_json(roots: Sequence[Model], theme: Theme) -> dict[str, Any]:
    """One document of these figures, in this theme."""
    return {**Document().to_json(deferred=False), "roots": _ThemedSerializer(theme).encode(roots)}


class _ThemedSerializer(Serializer):
    """Writes of each model what was set, what the theme sets, and defaults that are models of their own."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(deferred=False)
        self._theme = theme

    def _encode(self, value: Any) -> Any:
        return self._encode_model(value) if isinstance(value, Model) else super()._encode(value)

    def _encode_model(self, model: Any) -> dict[str, Any]:
        self.add_ref(model, model.ref)  # it may refer to itself
        self._theme.apply_to_model(model)
        written = {"type": "object", "name": model.__qualified_model__, "id": model.id}
        attributes = {name: self.encode(value) for name, value in self._values(model)}
        return written | {"attributes": attributes} if attributes else written

    def _values(self, model: Any) -> list[tuple[str, Any]]:
        themed, defaults, values = model.themed_values() or {}, model._unstable_default_values, []
        for name in model.properties(_with_props=True):
            if not (name in model._property_values or name in defaults or name in themed):
                continue
            descriptor = model.lookup(name)
            if not descriptor.serialized:
                continue
            value = descriptor.get_value(model)
            is_default = name in defaults and name not in themed
            if not (is_default and isinstance(value, PropertyValueContainer)):  # an untouched list is no news
                values.append((name, value))
        return values
