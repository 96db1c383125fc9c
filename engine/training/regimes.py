"""Training regimes: everything that fixes how a design becomes an error (docs/method.md, section 1 and 6)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.checks import JsonObject, finite_number, json_object, one_of, whole_number
from engine.designs.windows import Window
from engine.errors import InvalidRegime
from engine.training.datasets import data_set_facts

SCHEMA = 1
AUGMENTATIONS = ("none", "crop_flip", "resized_crop_flip")
PRECISIONS = ("float32", "bfloat16")
MOST_IMAGES = 10**9
MOST_CLASSES = 100_000
LONGEST_RUN = 30 * 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained: SGD with momentum and a half-period cosine to 0, per step.

    Parameters
    ----------
    epochs : int
        Passes over the training images, 1 to 10,000.
    minibatch_size : int
        Images per step of SGD, 1 to 65,536.
    learning_rate : float
        The highest learning rate, above 0.
    momentum : float
        In [0, 1).
    nesterov : bool
        Nesterov's form of momentum; needs a momentum above 0.
    weight_decay : float
        Of all parameters, at least 0.
    warmup_epochs : float
        Epochs over which the learning rate rises linearly to the cosine, below ``epochs``; 0 for none.
    augmentation : {"none", "crop_flip", "resized_crop_flip"}
        Nothing; pad by an eighth, crop and flip (CIFAR); random resized crop and flip (ImageNet).
    zero_init_last_norm : bool
        Start the last batch norm of each residual branch at scale 0.
    precision : {"float32", "bfloat16"}
        "bfloat16" computes the forward pass under autocast; weights and their updates stay float32.

    Raises
    ------
    InvalidRegime
        Naming the parameter and the value.
    """

    epochs: int = 10
    minibatch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-5
    warmup_epochs: float = 0.0
    augmentation: str = "none"
    zero_init_last_norm: bool = False
    precision: str = "float32"

    def __post_init__(self) -> None:
        _keep_whole(self, "epochs", 1, 10_000)
        _keep_whole(self, "minibatch_size", 1, 65_536)
        _keep_number(self, "learning_rate", "above 0 and at most 1000", lambda value: 0 < value <= 1000)
        _keep_number(self, "momentum", "at least 0 and below 1", lambda value: 0 <= value < 1)
        _check_type(self, "nesterov", bool)
        _keep_number(self, "weight_decay", "between 0 and 1", lambda value: 0 <= value <= 1)
        _keep_number(self, "warmup_epochs", "at least 0 and below epochs", lambda value: 0 <= value < self.epochs)
        one_of(self.augmentation, AUGMENTATIONS, parameter="augmentation", error=InvalidRegime)
        _check_type(self, "zero_init_last_norm", bool)
        one_of(self.precision, PRECISIONS, parameter="precision", error=InvalidRegime)
        if self.nesterov and self.momentum == 0:
            raise InvalidRegime("nesterov needs a momentum above 0, got 0.", parameter="nesterov", value=True)

    def to_json(self) -> JsonObject:
        """The recipe as JSON-able values, with "kind" and "schema"."""
        return {"kind": "recipe", "schema": SCHEMA, **_values(self)}

    @classmethod
    def from_json(cls, data: object) -> Recipe:
        """The recipe that `to_json` wrote; keys left out take their defaults, unknown ones are refused."""
        names = [item.name for item in fields(cls)]
        unchecked: dict[str, Any] = json_object(
            data, kind="recipe", schema=SCHEMA, keys=names, required=(), error=InvalidRegime
        )
        return cls(**unchecked)


