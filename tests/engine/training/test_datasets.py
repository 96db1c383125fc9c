from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.errors import DataMissing, InvalidRegime, OutOfMemory
from engine.training import datasets, image_files
from engine.training.datasets import (
    available_data_sets,
    data_set_facts,
    find_data_set,
    load_images,
    obtain_data_set,
)

needs_fashion_mnist = pytest.mark.skipif(
    find_data_set("fashion-mnist") is None, reason="Debian's dataset-fashion-mnist is not installed"
)


def write_idx(file: Path, array: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


def write_cifar(folder: Path, images_per_file: int = 4) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in (*image_files.CIFAR_FILES[0], *image_files.CIFAR_FILES[1]):
        records = random.integers(0, 256, (images_per_file, image_files.CIFAR_RECORD), dtype=np.uint8)
        records[:, 0] %= 10
        (folder / name).write_bytes(records.tobytes())


def write_image_folder(folder: Path, *, test_name: str = "test", classes: tuple[str, ...] = ("cat", "dog")) -> None:
    for split, count in (("train", 4), (test_name, 2)):
        for brightness, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                image = Image.new("RGB", (40 + number, 30), (60 + 100 * brightness, number, 7))
                image.save(folder / split / name / f"{number}.png")


@needs_fashion_mnist
def test_fashion_mnist_comes_pooled_normalised_and_in_a_fixed_order() -> None:
    images = load_images("fashion-mnist", resolution=14, train_images=300, test_images=200)
    assert images.train_images_NCHW.shape == (300, 1, 14, 14)
    assert images.test_images_NCHW.shape == (200, 1, 14, 14)
    assert images.train_images_NCHW.dtype == np.float32
    assert images.train_labels_N.dtype == np.int64
    assert images.train_images_NCHW.mean() == pytest.approx(0, abs=1e-4)
    assert images.train_images_NCHW.std() == pytest.approx(1, abs=1e-4)
    assert set(images.test_labels_N) == set(range(10))
    again = load_images("fashion-mnist", resolution=14, train_images=100, test_images=200)
    assert np.array_equal(again.train_labels_N, images.train_labels_N[:100])


def test_the_digits_are_split_once_and_for_all() -> None:
    images = load_images("digits", resolution=8)
    facts = data_set_facts("digits")
    assert len(images.train_labels_N) == facts.train_images == 1437
    assert len(images.test_labels_N) == facts.test_images == 360
    pictures = {image.tobytes() for image in images.train_images_NCHW}
    assert sum(image.tobytes() in pictures for image in images.test_images_NCHW) <= 2  # the set itself repeats a few


def test_a_subset_larger_than_the_set_is_refused() -> None:
    with pytest.raises(InvalidRegime, match="test_images must be at most 360, got 361"):
        load_images("digits", resolution=8, test_images=361)


def test_resampling_is_average_pooling_where_the_resolution_divides() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 28, 28), dtype=np.uint8)
    pooled = images.reshape(3, 2, 14, 2, 14, 2).mean((3, 5))
    assert np.array_equal(image_files.resample(images, 14), pooled.astype(np.float32))


def test_resampling_to_the_same_side_changes_nothing() -> None:
    images = np.random.default_rng(0).random((3, 1, 9, 9))
    assert np.array_equal(image_files.resample(images, 9), images.astype(np.float32))


def test_resampling_to_a_larger_side_interpolates_between_pixel_centres() -> None:
    ramp = np.broadcast_to(np.arange(4.0), (1, 1, 4, 4))
    assert image_files.resample(ramp, 8)[0, 0, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]


@given(side=st.integers(1, 40), resolution=st.integers(1, 60), grey=st.floats(-5, 5, width=32))
@settings(max_examples=40, deadline=None)
def test_resampling_keeps_an_even_picture_and_the_mean_of_any(side: int, resolution: int, grey: float) -> None:
    even = image_files.resample(np.full((1, 1, side, side), grey), resolution)
    assert even.shape == (1, 1, resolution, resolution)
    assert np.allclose(even, grey, atol=1e-4)
    if resolution <= side:
        picture = np.random.default_rng(side).random((1, 1, side, side))
        assert image_files.resample(picture, resolution).mean() == pytest.approx(picture.mean(), abs=1e-5)


