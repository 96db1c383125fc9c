"""What differs between regimes, in words."""

from __future__ import annotations

from engine.training.regimes import regime_presets
from webapp.pages.regime_words import regime_differences


def test_alike_regimes_differ_in_nothing() -> None:
    definition = regime_presets()["Fashion-MNIST on CPU"].to_json()
    assert regime_differences([definition, definition]) == []
    assert regime_differences([definition]) == []


def test_each_setting_that_differs_is_one_line() -> None:
    first = regime_presets()["Fashion-MNIST on CPU"].to_json()
    second = first | {
        "resolution": 28,
        "train_images": None,
        "window": {"flops": [None, 2_000_000], "params": None, "acts": None},
        "recipe": first["recipe"] | {"nesterov": True, "augmentation": "crop_flip"},
    }
    assert set(regime_differences([first, second])) == {
        "resolution: 14 and 28",
        "train images: 3,000 and none",
        "window flops: 700,000 to 780,000 and up to 2,000,000",
        "nesterov: no and yes",
        "augmentation: none and crop_flip",
    }


def test_three_regimes_name_their_different_values_once() -> None:
    first = regime_presets()["Fashion-MNIST on CPU"].to_json()
    assert regime_differences([first, first | {"replicates": 2}, first]) == ["replicates: 1 and 2"]