@dataclass(frozen=True, kw_only=True)
class Regime:
    """Everything that fixes how a design becomes an error.

    Parameters
    ----------
    data_set : str
        A name in `engine.training.datasets.DATA_SETS`, or "image-folder:" and the name of a folder of images.
    resolution : int
        Side of the square input image in pixels, 4 to 1024.
    window : Window
        Limits of flops, params and acts within which designs are drawn.
    recipe : Recipe
        How each network is trained.
    train_images, test_images : int, optional
        Size of the fixed subset to use; None takes all images.
    replicates : int
        Trainings of each design, with seeds of their own, 1 to 100.
    time_limit : float, optional
        Seconds after which a run ends as timed out; None for no limit.
    num_classes : int
        Classes of the data set. Filled in from the data set's facts; to be given for a folder of images.

    Raises
    ------
    InvalidRegime
        Naming the parameter and the value.
    """

    data_set: str
    resolution: int
    window: Window = field(default_factory=Window)
    recipe: Recipe = field(default_factory=Recipe)
    train_images: int | None = None
    test_images: int | None = None
    replicates: int = 1
    time_limit: float | None = None
    num_classes: int = 0

    def __post_init__(self) -> None:
        facts = data_set_facts(self.data_set)
        _keep_whole(self, "resolution", 4, 1024)
        _check_type(self, "window", Window)
        _check_type(self, "recipe", Recipe)
        if self.train_images is not None:
            _keep_whole(self, "train_images", 1, facts.train_images or MOST_IMAGES)
        if self.test_images is not None:
            _keep_whole(self, "test_images", 1, facts.test_images or MOST_IMAGES)
        _keep_whole(self, "replicates", 1, 100)
        if self.time_limit is not None:
            limits = f"above 0 and at most {LONGEST_RUN:.0f} seconds"
            _keep_number(self, "time_limit", limits, lambda value: 0 < value <= LONGEST_RUN)
        if self.num_classes == 0:
            object.__setattr__(self, "num_classes", facts.num_classes)
        _keep_whole(self, "num_classes", facts.num_classes or 2, facts.num_classes or MOST_CLASSES)

    @property
    def in_channels(self) -> int:
        """Channels of the input image."""
        return data_set_facts(self.data_set).in_channels

    def to_json(self) -> JsonObject:
        """The regime as JSON-able values, with "kind" and "schema"."""
        nested = {"window": self.window.to_json(), "recipe": self.recipe.to_json()}
        return {"kind": "regime", "schema": SCHEMA, **_values(self), **nested}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Regime:
        """The regime that `to_json` wrote; unknown keys and other schema versions are refused."""
        unchecked: dict[str, Any] = json_object(
            data,
            kind="regime",
            schema=SCHEMA,
            keys=[item.name for item in fields(cls)],
            required=("data_set", "resolution"),
            error=InvalidRegime,
        )
        if "window" in unchecked:
            unchecked["window"] = Window.from_json(unchecked["window"])
        if "recipe" in unchecked:
            unchecked["recipe"] = Recipe.from_json(unchecked["recipe"])
        return cls(**unchecked)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex: two regimes are the same where their digests are."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def regime_presets() -> dict[str, Regime]:
    """The regimes the product brings along, by name (docs/method.md, section 6 and 8)."""
    return {
        "Fashion-MNIST on CPU": Regime(
            data_set="fashion-mnist",
            resolution=14,
            window=Window(flops=(700_000, 780_000)),
            recipe=Recipe(epochs=2, minibatch_size=64, learning_rate=0.05),
            train_images=3000,
            test_images=2000,
            time_limit=600,
        ),
        "Digits on CPU": Regime(
            data_set="digits",
            resolution=8,
            window=Window(flops=(200_000, 300_000)),
            recipe=Recipe(epochs=3, minibatch_size=32, learning_rate=0.05),
            time_limit=600,
        ),
        "CIFAR-10 quick": Regime(
            data_set="cifar-10",
            resolution=32,
            window=Window(flops=(8_000_000, 10_000_000)),
            recipe=Recipe(epochs=5, minibatch_size=128, learning_rate=0.1, augmentation="crop_flip"),
            train_images=10_000,
            test_images=5_000,
            time_limit=3600,
        ),
        "ImageNet 400 MF, 10 epochs": Regime(
            data_set="imagenet",
            resolution=224,
            window=Window(flops=(360_000_000, 400_000_000)),
            recipe=Recipe(epochs=10, minibatch_size=128, learning_rate=0.05, augmentation="resized_crop_flip"),
        ),
    }


def _values(owner: Recipe | Regime) -> JsonObject:
    return {item.name: getattr(owner, item.name) for item in fields(owner)}


def _keep_whole(owner: Recipe | Regime, name: str, low: int, high: int) -> None:
    value = whole_number(getattr(owner, name), parameter=name, error=InvalidRegime, low=low, high=high)
    object.__setattr__(owner, name, value)


def _keep_number(owner: Recipe | Regime, name: str, rule: str, holds: Callable[[float], bool]) -> None:
    value = finite_number(getattr(owner, name), parameter=name, error=InvalidRegime)
    if not holds(value):
        raise InvalidRegime(f"{name} must be {rule}, got {value:g}.", parameter=name, value=value)
    object.__setattr__(owner, name, value)


def _check_type(owner: Recipe | Regime, name: str, kind: type) -> None:
    value = getattr(owner, name)
    if not isinstance(value, kind):
        wanted = "true or false" if kind is bool else f"a {kind.__name__}"
        raise InvalidRegime(f"{name} must be {wanted}, got {value!r}.", parameter=name, value=value)
