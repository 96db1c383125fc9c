"""The form of a regime: an engine regime out; the engine's complaints stand at their fields."""

from __future__ import annotations

from typing import Any

from django import forms

from engine.designs.windows import COMPLEXITIES, Window
from engine.errors import InvalidRegime, InvalidSpace
from engine.training.datasets import DATA_SETS, FOLDER_PREFIX
from engine.training.regimes import AUGMENTATIONS, PRECISIONS, Recipe, Regime
from webapp.forms.fields import NameField, NumberField, number_text

RECIPE_NUMBERS = ("epochs", "minibatch_size", "learning_rate", "momentum", "weight_decay", "warmup_epochs")
RECIPE_CHOICES = ("augmentation", "precision", "nesterov", "zero_init_last_norm")
OWN_FOLDER = "image-folder"


class RegimeForm(forms.Form):
    """``cleaned_data["regime"]`` is the engine's regime once the form is clean."""

    name = NameField(label="Name")
    data_set = forms.ChoiceField(
        label="Data set",
        choices=[*((facts.name, facts.title) for facts in DATA_SETS.values()), (OWN_FOLDER, "A folder of images")],
    )
    folder = forms.CharField(
        label="Folder", max_length=64, required=False,
        help_text="Only for a folder of images: its name in the workers' data folder, which holds train/CLASS/ and "
        "test/CLASS/ (or val/CLASS/).",
        widget=forms.TextInput(attrs={"list": "folders", "autocomplete": "off"}),
    )  # fmt: skip
    num_classes = NumberField(
        label="Classes",
        whole=True,
        required=False,
        help_text="Only for a folder of images: how many folders train holds; known for the others.",
    )
    resolution = NumberField(label="Resolution (px)", whole=True, help_text="Side of the square input image.")
    train_images = NumberField(
        label="Training images", whole=True, required=False, help_text="A fixed subset of that size; empty for all."
    )
    test_images = NumberField(
        label="Test images", whole=True, required=False, help_text="A fixed subset of that size; empty for all."
    )
    flops_low = NumberField(label="flops from (M)", scale=1_000_000, required=False)
    flops_high = NumberField(label="flops to (M)", scale=1_000_000, required=False)
    params_low = NumberField(label="params from (M)", scale=1_000_000, required=False)
    params_high = NumberField(label="params to (M)", scale=1_000_000, required=False)
    acts_low = NumberField(label="acts from (M)", scale=1_000_000, required=False)
    acts_high = NumberField(label="acts to (M)", scale=1_000_000, required=False)
    epochs = NumberField(label="Epochs", whole=True)
    minibatch_size = NumberField(label="Minibatch size", whole=True)
    learning_rate = NumberField(label="Learning rate", help_text="The highest; half a cosine takes it to 0.")
    momentum = NumberField(label="Momentum")
    nesterov = forms.BooleanField(label="Nesterov momentum", required=False)
    weight_decay = NumberField(label="Weight decay")
    warmup_epochs = NumberField(label="Warm-up epochs")
    augmentation = forms.ChoiceField(choices=[(name, name.replace("_", " ")) for name in AUGMENTATIONS])
    zero_init_last_norm = forms.BooleanField(label="Start residual branches at 0", required=False)
    precision = forms.ChoiceField(choices=[(name, name) for name in PRECISIONS])
    replicates = NumberField(
        label="Replicates", whole=True, help_text="Trainings of each design; their mean is its error."
    )
    time_limit = NumberField(label="Time limit (s)", required=False, help_text="Of one run; empty for none.")

    GROUPS = {
        "Images": ("data_set", "folder", "num_classes", "resolution", "train_images", "test_images"),
        "Complexity window": tuple(f"{cost}_{end}" for cost in COMPLEXITIES for end in ("low", "high")),
        "Recipe": (*RECIPE_NUMBERS, *RECIPE_CHOICES),
        "Runs": ("replicates", "time_limit"),
    }

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS.items()]

    @property
    def regime(self) -> Regime | None:
        """The regime, also while only its name is missing; None while something about it is wrong."""
        self.is_valid()
        return self.cleaned_data.get("regime")

    def clean(self) -> dict[str, object]:
        if not set(self.errors) - {"name"}:
            try:
                self.cleaned_data["regime"] = self._regime()
            except (InvalidRegime, InvalidSpace) as error:
                self.add_error(self._field_of(error.parameter), str(error))
        return self.cleaned_data

    def _regime(self) -> Regime:
        data = self.cleaned_data
        own = data["data_set"] == OWN_FOLDER
        return Regime(
            data_set=f"{FOLDER_PREFIX}{data['folder']}" if own else data["data_set"],
            num_classes=(data["num_classes"] or 0) if own else 0,
            resolution=data["resolution"],
            train_images=data["train_images"],
            test_images=data["test_images"],
            window=Window(**{cost: self._limits(cost) for cost in COMPLEXITIES}),
            recipe=Recipe(**{name: data[name] for name in (*RECIPE_NUMBERS, *RECIPE_CHOICES)}),
            replicates=data["replicates"],
            time_limit=data["time_limit"],
        )

    def _limits(self, cost: str) -> tuple[int | None, int | None] | None:
        limits = self.cleaned_data[f"{cost}_low"], self.cleaned_data[f"{cost}_high"]
        return None if limits == (None, None) else limits

    def _field_of(self, parameter: str) -> str | None:
        if parameter == "data_set" and self.cleaned_data.get("data_set") == OWN_FOLDER:
            return "folder"
        if parameter in COMPLEXITIES:
            return f"{parameter}_low"
        return parameter if parameter in self.fields else None


def regime_initial(regime: Regime) -> dict[str, object]:
    """What the form shows for a regime: parsing it again gives the same regime."""
    own = regime.data_set.startswith(FOLDER_PREFIX)
    initial: dict[str, Any] = {
        "data_set": OWN_FOLDER if own else regime.data_set,
        "folder": regime.data_set.removeprefix(FOLDER_PREFIX) if own else "",
        "num_classes": regime.num_classes if own else "",
        "resolution": regime.resolution,
        "train_images": number_text(regime.train_images),
        "test_images": number_text(regime.test_images),
        "replicates": regime.replicates,
        "time_limit": number_text(regime.time_limit),
    }
    for cost in COMPLEXITIES:
        low, high = getattr(regime.window, cost) or (None, None)
        initial |= {f"{cost}_low": number_text(low, scale=10**6), f"{cost}_high": number_text(high, scale=10**6)}
    initial |= {name: number_text(getattr(regime.recipe, name)) for name in RECIPE_NUMBERS}
    return initial | {name: getattr(regime.recipe, name) for name in RECIPE_CHOICES}
