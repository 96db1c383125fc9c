"""Training of one network: the loop, its schedule, its limits, and resuming after the end of an epoch.

Shapes: N images, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.sgd import sgd

from engine.designs import Design
from engine.errors import Diverged, TimedOut, TrainingInterrupted
from engine.training.augmentation import augment
from engine.training.checkpoints import CheckpointStore as CheckpointStore
from engine.training.devices import (
    device_kind,
    find_device,
    memory_errors_named,
    peak_memory,
    reset_peak_memory,
    versions,
)
from engine.training.networks import build_network
from engine.training.regimes import Recipe as Recipe
from engine.training.resident_data import ResidentData as ResidentData

# Checking that the loss is finite waits for the GPU to finish its queue; done this rarely it costs nothing.
STEPS_BETWEEN_CHECKS = 50
# The format of what a checkpoint holds. Checkpoints of another format are ignored.
STATE_FORMAT = 2
# Larger minibatches no longer fit into a core's cache and are slower.
TEST_MINIBATCH_SIZE = {"cpu": 250, "cuda": 1000}


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """One pass over the training images: mean loss, errors in percent, seconds of training and testing."""

    number: int
    train_loss: float
    train_error: float
    test_error: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a finished training found and what it cost.

    Parameters
    ----------
    final_error, best_error : float
        Test error in percent of the last epoch, and the lowest of all epochs.
    epochs : tuple of EpochResult
        All epochs, also those trained before a resume.
    train_images_per_second, test_images_per_second : float
        Over all epochs.
    peak_memory : int
        Bytes: of tensors on a GPU since the training began; of the process since its start on a CPU.
    seconds : float
        From the start to the end, without what an interruption lost.
    resumed_from : int
        Epochs taken over from a checkpoint, 0 where the training began anew.
    versions : dict
        Of the product, Python and torch, with thread count and instruction set of the CPU.
    versions_changed : bool
        Whether the epochs before the resume were trained with other versions; the result may then differ in
        rounding from an uninterrupted one.
    device_kind : str
        Product name of the device.
    """

    final_error: float
    best_error: float
    epochs: tuple[EpochResult, ...]
    train_images_per_second: float
    test_images_per_second: float
    peak_memory: int
    seconds: float
    resumed_from: int
    versions: dict[str, str]
    versions_changed: bool
    device_kind: str


def train_network(
    *,
    design: Design,
    recipe: Recipe,
    data: ResidentData,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[EpochResult], object] | None = None,
    on_step: Callable[[int], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    time_limit: float | None = None,
    checkpoints: CheckpointStore | None = None,
) -> TrainingResult:
    """Train the network of a design and test it after each epoch.

    The seed fixes first weights, order of the images and augmentation. On the CPU the result is the same to the bit
    for one seed, one set of `versions` and one thread count, also when the training was interrupted and resumed.

    Parameters
    ----------
    design : AnyNetDesign or RegNetDesign
    recipe : Recipe
    data : ResidentData
        On the same device.
    seed : int
        At least 0.
    device : str
        "cpu" or "cuda:0" and the like.
    on_epoch : callable, optional
        Told of each epoch trained here, after its checkpoint was written; not of epochs taken over from a checkpoint.
    on_step : callable, optional
        Told after each minibatch, of training or of testing, how many there have been.
    should_stop : callable, optional
        Asked before each minibatch.
    time_limit : float, optional
        Seconds, counted with those before a resume.
    checkpoints : CheckpointStore, optional
        Where a checkpoint to resume from is looked for, and one is written after each epoch.

    Raises
    ------
    Diverged
        Where the loss or an output is no longer finite; nothing of that epoch is recorded.
    OutOfMemory
        Where the memory of the device or of the process does not suffice.
    TimedOut
        Where the training takes longer than ``time_limit``.
    BadCheckpoint
        Where a checkpoint can't be written.
    TrainingInterrupted
        Where ``should_stop`` answered yes; the epoch begun is dropped.
    """
    place = find_device(device)
    reset_peak_memory(place)
    with memory_errors_named():
        watch = _Watch(on_step=on_step, should_stop=should_stop, time_limit=time_limit)
        training = _Training(design, recipe, data, seed, place, watch)
        return training.run(checkpoints=checkpoints, on_epoch=on_epoch)


