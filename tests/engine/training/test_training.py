from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.designs import AnyNetDesign, Trunk
from engine.errors import (
    BadCheckpoint,
    DataMissing,
    Diverged,
    InvalidRegime,
    OutOfMemory,
    TimedOut,
    TrainingError,
    TrainingInterrupted,
)
from engine.training import loop as training
from engine.training.augmentation import augment
from engine.training.checkpoints import CheckpointStore
from engine.training.datasets import Images
from engine.training.loop import EpochResult, ResidentData, TrainingResult, learning_rate_at, train_network
from engine.training.networks import build_network
from engine.training.regimes import Recipe, Regime

DESIGN = AnyNetDesign(
    trunk=Trunk(stem="cifar", stem_width=8),
    stage_depths=(1, 1),
    stage_widths=(8, 16),
    stage_strides=(1, 2),
    group_widths=(8, 8),
)
RECIPE = Recipe(epochs=3, minibatch_size=16, learning_rate=0.1, warmup_epochs=0.5, augmentation="crop_flip")
# 70 images make 4 whole minibatches of 16, 30 test images make one.
STEPS_PER_EPOCH = 4 + 1


def some_images(train_images: int = 70, test_images: int = 30, **changes: Any) -> Images:
    """Noise with a bright half that tells the class, so that a tiny network learns it at once."""
    random = np.random.default_rng(0)
    values: dict[str, Any] = {"num_classes": 2}
    for name, count in (("train", train_images), ("test", test_images)):
        labels = random.integers(0, 2, count)
        pictures = random.standard_normal((count, 1, 8, 8)).astype(np.float32)
        pictures[labels == 1, :, :4] += 1
        values |= {f"{name}_images_NCHW": pictures, f"{name}_labels_N": labels}
    return Images(**(values | changes))


@pytest.fixture(scope="module")
def data() -> ResidentData:
    return ResidentData.load(some_images())


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", "run-1")


def train(data: ResidentData, **changes: Any) -> TrainingResult:
    values: dict[str, Any] = {"design": DESIGN, "recipe": RECIPE, "data": data, "seed": 5}
    return train_network(**(values | changes))


def stop_after(steps: int) -> dict[str, Callable[..., Any]]:
    """Callbacks that ask to stop once so many minibatches are done."""
    seen: list[int] = []
    return {"on_step": seen.append, "should_stop": lambda: len(seen) >= steps}


def learnt(result: TrainingResult) -> list[tuple[int, float, float, float]]:
    return [(epoch.number, epoch.train_loss, epoch.train_error, epoch.test_error) for epoch in result.epochs]


def assert_equal_to_the_bit(left: Any, right: Any) -> None:
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_equal_to_the_bit(left[key], right[key])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_equal_to_the_bit(one, other)
    else:
        assert left == right


def test_a_network_learns_and_its_result_says_what_it_cost(data: ResidentData) -> None:
    result = train(data, recipe=dataclasses.replace(RECIPE, epochs=6, augmentation="none"))
    assert result.final_error <= 10
    assert result.best_error <= result.final_error
    assert [epoch.number for epoch in result.epochs] == [1, 2, 3, 4, 5, 6]
    assert result.epochs[-1].train_loss < result.epochs[0].train_loss
    assert result.final_error == result.epochs[-1].test_error
    assert result.train_images_per_second > 0
    assert result.test_images_per_second > 0
    assert result.peak_memory > 10_000_000
    assert result.seconds >= sum(epoch.seconds for epoch in result.epochs)
    assert result.resumed_from == 0
    assert {"netspace", "python", "torch", "threads", "instruction_set"} <= result.versions.keys()
    assert result.device_kind


def test_a_seed_fixes_weights_order_and_augmentation(data: ResidentData) -> None:
    first, again, other = (train(data, seed=seed) for seed in (3, 3, 4))
    assert learnt(first) == learnt(again)
    assert learnt(first) != learnt(other)


