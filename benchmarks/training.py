"""Images per second of our training loop against the usual one (Dataset, transforms, DataLoader), on the CPU.

All rows are the whole machine's, that is of all processes of a row together. Each measurement runs in processes of its
own, because thread counts and the allocator are settled when one starts.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.timing import TookLonger, outputs
from tasks.slot_plans import KEEP_MEMORY, ONE_THREAD, allocator, count_cores

SECONDS = 6.0
SECONDS_OF_MANY = 1.5  # each, where there are several networks
WITHIN = 180.0  # for all of a row; two threads in each of two processes may need an hour
TRAIN_IMAGES, TEST_IMAGES = 3000, 2000
DEMO_PRESETS = ("AnyNetX-A-small", "RegNetX-small")

Rates = dict[str, float]


@dataclass(frozen=True)
class Work:
    """What is trained: images of which side, in minibatches, augmented, in a precision; one network or the demo's."""

    side: int
    minibatch_size: int
    augmentation: str
    of_demo: bool
    precision: str = "float32"


SETTINGS = {
    "28 px, minibatch 128, crop and flip; a RegNet of 0.71 MF at 14 px": Work(28, 128, "crop_flip", of_demo=False),
    "the demo's: 14 px, minibatch 64, no augmentation; 6 networks of each of its two spaces": Work(
        14, 64, "none", of_demo=True
    ),
}


def main() -> None:
    slots = count_cores()
    for title, work in SETTINGS.items():
        low_precision = replace(work, precision="bfloat16")
        print(f"\n{title}, {TRAIN_IMAGES:,} images")
        print(f"{'':66}{'images/s':>10}{'ratio':>7}{'tested/s':>11}{'ratio':>7}")
        usual = measure("usual", work, 1, {})
        row(f"usual loop, 1 process, {slots} threads (the default)", usual, usual)
        row(f"usual loop, {slots} processes of 1 thread", measure("usual", work, slots, ONE_THREAD), usual)
        row("ours, 1 process of 1 thread", measure("ours", work, 1, ONE_THREAD | KEEP_MEMORY), usual)
        row(f"ours, {slots} of 1 thread, allocator as it is", measure("ours", work, slots, ONE_THREAD), usual)
        ours = measure("ours", work, slots, ONE_THREAD | KEEP_MEMORY)
        row(f"ours, {slots} of 1 thread, glibc told to keep memory", ours, usual)
        fastest = ONE_THREAD | allocator()
        if "LD_PRELOAD" in fastest:
            row(f"ours, {slots} of 1 thread, {fastest['LD_PRELOAD']}", measure("ours", work, slots, fastest), usual)
        row("  + bfloat16", measure("ours", low_precision, slots, fastest), usual)
        bare = measure("bare", work, slots, ONE_THREAD | KEEP_MEMORY)
        row("  only forward, backward and step, glibc told to keep memory", bare, usual)
        if not isinstance(ours, TookLonger) and not isinstance(bare, TookLonger):
            print(f"our loop beside forward, backward and step: {1 - ours['train'] / bare['train']:.1%} of the time")
        if not work.of_demo:  # which this would train for an hour
            trap = measure("ours", work, slots, KEEP_MEMORY | dict.fromkeys(ONE_THREAD, "2"))
            row(f"the trap: ours, {slots} processes of 2 threads", trap, usual)


def row(name: str, rates: Rates | TookLonger, usual: Rates | TookLonger) -> None:
    if isinstance(rates, TookLonger):
        print(f"{name:66} {rates}", flush=True)
        return
    beside = {"train": math.nan, "test": math.nan} if isinstance(usual, TookLonger) else usual
    trained, tested = rates["train"], rates["test"]
    words = f"{tested:11,.0f}{tested / beside['test']:7.2f}" if tested else ""
    print(f"{name:66}{trained:10,.0f}{trained / beside['train']:7.2f}{words}", flush=True)


def measure(loop: str, work: Work, processes: int, environment: dict[str, str]) -> Rates | TookLonger:
    """Images per second, trained and tested, of all processes together."""
    inherited = {name: value for name, value in os.environ.items() if name not in {*ONE_THREAD, *allocator()}}
    command = [sys.executable, "-m", "benchmarks.training", loop, json.dumps(asdict(work))]
    try:
        printed = outputs([command] * processes, within=WITHIN, environment=inherited | environment)
    except TookLonger as late:
        return late
    rates = [json.loads(text) for text in printed]
    return {name: sum(rate[name] for rate in rates) for name in ("train", "test")}


def some_designs(work: Work) -> list[Any]:
    from benchmarks.designs import demo_designs
    from engine.designs import AnyNetDesign, Trunk

    if work.of_demo:
        return [design for preset in DEMO_PRESETS for design in demo_designs(preset, size=6, seed=3)]
    return [
        AnyNetDesign(
            trunk=Trunk(stem="cifar", stem_width=16),
            stage_depths=(1, 3, 1),
            stage_widths=(16, 32, 96),
            stage_strides=(2, 2, 2),
            group_widths=(16, 16, 16),
        )
    ]


