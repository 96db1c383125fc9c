from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.designs.windows import Window
from engine.errors import InvalidRegime
from engine.training.regimes import Recipe, Regime, regime_presets


@pytest.mark.parametrize("name", regime_presets())
def test_each_preset_survives_the_round_trip_through_json(name: str) -> None:
    regime = regime_presets()[name]
    again = Regime.from_json(json.loads(json.dumps(regime.to_json())))
    assert again == regime
    assert again.digest() == regime.digest()


def test_the_cpu_preset_is_the_regime_of_the_method() -> None:
    regime = regime_presets()["Fashion-MNIST on CPU"]
    assert (regime.data_set, regime.resolution, regime.in_channels, regime.num_classes) == ("fashion-mnist", 14, 1, 10)
    assert (regime.train_images, regime.test_images) == (3000, 2000)
    assert (regime.recipe.epochs, regime.recipe.minibatch_size, regime.recipe.learning_rate) == (2, 64, 0.05)
    assert regime.window == Window(flops=(700_000, 780_000))


@given(
    epochs=st.integers(1, 10_000),
    minibatch_size=st.integers(1, 65_536),
    learning_rate=st.floats(1e-12, 1000),
    momentum=st.floats(0, 1, exclude_max=True),
    weight_decay=st.floats(0, 1),
    augmentation=st.sampled_from(["none", "crop_flip", "resized_crop_flip"]),
)
@settings(max_examples=25, deadline=None)
def test_any_recipe_survives_the_round_trip_through_json(**values: Any) -> None:
    recipe = Recipe(**values)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_digest_tells_regimes_apart_and_ignores_how_numbers_are_written() -> None:
    regime = Regime(data_set="digits", resolution=8, recipe=Recipe(learning_rate=1))
    assert regime.digest() == Regime(data_set="digits", resolution=8, recipe=Recipe(learning_rate=1.0)).digest()
    assert regime.digest() != Regime(data_set="digits", resolution=8, recipe=Recipe(learning_rate=0.5)).digest()
    assert len(regime.digest()) == 64


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("epochs", 0),
        ("epochs", 10_001),
        ("epochs", 2.5),
        ("epochs", "10"),
        ("epochs", True),
        ("epochs", None),
        ("minibatch_size", 0),
        ("minibatch_size", float("nan")),
        ("learning_rate", 0),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", "0.1"),
        ("learning_rate", 10**400),
        ("momentum", 1),
        ("momentum", -0.1),
        ("weight_decay", -1e-5),
        ("weight_decay", float("inf")),
        ("warmup_epochs", 10),
        ("warmup_epochs", -1),
        ("nesterov", 1),
        ("zero_init_last_norm", "yes"),
        ("augmentation", "mixup"),
        ("augmentation", None),
        ("precision", "float16"),
    ],
)
def test_a_bad_parameter_of_a_recipe_is_named(parameter: str, value: object) -> None:
    with pytest.raises(InvalidRegime, match=parameter) as caught:
        Recipe(**{parameter: value})  # type: ignore[arg-type]
    assert caught.value.parameter == parameter


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(InvalidRegime, match="nesterov needs a momentum"):
        Recipe(nesterov=True, momentum=0)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("data_set", "mnist"),
        ("data_set", 3),
        ("data_set", "image-folder:"),
        ("data_set", "image-folder:../secrets"),
        ("data_set", "image-folder:/etc"),
        ("data_set", "image-folder:.hidden"),
        ("data_set", "image-folder:a\0b"),
        ("resolution", 3),
        ("resolution", 1025),
        ("resolution", "14"),
        ("train_images", 0),
        ("train_images", 60_001),
        ("test_images", 10_001),
        ("replicates", 0),
        ("replicates", 101),
        ("time_limit", 0),
        ("time_limit", float("nan")),
        ("time_limit", 1e9),
        ("num_classes", 11),
        ("num_classes", "10"),
        ("window", None),
        ("recipe", {"epochs": 1}),
    ],
)
def test_a_bad_parameter_of_a_regime_is_named(parameter: str, value: object) -> None:
    values = {"data_set": "fashion-mnist", "resolution": 14, parameter: value}
    with pytest.raises(InvalidRegime, match=parameter) as caught:
        Regime(**values)  # type: ignore[arg-type]
    assert caught.value.parameter == parameter


def test_a_folder_of_images_needs_its_number_of_classes() -> None:
    with pytest.raises(InvalidRegime, match="num_classes"):
        Regime(data_set="image-folder:birds", resolution=64)
    regime = Regime(data_set="image-folder:birds", resolution=64, num_classes=7)
    assert (regime.in_channels, regime.num_classes) == (3, 7)
    assert Regime.from_json(regime.to_json()) == regime


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"schema": None}, {"schema": True}, {"kind": "space"}, {"colour": 1}, {"recipe": {"epochs": 1}}],
)
def test_json_of_another_kind_or_schema_or_with_unknown_keys_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidRegime):
        Regime.from_json({**Regime(data_set="digits", resolution=8).to_json(), **change})


@pytest.mark.parametrize("data", [None, [], "regime", 1])
def test_json_that_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(InvalidRegime):
        Regime.from_json(data)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(InvalidRegime, match="resolution"):
        Regime.from_json({"kind": "regime", "schema": 1, "data_set": "digits"})


def test_regimes_and_data_sets_are_imported_without_torch() -> None:
    code = "import sys, engine.training.regimes, engine.training.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