def test_the_loop_is_plain_sgd_with_the_rate_of_each_step(data: ResidentData, store: CheckpointStore) -> None:
    recipe = Recipe(epochs=2, minibatch_size=16, learning_rate=0.1, momentum=0.8, weight_decay=0.01, warmup_epochs=1)
    train(data, recipe=recipe, checkpoints=store)
    network = build_network(DESIGN, in_channels=1, num_classes=2, generator=training._generator(5, 0))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.8, weight_decay=0.01)
    images = data.train_images_NHWC.permute(0, 3, 1, 2)
    for epoch in range(2):
        order = torch.randperm(70, generator=training._generator(5, epoch + 1))
        for step in range(4):
            chosen = order[16 * step : 16 * step + 16]
            rise = min(1.0, epoch + step / 4)
            optimizer.param_groups[0]["lr"] = rise * 0.05 * (1 + math.cos(math.pi * (epoch + step / 4) / 2))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[chosen]), data.train_labels_N[chosen]).backward()
            optimizer.step()
    state = store.load()
    assert state is not None
    for name, weight in network.state_dict().items():
        assert torch.allclose(state["network"][name], weight, rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_each_epoch_sees_the_images_in_another_way(data: ResidentData, augmentation: str) -> None:
    """The weights stand still, so that only order and augmentation can change the loss."""
    recipe = Recipe(
        epochs=4, minibatch_size=16, learning_rate=1e-30, momentum=0, weight_decay=0, augmentation=augmentation
    )
    assert len({epoch.train_loss for epoch in train(data, recipe=recipe).epochs}) == 4


def test_the_state_of_the_global_random_numbers_has_no_influence(data: ResidentData) -> None:
    torch.manual_seed(1)
    first = train(data)
    torch.manual_seed(2)
    assert learnt(train(data)) == learnt(first)


@pytest.mark.parametrize("interrupted_at", [0, 1, 4, 5, 6, 9, 10, 14])
@pytest.mark.parametrize(
    ("augmentation", "momentum"), [("crop_flip", 0.9), ("resized_crop_flip", 0.9), ("crop_flip", 0.0)]
)
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(
    data: ResidentData,
    store: CheckpointStore,
    tmp_path: Path,
    interrupted_at: int,
    augmentation: str,
    momentum: float,
) -> None:
    """Invariants 12 and 13: at most one epoch is lost, and nothing else changes."""
    recipe = dataclasses.replace(RECIPE, augmentation=augmentation, momentum=momentum, nesterov=momentum > 0)
    whole = CheckpointStore(tmp_path / "whole", "run-1")
    expected = train(data, recipe=recipe, checkpoints=whole)
    with pytest.raises(TrainingInterrupted):
        train(data, recipe=recipe, checkpoints=store, **stop_after(interrupted_at))
    torch.manual_seed(interrupted_at)
    resumed = train(data, recipe=recipe, checkpoints=store)
    assert resumed.resumed_from == interrupted_at // STEPS_PER_EPOCH
    assert learnt(resumed) == learnt(expected)
    assert not resumed.versions_changed
    states = [store.load(), whole.load()]
    for state in states:
        assert state is not None
        for name in ("epochs", "seconds", "train_seconds", "test_seconds"):
            del state[name]
    assert_equal_to_the_bit(*states)


def test_a_finished_run_taken_up_again_trains_nothing_and_says_the_same(
    data: ResidentData, store: CheckpointStore
) -> None:
    first = train(data, checkpoints=store)
    epochs: list[EpochResult] = []
    again = train(data, checkpoints=store, on_epoch=epochs.append)
    assert epochs == []
    assert again.resumed_from == RECIPE.epochs
    assert again.epochs == first.epochs
    state = store.load()
    assert state is not None
    assert again.seconds >= state["seconds"]


def test_epochs_before_a_resume_with_other_versions_are_marked(data: ResidentData, store: CheckpointStore) -> None:
    with pytest.raises(TrainingInterrupted):
        train(data, checkpoints=store, **stop_after(8))
    state = store.load()
    assert state is not None
    store.save({**state, "versions": {**state["versions"], "torch": "1.0"}})
    result = train(data, checkpoints=store)
    assert result.resumed_from == 1
    assert result.versions_changed


@pytest.mark.parametrize(
    "change", [{"seed": 6}, {"recipe": dataclasses.replace(RECIPE, weight_decay=0.1)}, {"data": "other"}]
)
def test_the_checkpoint_of_another_training_is_not_taken_over(
    data: ResidentData, store: CheckpointStore, change: dict[str, Any]
) -> None:
    train(data, checkpoints=store)
    if "data" in change:
        change = {"data": ResidentData.load(some_images(train_images=71))}
    result = train(**({"data": data, "checkpoints": store} | change))
    assert result.resumed_from == 0
    assert learnt(result) == learnt(train(**({"data": data} | change)))


def test_the_checkpoints_of_another_training_do_not_outlive_it(data: ResidentData, store: CheckpointStore) -> None:
    train(data, seed=6, recipe=dataclasses.replace(RECIPE, epochs=8), checkpoints=store)
    with pytest.raises(TrainingInterrupted):
        train(data, checkpoints=store, **stop_after(2 * STEPS_PER_EPOCH + 1))
    assert train(data, checkpoints=store).resumed_from == 2


def test_each_epoch_is_told_after_its_checkpoint_was_written(data: ResidentData, store: CheckpointStore) -> None:
    seen = []

    def on_epoch(epoch: EpochResult) -> None:
        state = store.load()
        assert state is not None
        seen.append((epoch.number, state["epoch"]))

    train(data, checkpoints=store, on_epoch=on_epoch)
    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_each_minibatch_of_training_and_testing_is_counted(data: ResidentData) -> None:
    steps: list[int] = []
    train(data, on_step=steps.append)
    assert steps == list(range(1, RECIPE.epochs * STEPS_PER_EPOCH + 1))


def test_stopping_is_asked_before_each_minibatch(data: ResidentData) -> None:
    steps: list[int] = []
    with pytest.raises(TrainingInterrupted):
        train(data, on_step=steps.append, should_stop=lambda: len(steps) == 3)
    assert steps == [1, 2, 3]


def test_a_training_beyond_its_time_limit_ends(data: ResidentData) -> None:
    with pytest.raises(TimedOut, match="time limit of 1e-06 seconds"):
        train(data, time_limit=1e-6)


def test_the_time_before_a_resume_counts_towards_the_limit(data: ResidentData, store: CheckpointStore) -> None:
    with pytest.raises(TrainingInterrupted):
        train(data, checkpoints=store, **stop_after(8))
    state = store.load()
    assert state is not None
    store.save({**state, "seconds": 1000.0})
    with pytest.raises(TimedOut):
        train(data, checkpoints=store, time_limit=900)


def test_a_loss_that_is_not_finite_ends_the_training_as_diverged(data: ResidentData) -> None:
    # Each step multiplies the weights by about -1000, until they overflow.
    recipe = Recipe(epochs=20, minibatch_size=16, learning_rate=1000, weight_decay=1)
    epochs: list[EpochResult] = []
    with pytest.raises(Diverged, match="epoch") as caught:
        train(data, recipe=recipe, on_epoch=epochs.append)
    assert [epoch.number for epoch in epochs] == list(range(1, caught.value.value))
    assert all(math.isfinite(epoch.train_loss) for epoch in epochs)
    assert train(data).final_error <= 100  # the next one is unaffected


def test_weights_that_overflow_only_in_testing_are_diverged_too() -> None:
    pictures = some_images().test_images_NCHW.copy()
    pictures[0] = 3e38
    with pytest.raises(Diverged):
        train(ResidentData.load(some_images(test_images_NCHW=pictures)))


def test_a_network_too_large_for_memory_is_out_of_memory(data: ResidentData) -> None:
    # One convolution of more bytes than a process can address, so that no machine even tries.
    design = dataclasses.replace(
        DESIGN, trunk=Trunk(stem="cifar", block="plain", stem_width=2**21), stage_widths=(2**21, 16), group_widths=()
    )
    with pytest.raises(OutOfMemory):
        train(data, design=design)
    assert train(data).resumed_from == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    ],
)
def test_each_way_in_which_memory_runs_out_has_one_name(data: ResidentData, error: Exception) -> None:
    def on_step(step: int) -> None:
        raise error

    with pytest.raises(OutOfMemory):
        train(data, on_step=on_step)


