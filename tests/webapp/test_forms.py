"""Forms: text in, engine values out, complaints at their fields."""

from __future__ import annotations

from typing import Any

import pytest

from engine.spaces import AnyNetSpace, RegNetSpace, presets
from engine.spaces.laws import KINDS
from engine.training.regimes import Regime, regime_presets
from webapp.forms import AnyNetForm, RegimeForm, RegNetForm, form_of, regime_initial, space_initial
from webapp.forms.fields import check_name, parse_number

Space = AnyNetSpace | RegNetSpace


def bound(space: Space, **changes: Any) -> AnyNetForm | RegNetForm:
    """The form of a space, filled as a browser would send it, with some fields changed."""
    initial = {"name": "A name", **space_initial(space), **changes}
    form = form_of(space)({name: str(value) for name, value in initial.items() if value is not False})
    assert isinstance(form, AnyNetForm | RegNetForm)
    return form


@pytest.mark.parametrize("name", presets.space_names())
def test_every_preset_comes_back_from_its_form_as_it_was(name: str) -> None:
    space = presets.space(name)
    form = bound(space)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["space"] == space


LAWS: dict[str, dict[str, str]] = {
    "uniform": {"low": "16", "high": "64", "step": "16"},
    "log_uniform": {"low": "16", "high": "64", "step": "16"},
    "power_of_two": {"low": "16", "high": "64"},
    "power_of_two_or_log_uniform": {"low": "16", "high": "64", "step": "16"},
    "choice": {"values": "16, 32 64", "weights": "1 1 2"},
    "normal": {"low": "16", "high": "64", "step": "16"},
    "log_normal": {"low": "16", "high": "64", "step": "16"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_law_can_be_typed(kind: str) -> None:
    given = {f"widths_{part}": value for part, value in LAWS[kind].items()}
    form = bound(presets.space("AnyNetX-A-small"), widths_law=kind, **given)
    assert form.is_valid(), form.errors
    assert {law.kind for law in form.cleaned_data["space"].widths} == {kind}


def test_a_single_stage_can_have_a_law_of_its_own() -> None:
    form = bound(presets.space("AnyNetX-A-small"), depths_2_law="choice", depths_2_values="3")
    assert form.is_valid(), form.errors
    space = form.cleaned_data["space"]
    assert [len(law.values) for law in space.depths] == [6, 1, 6]
    again = bound(space)
    assert again.is_valid()
    assert again.cleaned_data["space"] == space


def test_every_rule_and_every_other_parameter_reaches_the_space() -> None:
    rules = dict.fromkeys(
        ["shared_bottleneck_ratio", "shared_group_width", "widths_non_decreasing", "depths_non_decreasing"], "on"
    )
    form = bound(
        presets.space("AnyNetX-A-small"), stages="2", stage_strides="1 2", stem="simple", stem_width="24",
        se_ratio="0.25", head_width="128", **rules,
    )  # fmt: skip
    assert form.is_valid(), form.errors
    space = form.cleaned_data["space"]
    assert (space.stages, space.stage_strides, space.trunk.stem, space.trunk.stem_width) == (2, (1, 2), "simple", 24)
    assert (space.trunk.se_ratio, space.trunk.head_width, len(space.rules)) == (0.25, 128, 4)


def test_regnets_limits_and_tie_reach_the_space() -> None:
    form = bound(
        presets.space("RegNetX"), tie="on", w_a_law="log_uniform", w_a_low="8", w_a_high="256", w_a_step="8",
        fewest_stages="3", most_stages="5", stage_width_limit="1,024", stage_depth_limit="16", params_limit_base="3",
        params_limit_slope="5.5", acts_limit="6.5",
    )  # fmt: skip
    assert form.is_valid(), form.errors
    space = form.cleaned_data["space"]
    assert (space.stages, space.tie, space.stage_width_limit) == ((3, 5), "w_0_equals_w_a", 1024)
    assert (space.params_limit, space.acts_limit) == ((3, 5.5), 6.5)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("widths_high", "8000000000000000000000", "within reason"),
        ("widths_high", "1020", "multiple of step"),
        ("widths_low", "512", "low"),
        ("widths_step", "0", "step"),
        ("widths_step", "-8", "step"),
        ("widths_high", "NaN", "within reason"),
        ("widths_high", "Infinity", "within reason"),
        ("widths_high", "1e999", "within reason"),
        ("widths_high", "9" * 5000, "too long"),
        ("widths_high", "1,5", "must be a number"),
        ("widths_high", "", "must be given"),
        ("bottleneck_ratios_values", "", "at least one"),
        ("bottleneck_ratios_values", "1 two", "must be a number"),
        ("bottleneck_ratios_weights", "1 2", "one entry for each"),
        ("stages", "0", "stages"),
        ("stages", "9", "stages"),
        ("stages", "1.5", "whole number"),
        ("stage_strides", "2 2", "stage_strides"),
        ("se_ratio", "2", "se_ratio"),
        ("stem_width", "0", "stem_width"),
    ],
)
def test_a_wrong_value_is_said_at_its_field(field: str, value: str, said: str) -> None:
    form = bound(presets.space("AnyNetX-A-small"), **{field: value})
    assert not form.is_valid()
    assert said in " ".join(form.errors.get(field, [])), form.errors


