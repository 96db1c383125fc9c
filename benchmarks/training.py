"""Images per second of our training loop against the usual one (Dataset, transforms, DataLoader), on the CPU.

Each measurement runs in processes of its own, because thread counts and the allocator are settled when one starts.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import Any

SECONDS = 6.0
SIDE, TRAIN_IMAGES, MINIBATCH_SIZE = 14, 3000, 64
# The allocator keeps what it freed instead of giving it back to the system after each step.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "1073741824", "MALLOC_MMAP_THRESHOLD_": "1073741824"}


def main() -> None:
    print(f"{TRAIN_IMAGES:,} images of {SIDE} x {SIDE} px, minibatch {MINIBATCH_SIZE}, a RegNet of 0.71 MF; training")
    usual = measure("usual", processes=1, environment={})
    rows = [
        (f"usual loop, 1 process, {os.cpu_count()} threads (the default)", usual),
        ("our loop, 1 process, 1 thread", measure("ours", processes=1, environment=ONE_THREAD)),
        ("our loop, 2 processes, 1 thread each", measure("ours", processes=2, environment=ONE_THREAD)),
    ]
    print(f"{'':48}{'images/s':>10}{'ratio':>8}")
    for name, rate in rows:
        print(f"{name:48}{rate:10,.0f}{rate / usual:8.2f}")


def measure(loop: str, *, processes: int, environment: dict[str, str]) -> float:
    """Images per second of all processes together."""
    inherited = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    command = [sys.executable, "-m", "benchmarks.training", loop]
    running = [
        subprocess.Popen(command, env=inherited | environment, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def some_design() -> Any:
    from engine.designs import AnyNetDesign

    return AnyNetDesign(
        stem="cifar",
        stem_width=16,
        block="residual_bottleneck",
        stage_depths=(1, 3, 1),
        stage_widths=(16, 32, 96),
        stage_strides=(2, 2, 2),
        group_widths=(16, 16, 16),
    )


def some_pictures() -> tuple[Any, Any]:
    """Noise as bytes, shape (n, side, side), and labels: how fast a loop runs does not depend on what it sees."""
    import numpy as np

    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (TRAIN_IMAGES, SIDE, SIDE), dtype=np.uint8)
    return pictures, random.integers(0, 10, TRAIN_IMAGES)


def run_ours() -> float:
    """Whole epochs of `train_network` for a few seconds, after one to warm up."""
    import numpy as np

    from engine.datasets import Images
    from engine.regimes import Recipe
    from engine.training import EpochResult, ResidentData, train_network

    pictures, labels = some_pictures()
    images = ((pictures[:, None] - 127.5) / 73.9).astype(np.float32)
    data = ResidentData.load(
        Images(
            train_images_NCHW=images,
            train_labels_N=labels,
            test_images_NCHW=images[:1],
            test_labels_N=labels[:1],
            num_classes=10,
        )
    )
    ends: list[float] = []

    def stop_when_measured(epoch: EpochResult) -> None:
        ends.append(time.perf_counter())
        if ends[-1] - ends[0] > SECONDS:
            raise StopIteration

    recipe = Recipe(epochs=10_000, minibatch_size=MINIBATCH_SIZE, learning_rate=0.05)
    with contextlib.suppress(StopIteration):
        train_network(design=some_design(), recipe=recipe, data=data, seed=0, on_epoch=stop_when_measured)
    per_epoch = TRAIN_IMAGES // MINIBATCH_SIZE * MINIBATCH_SIZE
    return per_epoch * (len(ends) - 1) / (ends[-1] - ends[0])


def run_usual() -> float:
    """The loop of most tutorials: one image at a time through transforms, collected by a DataLoader."""
    import torch
    from PIL import Image
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    from engine.networks import build_network

    class Pictures(Dataset[Any]):
        def __init__(self) -> None:
            self.pictures, self.labels = some_pictures()
            self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.29,))])

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return self.transform(Image.fromarray(self.pictures[index])), int(self.labels[index])

    network = build_network(some_design(), in_channels=1, num_classes=10).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-5)
    loader = DataLoader(Pictures(), batch_size=MINIBATCH_SIZE, shuffle=True, drop_last=True)
    images_seen, started = 0, 0.0
    for epoch in range(10_000):
        if epoch == 1:
            images_seen, started = 0, time.perf_counter()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()
            images_seen += len(labels)
        if epoch and time.perf_counter() - started > SECONDS:
            break
    return images_seen / (time.perf_counter() - started)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(run_ours() if sys.argv[1] == "ours" else run_usual())
    else:
        main()