def test_other_errors_pass_through(data: ResidentData) -> None:
    def on_step(step: int) -> None:
        raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError, match="the database is away"):
        train(data, on_step=on_step)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "meta", ""])
def test_a_device_this_machine_lacks_is_named(data: ResidentData, device: str) -> None:
    with pytest.raises(TrainingError, match="device"):
        train(data, device=device)


def test_training_in_bfloat16_learns_too(data: ResidentData) -> None:
    result = train(data, recipe=dataclasses.replace(RECIPE, epochs=6, precision="bfloat16", augmentation="none"))
    assert result.final_error <= 20


def test_fewer_images_than_a_minibatch_make_one_minibatch() -> None:
    result = train(ResidentData.load(some_images(train_images=10)))
    assert len(result.epochs) == RECIPE.epochs


def test_no_random_number_is_drawn_twice_for_two_epochs_or_seeds() -> None:
    orders = [
        torch.randperm(50, generator=training._generator(seed, epoch)).tolist() for seed in (0, 1) for epoch in (1, 2)
    ]
    assert len({tuple(order) for order in orders}) == 4


@given(
    epochs=st.integers(1, 20),
    warmup=st.floats(0, 0.9),
    moments=st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
)
@settings(max_examples=50, deadline=None)
def test_the_learning_rate_falls_from_the_end_of_the_warm_up_on(
    epochs: int, warmup: float, moments: list[float]
) -> None:
    recipe = Recipe(epochs=epochs, learning_rate=0.2, warmup_epochs=warmup * epochs)
    start = recipe.warmup_epochs
    earlier, later = (learning_rate_at(recipe, start + moment * (epochs - start)) for moment in moments)
    assert 0 <= later <= earlier <= 0.2


