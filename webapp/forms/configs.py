"""A configuration of pycls, pasted as YAML: the design that it describes."""

from __future__ import annotations

from typing import Any

import yaml
from django import forms
from django.core.exceptions import ValidationError

from engine.designs import AnyNetDesign, Design
from engine.designs.sweep_files import design_from_pycls, regnet_beside
from engine.errors import EngineError
from engine.spaces import AnyNetSpace, RegNetSpace
from engine.spaces.laws import choice

LONGEST = 50_000  # characters


class ConfigForm(forms.Form):
    """``cleaned_data["design"]`` is an AnyNet, or the RegNet that the configuration names."""

    config = forms.CharField(
        label="Configuration", max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text="YAML of pycls, such as its config.yaml.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if text := values.get("config"):
            try:
                values["design"] = read_config(text)
            except (EngineError, ValueError) as error:
                self.add_error("config", ValidationError(str(error)))
        return values


def read_config(text: str) -> Design:
    """`EngineError` or ``ValueError`` with a sentence where it describes no design that this engine knows."""
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"This is no YAML: {str(error).splitlines()[0][:100]}.") from error
    if not isinstance(config, dict):
        raise ValueError("A configuration has keys such as MODEL and REGNET; here there are none.")
    whole = config["cfg"] if isinstance(config.get("cfg"), dict) else config
    design = design_from_pycls(whole)
    return regnet_beside(whole, design) or design


def space_of(design: Design) -> AnyNetSpace | RegNetSpace:
    """The space of this design alone, as a start for a form."""
    if isinstance(design, AnyNetDesign):
        unchecked: dict[str, Any] = {
            "depths": design.stage_depths, "widths": design.stage_widths,
            "bottleneck_ratios": design.bottleneck_ratios, "group_widths": design.group_widths,
        }  # fmt: skip
        laws: dict[str, Any] = {name: tuple(choice([value]) for value in values) for name, values in unchecked.items()}
        return AnyNetSpace(
            stages=len(design.stage_depths), trunk=design.trunk, stage_strides=design.stage_strides, **laws
        )
    names = ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")
    single: dict[str, Any] = {name: choice([getattr(design, name)]) for name in names}
    stages = len(design.to_anynet().stage_depths)
    return RegNetSpace(stages=(stages, stages), trunk=design.trunk, stage_stride=design.stage_stride, **single)