def test_a_wrong_value_of_one_stage_is_said_in_its_row() -> None:
    form = bound(
        presets.space("AnyNetX-A-small"), widths_2_law="uniform", widths_2_low="9", widths_2_high="4", widths_2_step="1"
    )
    assert not form.is_valid()
    assert set(form.errors) == {"widths_2_low"}


def test_a_space_can_be_previewed_before_it_has_a_name() -> None:
    form = bound(presets.space("RegNetX-small"), name="")
    assert form.space == presets.space("RegNetX-small")
    assert set(form.errors) == {"name"}


@pytest.mark.parametrize("name", ["\u200b\u200b", "a\u202eb", "\u2066a", "a\tb", "a\u2028b", "\u0301", "\u200d"])
def test_names_that_hide_something_are_refused(name: str) -> None:
    with pytest.raises(Exception, match="must"):
        check_name(name)


@pytest.mark.parametrize("name", ["AnyNetX-A", "Größe 2", "设计空间", "👩\u200d🔬 team", "@{error} $$x$$ <b>"])
def test_names_people_use_are_allowed(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("text", "number"), [("16", 16), (" 0.1 ", 0.1), ("1,024", 1024), ("1 024", 1024), ("−8", -8), ("5e-5", 5e-5)]
)
def test_numbers_are_read_as_people_write_them(text: str, number: float) -> None:
    assert parse_number(text, name="This") == number


@pytest.mark.parametrize("name", regime_presets())
def test_every_regime_preset_comes_back_from_its_form_as_it_was(name: str) -> None:
    regime = regime_presets()[name]
    form = RegimeForm(regime_sent(regime))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["regime"] == regime


def regime_sent(regime: Regime, **changes: str) -> dict[str, str]:
    initial = {"name": "A name", **regime_initial(regime)}
    return {name: str(value) for name, value in initial.items() if value is not False} | changes


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", "0"), ("minibatch_size", "1e9"), ("learning_rate", "-1"), ("momentum", "1"), ("warmup_epochs", "99"),
     ("resolution", "2"), ("train_images", "99999999"), ("replicates", "1000"), ("time_limit", "-5"),
     ("flops_low", "-1"), ("data_set", "made-up"), ("flops_high", "0.1")],
)  # fmt: skip
def test_a_wrong_value_of_a_regime_is_said_at_its_field(field: str, value: str) -> None:
    form = RegimeForm(regime_sent(regime_presets()["Fashion-MNIST on CPU"], **{field: value}))
    assert not form.is_valid()
    at = "flops_low" if field == "flops_high" else field
    assert at in form.errors, form.errors


@pytest.mark.parametrize("folder", ["../etc", "/etc/passwd", "a/b", ".hidden", ""])
def test_a_folder_of_images_cannot_leave_the_data_folder(folder: str) -> None:
    sent = regime_sent(regime_presets()["CIFAR-10 quick"], data_set="image-folder", folder=folder, num_classes="3")
    form = RegimeForm(sent)
    assert not form.is_valid()
    assert "folder" in form.errors


def test_a_folder_of_images_can_be_a_data_set() -> None:
    sent = regime_sent(
        regime_presets()["CIFAR-10 quick"], data_set="image-folder", folder="flowers", num_classes="3",
        train_images="", test_images="",
    )  # fmt: skip
    form = RegimeForm(sent)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["regime"].data_set == "image-folder:flowers"
    assert form.cleaned_data["regime"].num_classes == 3
