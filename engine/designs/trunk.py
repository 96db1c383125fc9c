"""The trunk of a network: everything about it but its stages (docs/method.md, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from engine.checks import JsonObject, brief, finite_number, one_of, set_fields, whole_number
from engine.errors import EngineError, InvalidTrunk

STEMS = ("cifar", "simple", "imagenet")
BOTTLENECK_BLOCKS = ("residual_bottleneck", "residual_bottleneck_linear")
BLOCKS = ("plain", "plain_residual", "vanilla", "residual_basic", *BOTTLENECK_BLOCKS)


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """What a design has beside its stages; all designs of a space share it.

    Parameters
    ----------
    stem : {"cifar", "simple", "imagenet"}
        What comes before the stages.
    stem_width : int
        Channels of the stem.
    block : str
        One of `BLOCKS`.
    se_ratio : float
        Squeeze width over the width of the block's input, 0 to 1; 0 for no squeeze-and-excitation.
    head_width : int
        Channels of a 1x1 convolution before the classifier; 0 for none.

    Raises
    ------
    InvalidTrunk
        Naming the parameter and the value; it is both an `InvalidDesign` and an `InvalidSpace`.
    """

    stem: str = "simple"
    stem_width: int = 32
    block: str = "residual_bottleneck"
    se_ratio: float = 0.0
    head_width: int = 0

    def __post_init__(self) -> None:
        ratio = finite_number(self.se_ratio, parameter="se_ratio", error=InvalidTrunk)
        if not 0 <= ratio <= 1:
            raise InvalidTrunk(
                f"se_ratio must lie between 0 and 1, got {self.se_ratio}.", parameter="se_ratio", value=self.se_ratio
            )
        if ratio and not self.has_bottleneck:
            raise InvalidTrunk(
                f"se_ratio must be 0 for the block {self.block}, which has no bottleneck; got {ratio:g}.",
                parameter="se_ratio",
                value=self.se_ratio,
            )
        set_fields(
            self,
            stem=one_of(self.stem, STEMS, parameter="stem", error=InvalidTrunk),
            stem_width=whole_number(self.stem_width, parameter="stem_width", error=InvalidTrunk),
            block=one_of(self.block, BLOCKS, parameter="block", error=InvalidTrunk),
            se_ratio=ratio,
            head_width=whole_number(self.head_width, parameter="head_width", error=InvalidTrunk, low=0),
        )

    @property
    def has_bottleneck(self) -> bool:
        """Whether the block is a bottleneck: only these have an inner width, groups and squeeze-and-excitation."""
        return self.block in BOTTLENECK_BLOCKS

    def check_without_bottleneck(
        self, parameter: str, values: Iterable[float], *, given: float | str, error: type[EngineError]
    ) -> None:
        """Refuse ratios and groups other than 1 where the block has no bottleneck; ``given`` is what was typed in."""
        if not self.has_bottleneck and any(value != 1 for value in values):
            words = given if isinstance(given, str) else f"{given:g}"
            raise error(
                f"{parameter} must be 1 for the block {self.block}, which has no bottleneck; got {words}.",
                parameter=parameter,
                value=given,
            )

    def to_json(self) -> JsonObject:
        """The five values. Designs and spaces write them among their own, without an object around them."""
        return asdict(self)

    @classmethod
    def take_from(cls, values: JsonObject) -> Trunk:
        """Take the trunk's keys out of the JSON of a design or space; a missing key takes its default."""
        unchecked: dict[str, Any] = {name: values.pop(name) for name in TRUNK_KEYS if name in values}
        return cls(**unchecked)


TRUNK_KEYS = tuple(item.name for item in fields(Trunk))


def check_trunk(value: object, error: type[EngineError]) -> None:
    """Refuse anything but a `Trunk`."""
    if not isinstance(value, Trunk):
        raise error(f"trunk must be a Trunk, got {brief(value)}.", parameter="trunk", value=value)