@pytest.mark.parametrize("inner", ["", "FashionMNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_read_from_the_data_folder(tmp_path: Path, inner: str, suffix: str) -> None:
    folder = tmp_path / inner
    random = np.random.default_rng(0)
    for (images, labels), count in zip(image_files.IDX_FILES, (20, 10), strict=True):
        write_idx(folder / f"{images}{suffix}", random.integers(0, 256, (count, 28, 28)))
        write_idx(folder / f"{labels}{suffix}", np.arange(count) % 10)
    assert image_files.holds_idx(folder)
    train, test = image_files.open_idx(folder)
    assert train.labels.tolist() == [*range(10), *range(10)]
    assert test.read(np.arange(3), 14).shape == (3, 1, 14, 14)


@pytest.mark.parametrize("damage", ["cut", "emptied", "not gzip", "other magic"])
def test_a_damaged_idx_file_is_named(tmp_path: Path, damage: str) -> None:
    for images, labels in image_files.IDX_FILES:
        write_idx(tmp_path / f"{images}.gz", np.zeros((5, 28, 28)))
        write_idx(tmp_path / f"{labels}.gz", np.zeros(5))
    file = tmp_path / "train-labels-idx1-ubyte.gz"
    content = file.read_bytes()
    inside = gzip.decompress(content)
    damaged = {
        "cut": content[:-9],
        "emptied": gzip.compress(b""),
        "not gzip": b"<html>",
        "other magic": gzip.compress(b"\0\0\x0d" + inside[3:]),
    }
    file.write_bytes(damaged[damage])
    with pytest.raises(DataMissing, match=r"train-labels-idx1-ubyte\.gz"):
        image_files.open_idx(tmp_path)


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_cifar_is_read_from_its_binary_version(tmp_path: Path, inner: str) -> None:
    write_cifar(tmp_path / "cifar-10" / inner)
    images = load_images("cifar-10", data_folder=tmp_path, resolution=32)
    assert images.train_images_NCHW.shape == (20, 3, 32, 32)
    assert images.test_images_NCHW.shape == (4, 3, 32, 32)
    assert images.train_images_NCHW.mean((0, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-4)
    assert images.train_images_NCHW.std((0, 2, 3)) == pytest.approx([1, 1, 1], abs=1e-4)


def test_a_torn_file_of_cifar_is_named(tmp_path: Path) -> None:
    write_cifar(tmp_path / "cifar-10")
    (tmp_path / "cifar-10" / "data_batch_3.bin").write_bytes(b"\1" * 100)
    with pytest.raises(DataMissing, match=r"data_batch_3\.bin"):
        load_images("cifar-10", data_folder=tmp_path, resolution=32)


class Trap:
    """A pickle that leaves a trace where it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.file,))


def test_a_foreign_pickle_in_place_of_cifar_is_never_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10" / image_files.CIFAR_PICKLES
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "loaded")))
    with pytest.raises(DataMissing, match="as published"):
        load_images("cifar-10", data_folder=tmp_path, resolution=32)
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize("test_name", ["test", "val"])
def test_an_own_folder_of_images_is_a_data_set(tmp_path: Path, test_name: str) -> None:
    write_image_folder(tmp_path / "pets", test_name=test_name)
    name = "image-folder:pets"
    images = load_images(name, data_folder=tmp_path, resolution=16, train_images=6)
    assert images.train_images_NCHW.shape == (6, 3, 16, 16)
    assert images.test_images_NCHW.shape == (4, 3, 16, 16)
    assert images.num_classes == 2
    bright = images.test_images_NCHW[:, 0, 0, 0] > 0
    assert np.array_equal(bright, images.test_labels_N == 1)


def test_folders_of_images_must_agree_on_their_classes(tmp_path: Path) -> None:
    write_image_folder(tmp_path / "pets")
    (tmp_path / "pets" / "test" / "dog").rename(tmp_path / "pets" / "test" / "wolf")
    with pytest.raises(DataMissing, match="other classes for training than for testing"):
        load_images("image-folder:pets", data_folder=tmp_path, resolution=16)


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_image_folder(tmp_path / "pets")
    (tmp_path / "pets" / "train" / "cat" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataMissing, match=r"cat/0\.png can't be read"):
        load_images("image-folder:pets", data_folder=tmp_path, resolution=16)


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    write_image_folder(tmp_path / "pets")
    (tmp_path / "pets" / "train" / "ant").mkdir()
    with pytest.raises(DataMissing, match="ant"):
        load_images("image-folder:pets", data_folder=tmp_path, resolution=16)


def test_all_data_sets_found_are_listed(tmp_path: Path) -> None:
    assert "digits" in available_data_sets()
    write_image_folder(tmp_path / "pets")
    write_image_folder(tmp_path / "cifar-10")  # the name of another data set
    write_image_folder(tmp_path / ".hidden")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").touch()
    found = available_data_sets(data_folder=tmp_path)
    assert [name for name in found if name.startswith("image-folder:")] == ["image-folder:pets"]
    assert "cifar-10" not in found
    assert available_data_sets(data_folder=tmp_path / "nowhere") == available_data_sets()


def test_missing_data_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="CIFAR-10 is not on this machine") as caught:
        load_images("cifar-10", data_folder=tmp_path, resolution=32)
    assert str(tmp_path / "cifar-10" / "cifar-10-batches-bin") in str(caught.value)
    with pytest.raises(DataMissing, match="no data folder was given"):
        load_images("cifar-10", resolution=32)


@pytest.mark.parametrize(
    "name", ["image-folder:../pets", "image-folder:/pets", "image-folder:a/b", "image-folder:..", "pets", "../digits"]
)
def test_a_name_that_could_leave_the_data_folder_is_refused(tmp_path: Path, name: str) -> None:
    write_image_folder(tmp_path / "pets")
    for function in (find_data_set, obtain_data_set):
        with pytest.raises(InvalidRegime, match="data_set"):
            function(name, data_folder=tmp_path / "inner")


def test_images_that_cannot_fit_into_memory_are_refused_before_they_are_read() -> None:
    with pytest.raises(OutOfMemory, match="lower train_images, test_images or resolution"):
        datasets._check_memory(10**9, 3, 224)


def test_a_data_set_already_there_is_not_downloaded(tmp_path: Path) -> None:
    assert obtain_data_set("digits", data_folder=tmp_path / "data") == find_data_set("digits")
    assert not (tmp_path / "data").exists()


def test_imagenet_cannot_be_downloaded(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="can't be downloaded"):
        obtain_data_set("imagenet", data_folder=tmp_path)


def test_a_half_filled_folder_is_left_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "cifar-10").mkdir()
    (tmp_path / "cifar-10" / "test_batch.bin").touch()
    with pytest.raises(DataMissing, match="complete it, or remove it"):
        obtain_data_set("cifar-10", data_folder=tmp_path)


def test_a_broken_download_leaves_nothing_behind(tmp_path: Path) -> None:
    def break_off(folder: Path) -> None:
        (folder / "test_batch.bin").touch()
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        datasets._download_beside(tmp_path / "cifar-10", break_off)
    assert list(tmp_path.iterdir()) == []


def test_a_download_appears_as_a_whole(tmp_path: Path) -> None:
    datasets._download_beside(tmp_path / "data" / "cifar-10", lambda folder: (folder / "test_batch.bin").touch())
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["cifar-10"]
    assert (tmp_path / "data" / "cifar-10" / "test_batch.bin").exists()
