"""Named data sets: what they hold, where they lie, and their images as arrays ready for training.

Shapes: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataMissing, InvalidRegime, OutOfMemory
from engine.training import image_files
from engine.training.image_files import DIGITS_TEST_IMAGES, Split

FOLDER_PREFIX = "image-folder:"
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEBIAN_FOLDER = Path("/usr/share/datasets")
CIFAR_ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR_MD5 = "c32a1d4ab5d03f1284b67883e8d13530"


@dataclass(frozen=True, kw_only=True)
class DataSetFacts:
    """What is known about a data set without reading it; 0 for what only its folder can tell."""

    name: str
    title: str
    in_channels: int
    num_classes: int
    native_resolution: int
    train_images: int
    test_images: int


@dataclass(frozen=True, kw_only=True)
class Images:
    """A data set at one resolution, normalised with the mean and standard deviation of its training images.

    Parameters
    ----------
    train_images_NCHW, test_images_NCHW : ndarray of float32
    train_labels_N, test_labels_N : ndarray of int64
    num_classes : int
    """

    train_images_NCHW: NDArray[np.float32]
    train_labels_N: NDArray[np.int64]
    test_images_NCHW: NDArray[np.float32]
    test_labels_N: NDArray[np.int64]
    num_classes: int


DATA_SETS: dict[str, DataSetFacts] = {
    facts.name: facts
    for facts in (
        DataSetFacts(
            name="fashion-mnist",
            title="Fashion-MNIST",
            in_channels=1,
            num_classes=10,
            native_resolution=28,
            train_images=60_000,
            test_images=10_000,
        ),
        DataSetFacts(
            name="digits",
            title="Digits (scikit-learn)",
            in_channels=1,
            num_classes=10,
            native_resolution=8,
            train_images=1_797 - DIGITS_TEST_IMAGES,
            test_images=DIGITS_TEST_IMAGES,
        ),
        DataSetFacts(
            name="cifar-10",
            title="CIFAR-10",
            in_channels=3,
            num_classes=10,
            native_resolution=32,
            train_images=50_000,
            test_images=10_000,
        ),
        DataSetFacts(
            name="imagenet",
            title="ImageNet (ILSVRC 2012)",
            in_channels=3,
            num_classes=1000,
            native_resolution=224,
            train_images=1_281_167,
            test_images=50_000,
        ),
    )
}


def data_set_facts(name: object) -> DataSetFacts:
    """The facts of a named data set, or of an own folder of images ("image-folder:" and the folder's name).

    Raises
    ------
    InvalidRegime
        Where no data set has that name, or the folder's name could leave the data folder.
    """
    if isinstance(name, str) and name in DATA_SETS:
        return DATA_SETS[name]
    if not isinstance(name, str) or not name.startswith(FOLDER_PREFIX):
        known = ", ".join([*DATA_SETS, f"{FOLDER_PREFIX}NAME"])
        raise InvalidRegime(
            f"data_set must be one of {known}, got {str(name)[:80]!r}.", parameter="data_set", value=name
        )
    folder = name.removeprefix(FOLDER_PREFIX)
    if not FOLDER_NAME.fullmatch(folder):
        raise InvalidRegime(
            f"data_set names a folder by letters, digits, '.', '_' and '-', starting with a letter or digit, "
            f"got {folder[:80]!r}.",
            parameter="data_set",
            value=name,
        )
    return DataSetFacts(
        name=name,
        title=f"Images in {folder}",
        in_channels=3,
        num_classes=0,
        native_resolution=0,
        train_images=0,
        test_images=0,
    )


def find_data_set(name: str, *, data_folder: Path | None = None) -> Path | None:
    """The folder that holds a data set on this machine, or None.

    Parameters
    ----------
    name : str
        A name that `data_set_facts` knows.
    data_folder : Path, optional
        The team's data folder; without it only data sets that come with the system are found.

    Raises
    ------
    InvalidRegime
        Where no data set has that name.
    """
    holds = _FORMATS[_format_of(name)].holds
    return next((folder for folder in _candidates(name, data_folder) if holds(folder)), None)


def available_data_sets(*, data_folder: Path | None = None) -> tuple[str, ...]:
    """Names of all data sets found on this machine, own folders of images last."""
    own: list[str] = []
    if data_folder is not None and data_folder.is_dir():
        folders = [folder.name for folder in sorted(data_folder.iterdir()) if FOLDER_NAME.fullmatch(folder.name)]
        own = [f"{FOLDER_PREFIX}{folder}" for folder in folders if folder not in DATA_SETS]
    return tuple(name for name in (*DATA_SETS, *own) if find_data_set(name, data_folder=data_folder))


def obtain_data_set(name: str, *, data_folder: Path) -> Path:
    """The folder of a data set, downloaded into the data folder where it lies nowhere on this machine.

    Raises
    ------
    DataMissing
        Where the data set can't be downloaded.
    """
    found = find_data_set(name, data_folder=data_folder)
    if found:
        return found
    download = {"fashion-mnist": _download_fashion_mnist, "cifar-10": _download_cifar}.get(name)
    if download is None:
        raise DataMissing(f"{_not_found(name, data_folder)} It can't be downloaded: put its images there.")
    folder = data_folder / name
    if folder.exists():
        raise DataMissing(f"The folder {folder} lacks files of {name}: complete it, or remove it to download again.")
    try:
        _download_beside(folder, download)
    except (OSError, RuntimeError) as error:
        if find_data_set(name, data_folder=data_folder) is None:  # another process may have been faster
            raise DataMissing(f"{name} could not be downloaded to {folder}: {error}") from error
    return _require(name, data_folder)


def load_images(
    name: str,
    *,
    data_folder: Path | None = None,
    resolution: int,
    train_images: int | None = None,
    test_images: int | None = None,
) -> Images:
    """The images of a data set at one resolution, normalised for training.

    A subset is the first images of a fixed random order, not balanced by class, so that its error estimates the
    whole set's; a larger subset contains each smaller one. Mean and standard deviation (per channel) are those of
    the training images returned.

    Parameters
    ----------
    name : str
        A name that `data_set_facts` knows.
    data_folder : Path, optional
        The team's data folder; not needed for data sets that come with the system.
    resolution : int
        Side of the images in pixels.
    train_images, test_images : int, optional
        Size of the subset; None takes all.

    Raises
    ------
    DataMissing
        Where the data set is not on this machine, or its files are damaged.
    InvalidRegime
        Where no data set has that name, or it has fewer images than asked for.
    OutOfMemory
        Where the images would not fit into the memory of this machine.
    """
    train, test = _FORMATS[_format_of(name)].open(_require(name, data_folder))
    train_positions = _subset(len(train.labels), train_images, "train_images")
    test_positions = _subset(len(test.labels), test_images, "test_images")
    facts = data_set_facts(name)
    _check_memory(len(train_positions) + len(test_positions), facts.in_channels, resolution)
    train_images_NCHW = train.read(train_positions, resolution)
    test_images_NCHW = test.read(test_positions, resolution)
    mean = train_images_NCHW.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    deviation = train_images_NCHW.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    deviation[deviation == 0] = 1
    for images_NCHW in (train_images_NCHW, test_images_NCHW):
        images_NCHW -= mean
        images_NCHW /= deviation
    return Images(
        train_images_NCHW=train_images_NCHW,
        train_labels_N=train.labels[train_positions],
        test_images_NCHW=test_images_NCHW,
        test_labels_N=test.labels[test_positions],
        num_classes=facts.num_classes or int(train.labels.max()) + 1,
    )


@dataclass(frozen=True)
class _Format:
    """How the files of a data set are recognised and read."""

    holds: Callable[[Path], bool]
    open: Callable[[Path], tuple[Split, Split]]


_FORMATS = {
    "fashion-mnist": _Format(image_files.holds_idx, image_files.open_idx),
    "digits": _Format(Path.is_dir, image_files.open_digits),
    "cifar-10": _Format(image_files.holds_cifar, image_files.open_cifar),
    "image-folder": _Format(image_files.holds_image_folders, image_files.open_image_folders),
}


def _format_of(name: str) -> str:
    return name if data_set_facts(name).name in _FORMATS else "image-folder"


def _candidates(name: str, data_folder: Path | None) -> list[Path]:
    """The folders to look in, best first."""
    if name == "digits":
        folder = image_files.digits_folder()
        return [folder] if folder else []
    system = [DEBIAN_FOLDER / name] if name == "fashion-mnist" else []
    if data_folder is None:
        return system
    own = data_folder / name.removeprefix(FOLDER_PREFIX)
    inner = {"fashion-mnist": ["FashionMNIST/raw"], "cifar-10": ["cifar-10-batches-bin"]}.get(name, [])
    return [*system, own, *(own / folder for folder in inner)]


def _require(name: str, data_folder: Path | None) -> Path:
    found = find_data_set(name, data_folder=data_folder)
    if found is None:
        raise DataMissing(_not_found(name, data_folder), parameter="data_set", value=name)
    return found


def _not_found(name: str, data_folder: Path | None) -> str:
    looked_in = " and ".join(str(folder) for folder in _candidates(name, data_folder)) or "no data folder was given"
    return f"The data set {data_set_facts(name).title} is not on this machine; looked in: {looked_in}."


def _subset(available: int, wanted: int | None, parameter: str) -> NDArray[np.int64]:
    """Positions of the first images of a fixed random order; RandomState's stream is frozen over numpy's versions."""
    if wanted is not None and wanted > available:
        raise InvalidRegime(
            f"{parameter} must be at most {available:,}, got {wanted:,}.", parameter=parameter, value=wanted
        )
    return np.random.RandomState(0).permutation(available)[:wanted].astype(np.int64)


def _check_memory(images: int, channels: int, resolution: int) -> None:
    needed = images * channels * resolution**2 * 4
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise OutOfMemory(
            f"{images:,} images of {resolution} x {resolution} px need {needed / 1e9:,.0f} GB, more than the "
            f"{memory / 1e9:,.0f} GB of this machine: lower train_images, test_images or resolution."
        )


def _download_beside(folder: Path, download: Callable[[Path], None]) -> None:
    """Download and rename, so that no other process ever finds half a data set."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as temporary:
        complete = Path(temporary) / folder.name
        complete.mkdir()
        download(complete)
        complete.rename(folder)


def _download_fashion_mnist(folder: Path) -> None:
    from torchvision.datasets import FashionMNIST

    FashionMNIST(str(folder), download=True)


def _download_cifar(folder: Path) -> None:
    """CIFAR-10's binary version, which, unlike the one torchvision fetches, needs no unpickling."""
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(CIFAR_ADDRESS, str(folder), md5=CIFAR_MD5, remove_finished=True)
