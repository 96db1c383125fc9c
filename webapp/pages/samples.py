"""One sample: its design in words and pictures, and its place among the others of its population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from engine.designs import AnyNetDesign, Design, RegNetDesign
from engine.designs.linear_fit import LinearFit, fit_error, fit_quantized_linear
from engine.errors import InvalidDesign
from webapp import plots
from webapp.analysis import tables
from webapp.analysis.populations import per_block
from webapp.analysis.samples import Rank
from webapp.analysis.tables import Column, Table
from webapp.models import Epoch, Run, Sample
from webapp.pages.figures import Figure, LegendEntry
from webapp.wording import NBSP, compact, counted, fixed, joined

STAGE_COLUMNS = (
    Column("Stage", "stage", tables.Count),
    Column("Depth d_i", "depth", tables.Count),
    Column("Width w_i", "width", tables.Count),
    Column("group_width", "group_width", tables.Count),
    Column("b", "bottleneck_ratio"),
    Column("stride", "stride", tables.Count),
)


def parameter_words(design: Design) -> list[tuple[str, str]]:
    """The parameters as drawn, name and value."""
    values = {item.name: getattr(design, item.name) for item in fields(design)}
    for name in ("trunk", "stage_strides", "stage_stride"):
        values.pop(name, None)
    values |= {"se_ratio": design.trunk.se_ratio, "head_width": design.trunk.head_width}
    return [(name, _value_words(value)) for name, value in values.items() if value != ()]


def _value_words(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(compact(entry) for entry in value)
    return compact(value) if isinstance(value, int | float) else str(value)


def linear_fit_of(drawn: Design, anynet: AnyNetDesign) -> LinearFit | None:
    """The quantised linear function through the widths: a RegNet's own, else the closest; None where there is none."""
    if isinstance(drawn, RegNetDesign):
        own: dict[str, Any] = {"w_0": drawn.w_0, "w_a": drawn.w_a, "w_m": drawn.w_m}
        stages = drawn.as_generated()
        error = fit_error(anynet, **own)
        return LinearFit(
            depth=drawn.depth, error=error, stage_depths=stages.stage_depths, stage_widths=stages.stage_widths, **own
        )
    try:
        return fit_quantized_linear(anynet)
    except InvalidDesign:
        return None


def stage_figure(drawn: Design, anynet: AnyNetDesign, *, slot: int) -> Figure:
    """Width of each block with the quantised linear fit through them."""
    fit = linear_fit_of(drawn, anynet)
    rows = [
        [
            tables.Count(k + 1),
            tables.Count(d),
            tables.Count(w),
            tables.Count(g),
            tables.Number(b, style="compact"),
            tables.Count(s),
        ]
        for k, (d, w, g, b, s) in enumerate(
            zip(
                anynet.stage_depths,
                anynet.stage_widths,
                anynet.group_widths,
                anynet.bottleneck_ratios,
                anynet.stage_strides,
                strict=True,
            )
        )
    ]
    widths = per_block(anynet.stage_depths, anynet.stage_widths)
    fitted = per_block(fit.stage_depths, fit.stage_widths) if fit else None
    linear = (fit.w_0, fit.w_a) if fit else None
    return Figure(
        "stages",
        lambda: plots.stage_figure(widths, slot=slot, fitted=fitted, linear=linear),
        _fit_caption(fit),
        Table("Stages", STAGE_COLUMNS, rows),
        size="mid",
    )


def _fit_caption(fit: LinearFit | None) -> str:
    bars = "Bars: width of each block, after group compatibility."
    if fit is None:
        return f"{bars} No quantised linear fit has as many stages."
    meets = "meets every block" if fit.error < 5e-4 else "follows the blocks"
    return (
        f"The quantised linear fit, w_0 {compact(fit.w_0)}, w_a {compact(fit.w_a)}, w_m {compact(fit.w_m)}, {meets} "
        f"(e_fit {fixed(fit.error, 3)}): the line in steps. {bars} Dashed: w_0 + w_a j, before quantising."
    )


def learning_figure(runs: Sequence[Run], epochs: Sequence[Epoch], *, slot: int) -> Figure | None:
    """Test error after each epoch of the last attempt of each run; None before the first epoch."""
    curves: dict[int, list[float]] = {}
    for epoch in epochs:
        curves.setdefault(epoch.run_id, []).append(epoch.test_error)
    drawn = [run for run in runs if run.pk in curves]
    if not drawn:
        return None
    keys = {run.pk: f"run-{run.replicate + 1}" for run in drawn}
    longest = max(len(curve) for curve in curves.values())
    columns = [Column("Epoch", "epoch", tables.Count)]
    columns += [Column(f"Run {run.replicate + 1} (%)", f"run_{run.replicate + 1}", unit="percent") for run in drawn]
    rows = [[tables.Count(k + 1), *(_entry(curves[run.pk], k) for run in drawn)] for k in range(longest)]
    last = joined([f"{fixed(curves[run.pk][-1])}{NBSP}%" for run in drawn])
    return Figure(
        "learning",
        lambda: plots.learning_curve_figure({keys[run.pk]: curves[run.pk] for run in drawn}, slot=slot),
        f"Test error of {counted(len(drawn), 'run')} after the last epoch so far ({longest}): {last}.",
        Table("Learning curves", columns, rows),
        size="mid",
        legend=[
            LegendEntry(keys[run.pk], slot, f"Run {run.replicate + 1}", "", dash=number % 7 + 1)
            for number, run in enumerate(drawn)
        ],
    )


def _entry(curve: Sequence[float], k: int) -> tables.Number:
    return tables.Number(curve[k] if k < len(curve) else None)


def finding_of(sample: Sample, runs: Sequence[Run], rank: Rank | None) -> str:
    """The sentence at the top of the page."""
    space = sample.batch.space.name
    if sample.error is None:
        return f"Sample {sample.position} of {space} has no error{_why(runs)}."
    said = f"Sample {sample.position} has an error of {fixed(sample.error)}{NBSP}%"
    if rank is not None:
        said += f", rank {rank.rank} of {rank.n} in {space}"
    if len(runs) > 1 and sample.error_std is not None:
        said += f"; the standard deviation of its {len(runs)} runs is {fixed(sample.error_std, 2)}{NBSP}%"
    return said + "."


def _why(runs: Sequence[Run]) -> str:
    failed = [run.get_failure_kind_display() for run in runs if run.failure_kind]
    if failed:
        return f": {counted(len(failed), 'run')} failed ({joined(sorted(set(failed)))})"
    states = sorted({run.get_state_display() for run in runs})
    return f" yet: its {'run is' if len(runs) == 1 else 'runs are'} {joined(states)}"