def learning_rate_at(recipe: Recipe, epoch: float) -> float:
    """The learning rate after so many epochs, a fraction included: half-period cosine to 0, linear warm-up."""
    rate = recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))
    return rate * min(1.0, epoch / recipe.warmup_epochs) if recipe.warmup_epochs else rate


class _Watch:
    """Counts minibatches and enforces the limits between them."""

    def __init__(
        self,
        *,
        on_step: Callable[[int], object] | None,
        should_stop: Callable[[], bool] | None,
        time_limit: float | None,
    ) -> None:
        self.on_step = on_step
        self.should_stop = should_stop
        self.time_limit = time_limit
        self.started = time.monotonic()
        self.steps = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def count_earlier(self, seconds: float) -> None:
        """Add the time that the training took before it was resumed."""
        self.started -= seconds

    def check(self) -> None:
        if self.should_stop and self.should_stop():
            raise TrainingInterrupted("The training was asked to stop.")
        if self.time_limit is not None and self.seconds > self.time_limit:
            raise TimedOut(
                f"The training took longer than its time limit of {self.time_limit:g} seconds.",
                parameter="time_limit",
                value=self.time_limit,
            )

    def step(self) -> None:
        self.steps += 1
        if self.on_step:
            self.on_step(self.steps)


class _Training:
    """One network with its momenta, its data and its progress so far."""

    def __init__(
        self, design: Design, recipe: Recipe, data: ResidentData, seed: int, device: torch.device, watch: _Watch
    ) -> None:
        self.recipe = recipe
        self.data = data
        self.seed = seed
        self.device = device
        self.watch = watch
        self.identity = _digest(STATE_FORMAT, design.key(), recipe.to_json(), seed, data.digest)
        self.versions = versions()
        self.versions_changed = False
        self.epochs: list[EpochResult] = []
        self.train_seconds = 0.0
        self.test_seconds = 0.0
        network = build_network(
            design,
            in_channels=data.train_images_NHWC.shape[3],
            num_classes=data.num_classes,
            zero_init_last_norm=recipe.zero_init_last_norm,
            generator=_generator(seed, 0),
        )
        self.network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parameters: list[Tensor] = list(self.network.parameters())
        self.momenta: list[Tensor | None] = [None] * len(self.parameters)  # the first step fills them in

    def run(
        self, *, checkpoints: CheckpointStore | None, on_epoch: Callable[[EpochResult], object] | None
    ) -> TrainingResult:
        """Train all epochs, or those that remain after a checkpoint."""
        if checkpoints:
            self.resume(checkpoints)
        resumed_from = len(self.epochs)
        for number in range(resumed_from + 1, self.recipe.epochs + 1):
            epoch = self.run_epoch(number)
            if checkpoints:
                checkpoints.save(self.state())
            if on_epoch:
                on_epoch(epoch)
        return self.result(resumed_from)

    def run_epoch(self, number: int) -> EpochResult:
        """Train and test once, number counted from 1."""
        started = time.monotonic()
        loss, train_error = self._train(number)
        trained = time.monotonic()
        test_error = self._test(number)
        tested = time.monotonic()
        self.train_seconds += trained - started
        self.test_seconds += tested - trained
        epoch = EpochResult(
            number=number,
            train_loss=loss,
            train_error=train_error,
            test_error=test_error,
            seconds=tested - started,
        )
        self.epochs.append(epoch)
        return epoch

    def _train(self, number: int) -> tuple[float, float]:
        """Mean loss and error in percent over one pass; as in pycls, an incomplete minibatch at the end is left out."""
        self.network.train()
        generator = _generator(self.seed, number)
        order_N = torch.randperm(len(self.data.train_labels_N), generator=generator).to(self.device)
        minibatches = torch.split(order_N, self.minibatch_size)[: self.minibatches]
        losses = torch.zeros((), dtype=torch.float64, device=self.device)
        wrong = torch.zeros((), dtype=torch.int64, device=self.device)
        for index, chosen_N in enumerate(minibatches):
            self.watch.check()
            images_NCHW = self.data.train_images_NHWC[chosen_N].permute(0, 3, 1, 2)
            labels_N = self.data.train_labels_N[chosen_N]
            logits_NK = self._logits(augment(images_NCHW, self.recipe.augmentation, generator))
            loss = F.cross_entropy(logits_NK, labels_N)
            loss.backward()  # type: ignore[no-untyped-call]
            self._step(learning_rate_at(self.recipe, number - 1 + index / self.minibatches))
            losses += loss.detach()
            wrong += (logits_NK.argmax(1) != labels_N).sum()
            if index % STEPS_BETWEEN_CHECKS == 0:
                _check_finite(losses, number)
            self.watch.step()
        _check_finite(losses, number)
        count = self.minibatches * self.minibatch_size
        return float(losses) / self.minibatches, 100 * int(wrong) / count

    @torch.no_grad()
    def _step(self, rate: float) -> None:
        """What torch.optim.SGD does, without what it spends on its bookkeeping: 4 % of a small network's training."""
        sgd(
            self.parameters,
            [parameter.grad for parameter in self.parameters],  # type: ignore[misc]
            self.momenta,
            lr=rate,
            momentum=self.recipe.momentum,
            dampening=0,
            nesterov=self.recipe.nesterov,
            weight_decay=self.recipe.weight_decay,
            maximize=False,
            fused=True,
        )
        for parameter in self.parameters:
            parameter.grad = None

    @torch.inference_mode()
    def _test(self, number: int) -> float:
        """Error in percent over the test images."""
        self.network.eval()
        size = TEST_MINIBATCH_SIZE[self.device.type]
        wrong = torch.zeros((), dtype=torch.int64, device=self.device)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        minibatches = zip(
            torch.split(self.data.test_images_NHWC, size), torch.split(self.data.test_labels_N, size), strict=True
        )
        for images_NHWC, labels_N in minibatches:
            self.watch.check()
            logits_NK = self._logits(images_NHWC.permute(0, 3, 1, 2))
            wrong += (logits_NK.argmax(1) != labels_N).sum()
            total += logits_NK.sum()
            self.watch.step()
        # Weights may have grown beyond all bounds in the last step, after the last loss.
        _check_finite(total, number)
        return 100 * int(wrong) / len(self.data.test_labels_N)

    def _logits(self, images_NCHW: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            logits_NK: Tensor = self.network(images_NCHW)
        return logits_NK.float()

    @property
    def minibatch_size(self) -> int:
        return min(self.recipe.minibatch_size, len(self.data.train_labels_N))

    @property
    def minibatches(self) -> int:
        return len(self.data.train_labels_N) // self.minibatch_size

    def state(self) -> dict[str, object]:
        """All that the next epoch depends on, as tensors and plain values; its random numbers come from the seed."""
        return {
            "identity": self.identity,
            "versions": self.versions,
            "epoch": len(self.epochs),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "seconds": self.watch.seconds,
            "train_seconds": self.train_seconds,
            "test_seconds": self.test_seconds,
            "network": self.network.state_dict(),
            "momenta": self.momenta,
        }

    def resume(self, checkpoints: CheckpointStore) -> None:
        """Resume from the latest checkpoint of this same training; checkpoints of any other are removed."""
        state = checkpoints.load()
        if state is None:
            return
        if state.get("identity") != self.identity:
            checkpoints.clear()
            return
        self.network.load_state_dict(state["network"])
        self.momenta = [momentum if momentum is None else momentum.to(self.device) for momentum in state["momenta"]]
        self.epochs = [EpochResult(**epoch) for epoch in state["epochs"]]
        self.versions_changed = state["versions"] != self.versions
        self.train_seconds, self.test_seconds = state["train_seconds"], state["test_seconds"]
        self.watch.count_earlier(state["seconds"])

    def result(self, resumed_from: int) -> TrainingResult:
        trained = len(self.epochs) * self.minibatches * self.minibatch_size
        tested = len(self.epochs) * len(self.data.test_labels_N)
        return TrainingResult(
            final_error=self.epochs[-1].test_error,
            best_error=min(epoch.test_error for epoch in self.epochs),
            epochs=tuple(self.epochs),
            train_images_per_second=trained / self.train_seconds,
            test_images_per_second=tested / self.test_seconds,
            peak_memory=peak_memory(self.device),
            seconds=self.watch.seconds,
            resumed_from=resumed_from,
            versions=self.versions,
            versions_changed=self.versions_changed,
            device_kind=device_kind(self.device),
        )


def _check_finite(total: Tensor, epoch: int) -> None:
    if not math.isfinite(float(total)):
        raise Diverged(f"The loss was no longer finite in epoch {epoch}.", parameter="epoch", value=epoch)


def _generator(seed: int, epoch: int) -> torch.Generator:
    """The random numbers of one epoch, or of the first weights for epoch 0; neighbouring seeds are unrelated."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
