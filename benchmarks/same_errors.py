"""Whether speed costs accuracy: 30 designs of the demo's regime, trained by our loop and by the usual one."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

DESIGNS = 30


def main() -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

    import numpy as np

    from benchmarks.designs import DEMO_REGIME, demo_designs
    from engine.statistics import compare_errors, edf_band
    from engine.training.datasets import find_data_set
    from engine.training.loop import ResidentData, train_network

    folder = Path(os.environ.get("NETSPACE_DATA", Path(__file__).resolve().parent.parent / "var" / "data"))
    if find_data_set(DEMO_REGIME.data_set, data_folder=folder) is None:
        sys.exit(f"{DEMO_REGIME.data_set} is not in {folder}: run `make demo` first.")
    designs = demo_designs("AnyNetX-A-small", size=DESIGNS, seed=1)
    data = ResidentData.load(DEMO_REGIME, data_folder=folder)
    ours, usual, seconds = np.empty(DESIGNS), np.empty(DESIGNS), np.zeros(2)
    for index, design in enumerate(designs):
        started = time.perf_counter()
        ours[index] = train_network(design=design, recipe=DEMO_REGIME.recipe, data=data, seed=index).final_error
        between = time.perf_counter()
        usual[index] = train_usual(design, DEMO_REGIME.recipe, data, seed=DESIGNS + index)
        seconds += (between - started, time.perf_counter() - between)
    comparison = compare_errors(ours, usual)
    for name, errors, spent in zip(("ours", "usual"), (ours, usual), seconds, strict=True):
        print(f"{name:6} [{errors.min():.1f} | {errors.mean():.1f}] of {DESIGNS} designs in {spent:.0f} s")
    low, high = comparison.difference_interval or (math.nan, math.nan)
    print(f"median difference {comparison.difference or 0:+.2f} ({low:+.2f} to {high:+.2f}) points")
    paired = ours - usual
    margin = 1.96 * paired.std(ddof=1) / DESIGNS**0.5
    print(
        f"design by design {paired.mean():+.2f} ({paired.mean() - margin:+.2f} to {paired.mean() + margin:+.2f}) points"
    )
    print(f"ours beats usual in {comparison.theta:.0%} of pairs, p = {comparison.p_value:.2f}")
    print(f"half width of the 95 % band of an EDF of {DESIGNS}: {edf_band(ours).half_width:.2f}")


def train_usual(design: Any, recipe: Any, data: Any, *, seed: int) -> float:
    """Error in percent after training with Dataset, DataLoader and an optimiser as they come."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    from engine.training.loop import learning_rate_at
    from engine.training.networks import build_network

    torch.manual_seed(seed)
    images = [part.permute(0, 3, 1, 2).contiguous() for part in (data.train_images_NHWC, data.test_images_NHWC)]
    train = TensorDataset(images[0], data.train_labels_N)
    loader = DataLoader(train, batch_size=recipe.minibatch_size, shuffle=True, drop_last=True)
    network = build_network(design, in_channels=images[0].shape[1], num_classes=data.num_classes)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    for epoch in range(recipe.epochs):
        network.train()
        for step, (images_NCHW, labels_N) in enumerate(loader):
            optimizer.param_groups[0]["lr"] = learning_rate_at(recipe, epoch + step / len(loader))
            loss = F.cross_entropy(network(images_NCHW), labels_N)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.eval()
    with torch.no_grad():
        wrong_N = network(images[1]).argmax(1) != data.test_labels_N
    return 100 * float(wrong_N.float().mean())