def run(loop: str, work: Work) -> dict[str, float]:
    """Images per second of one process, over as many images of each network."""
    loops = {"ours": run_ours, "usual": run_usual, "bare": run_bare}
    designs = some_designs(work)
    seconds = SECONDS_OF_MANY if work.of_demo else SECONDS
    rates = [loops[loop](design, work, seconds) for design in designs]
    return {name: statistics.harmonic_mean([rate[name] for rate in rates]) for name in ("train", "test")}


def some_pictures(work: Work, count: int) -> tuple[Any, Any]:
    """Noise as bytes, shape (n, side, side), and labels: how fast a loop runs does not depend on what it sees."""
    import numpy as np

    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, work.side, work.side), dtype=np.uint8), random.integers(0, 10, count)


def run_ours(design: Any, work: Work, seconds: float) -> dict[str, float]:
    """`train_network` for a few seconds, after a short one to warm up."""
    import numpy as np

    from engine.training.datasets import Images
    from engine.training.loop import ResidentData, train_network
    from engine.training.regimes import Recipe

    train, test = some_pictures(work, TRAIN_IMAGES), some_pictures(work, TEST_IMAGES)
    data = ResidentData.load(
        Images(
            train_images_NCHW=((train[0][:, None] - 127.5) / 73.9).astype(np.float32),
            train_labels_N=train[1],
            test_images_NCHW=((test[0][:, None] - 127.5) / 73.9).astype(np.float32),
            test_labels_N=test[1],
            num_classes=10,
        )
    )
    result, epochs = None, 1
    while result is None or result.seconds < seconds / 2:
        if result is not None:
            epochs = max(1, round(seconds * epochs / result.seconds))
        recipe = Recipe(
            epochs=epochs,
            minibatch_size=work.minibatch_size,
            learning_rate=0.05,
            augmentation=work.augmentation,
            precision=work.precision,
        )
        result = train_network(design=design, recipe=recipe, data=data, seed=0)
    return {"train": result.train_images_per_second, "test": result.test_images_per_second}


def run_bare(design: Any, work: Work, seconds: float) -> dict[str, float]:
    """Only what can't be left out, on one minibatch that is always the same."""
    import torch
    from torch.nn import functional as F
    from torch.optim.sgd import sgd

    from engine.training.networks import build_network

    network = build_network(design, in_channels=1, num_classes=10).train()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = list(network.parameters())
    momenta: list[torch.Tensor | None] = [None] * len(parameters)
    how = {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-5, "dampening": 0, "nesterov": False, "maximize": False}
    images = torch.randn(work.minibatch_size, work.side, work.side, 1).permute(0, 3, 1, 2)
    labels = torch.randint(10, (work.minibatch_size,))
    steps, started = 0, 0.0
    while not started or time.perf_counter() - started < seconds:
        for _ in range(20):
            loss = F.cross_entropy(network(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                sgd(parameters, [one.grad for one in parameters], momenta, fused=True, **how)  # type: ignore[arg-type,misc]
            for one in parameters:
                one.grad = None
        steps += 20 if started else 0
        started = started or time.perf_counter()
    return {"train": steps * work.minibatch_size / (time.perf_counter() - started), "test": 0.0}


def run_usual(design: Any, work: Work, seconds: float) -> dict[str, float]:
    """The loop of most tutorials: one image at a time through transforms, collected by a DataLoader."""
    import torch
    from PIL import Image
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    from engine.training.networks import build_network

    standard = [transforms.ToTensor(), transforms.Normalize((0.5,), (0.29,))]
    augmentation = [transforms.RandomCrop(work.side, padding=work.side // 8), transforms.RandomHorizontalFlip()]

    class Pictures(Dataset[Any]):
        def __init__(self, count: int, steps: list[Any]) -> None:
            self.pictures, self.labels = some_pictures(work, count)
            self.transform = transforms.Compose(steps)

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return self.transform(Image.fromarray(self.pictures[index])), int(self.labels[index])

    network = build_network(design, in_channels=1, num_classes=10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-5)
    train = Pictures(TRAIN_IMAGES, (augmentation if work.augmentation != "none" else []) + standard)
    train_loader = DataLoader(train, batch_size=work.minibatch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(Pictures(TEST_IMAGES, standard), batch_size=work.minibatch_size)
    seen, spent = {"train": 0, "test": 0}, {"train": 0.0, "test": 0.0}
    for epoch in range(1000):
        started = time.perf_counter()
        network.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(network(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item()
        trained = time.perf_counter()
        network.eval()
        with torch.no_grad():
            wrong = sum(int((network(images).argmax(1) != labels).sum()) for images, labels in test_loader)
        assert wrong
        if epoch:  # the first is to warm up
            seen["train"] += len(train_loader) * work.minibatch_size
            seen["test"] += TEST_IMAGES
            spent["train"] += trained - started
            spent["test"] += time.perf_counter() - trained
        if sum(spent.values()) > seconds:
            break
    return {name: seen[name] / spent[name] for name in seen}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], Work(**json.loads(sys.argv[2])))))
    else:
        main()