def test_the_schedule_is_half_a_cosine_times_a_linear_warm_up() -> None:
    recipe = Recipe(epochs=10, learning_rate=0.1, warmup_epochs=2)
    assert learning_rate_at(recipe, 0) == 0
    assert learning_rate_at(recipe, 1) == pytest.approx(0.5 * 0.1 * (1 + math.cos(math.pi / 10)) / 2)
    assert learning_rate_at(recipe, 5) == pytest.approx(0.05)
    assert learning_rate_at(recipe, 10) == pytest.approx(0)


@pytest.mark.parametrize("augmentation", ["crop_flip", "resized_crop_flip"])
def test_augmented_images_keep_their_shape_and_lie_in_channels_last_order(augmentation: str) -> None:
    images = torch.rand(6, 3, 16, 16)
    generator = torch.Generator().manual_seed(0)
    changed = augment(images, augmentation, generator)
    assert changed.shape == images.shape
    assert changed.is_contiguous(memory_format=torch.channels_last)
    assert changed.min() >= 0
    assert changed.max() <= images.max()
    assert not torch.equal(changed, augment(images, augmentation, generator))


def test_crops_and_flips_move_whole_pixels() -> None:
    images = torch.arange(1.0, 65).reshape(1, 1, 8, 8).expand(40, 1, 8, 8)
    pictures = augment(images, "crop_flip", torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images[:1], (1, 1, 1, 1))[0, 0]
    possible = [
        view[row : row + 8, column : column + 8]
        for view in (padded, padded.flip(1))
        for row in range(3)
        for column in range(3)
    ]
    found = {next(place for place, one in enumerate(possible) if torch.equal(one, picture[0])) for picture in pictures}
    assert len(found) > 10


def test_a_resized_crop_never_invents_a_direction() -> None:
    """A ramp from left to right stays one, or is mirrored; rows stay alike."""
    images = torch.linspace(0, 1, 16).expand(50, 1, 16, 16)
    pictures = augment(images, "resized_crop_flip", torch.Generator().manual_seed(0))
    steps = pictures.diff(dim=3)
    rising = (steps >= -1e-6).all(dim=(1, 2, 3))
    falling = (steps <= 1e-6).all(dim=(1, 2, 3))
    assert (rising | falling).all()
    assert 10 < int(rising.sum()) < 40
    assert pictures.diff(dim=2).abs().max() < 1e-5


def test_resident_data_of_a_regime_has_its_size_and_classes() -> None:
    data = ResidentData.load(Regime(data_set="digits", resolution=4, train_images=50, test_images=20))
    assert data.train_images_NHWC.shape == (50, 4, 4, 1)
    assert data.test_images_NHWC.shape == (20, 4, 4, 1)
    assert data.num_classes == 10


def test_resident_data_of_a_missing_data_set_is_data_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        ResidentData.load(Regime(data_set="cifar-10", resolution=8), data_folder=tmp_path)


def test_a_regime_with_another_number_of_classes_than_its_images_is_refused(tmp_path: Path) -> None:
    from tests.engine.training.test_datasets import write_image_folder

    write_image_folder(tmp_path / "pets")
    regime = Regime(data_set="image-folder:pets", resolution=8, num_classes=3)
    with pytest.raises(InvalidRegime, match="num_classes must be 2"):
        ResidentData.load(regime, data_folder=tmp_path)


def test_a_checkpoint_that_cannot_be_written_ends_the_training(data: ResidentData, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadCheckpoint, match="could not be written"):
        train(data, checkpoints=CheckpointStore(tmp_path / "file", "run-1"))
