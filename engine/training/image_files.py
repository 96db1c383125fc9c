"""Reading the files of image data sets: idx, CIFAR-10's two formats, scikit-learn's digits, folders of images.

Each ``open_*`` function takes the folder of a data set and returns its training and its test `Split`; each
``holds_*`` function says whether a folder has all the files that its partner reads.
"""

from __future__ import annotations

import gzip
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataMissing

IDX_FILES = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
CIFAR_FILES = (tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("test_batch.bin",))
CIFAR_RECORD = 1 + 3 * 32 * 32
CIFAR_PICKLES = "cifar-10-batches-py"
DIGITS_TEST_IMAGES = 360
# Images in folders are cut as the usual ImageNet recipe does it: shorter side 8/7 of the resolution, then the centre.
FOLDER_MARGIN = 8 / 7

Pixels = NDArray[np.uint8] | NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The training or the test images of a data set, read only when asked for.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
    read : callable
        Takes positions, shape (m,), and a resolution; returns float32 images, shape (m, channels, side, side).
    """

    labels: NDArray[np.int64]
    read: Callable[[Positions, int], NDArray[np.float32]]


def resample(images: Pixels, resolution: int) -> NDArray[np.float32]:
    """Resize square images, shape (n, channels, side, side), to another side.

    Smaller sides average the area each new pixel covers (average pooling where the resolution divides the side);
    larger ones interpolate linearly between pixel centres.
    """
    pixels = images.astype(np.float32)
    side = images.shape[-1]
    if side == resolution:
        return pixels
    weights = _resampling_weights(side, resolution)
    return (weights @ pixels @ weights.T).astype(np.float32, copy=False)


def _resampling_weights(side: int, resolution: int) -> NDArray[np.float32]:
    """The matrix, shape (resolution, side), that resizes one axis; its rows sum to 1."""
    old = np.arange(side)
    if resolution <= side:
        edges = np.arange(resolution + 1) * side / resolution
        low, high = edges[:-1, None], edges[1:, None]
        overlap = np.minimum(high, old + 1) - np.maximum(low, old)
        return (overlap.clip(min=0) * resolution / side).astype(np.float32)
    centres = ((np.arange(resolution) + 0.5) * side / resolution - 0.5).clip(0, side - 1)
    return (1 - np.abs(centres[:, None] - old)).clip(min=0).astype(np.float32)


def _split_of_array(images: Pixels, labels: NDArray[np.integer]) -> Split:
    return Split(
        labels=labels.astype(np.int64), read=lambda positions, resolution: resample(images[positions], resolution)
    )


def holds_idx(folder: Path) -> bool:
    return all(_idx_file(folder, name) is not None for names in IDX_FILES for name in names)


def open_idx(folder: Path) -> tuple[Split, Split]:
    train, test = (
        _split_of_array(_read_idx(folder, images)[:, None], _read_idx(folder, labels)) for images, labels in IDX_FILES
    )
    return train, test


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / f"{name}.gz", folder / name) if file.is_file()), None)


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """An array of bytes in the idx format: a magic number, its shape as big-endian integers, the bytes."""
    file = _idx_file(folder, name)
    if file is None:
        raise DataMissing(f"The file {folder / name} is not there.")
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError) as error:
        raise DataMissing(f"The file {file} can't be read: {error}.") from error
    dimensions = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    header = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:header], ">u4").tolist())
    if dimensions == 0 or math.prod(shape) != len(content) - header:
        raise DataMissing(f"The file {file} is not a complete idx file of bytes; fetch it again.")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def holds_cifar(folder: Path) -> bool:
    return (folder / CIFAR_PICKLES).is_dir() or all(
        (folder / name).is_file() for names in CIFAR_FILES for name in names
    )


def open_cifar(folder: Path) -> tuple[Split, Split]:
    if (folder / CIFAR_PICKLES).is_dir():
        return _open_cifar_pickles(folder)
    train, test = (_read_cifar([folder / name for name in names]) for names in CIFAR_FILES)
    return train, test


def _read_cifar(files: list[Path]) -> Split:
    """CIFAR-10's binary version: records of a label and 3 x 32 x 32 bytes."""
    records = []
    for file in files:
        content = np.fromfile(file, np.uint8)
        if content.size == 0 or content.size % CIFAR_RECORD:
            raise DataMissing(f"The file {file} is not a complete file of CIFAR-10's binary version; fetch it again.")
        records.append(content.reshape(-1, CIFAR_RECORD))
    content = np.concatenate(records)
    return _split_of_array(content[:, 1:].reshape(-1, 3, 32, 32), content[:, 0])


def _open_cifar_pickles(folder: Path) -> tuple[Split, Split]:
    """CIFAR-10 as torchvision keeps it, which unpickles nothing whose checksum is not the published file's."""
    from torchvision.datasets import CIFAR10

    try:
        train, test = (CIFAR10(str(folder), train=is_train) for is_train in (True, False))
    except RuntimeError as error:
        raise DataMissing(f"The files in {folder / CIFAR_PICKLES} are not CIFAR-10's as published.") from error
    return (
        _split_of_array(train.data.transpose(0, 3, 1, 2), np.asarray(train.targets)),
        _split_of_array(test.data.transpose(0, 3, 1, 2), np.asarray(test.targets)),
    )


def digits_folder() -> Path | None:
    """The folder of scikit-learn, which ships the digits."""
    spec = importlib.util.find_spec("sklearn")
    return Path(spec.origin).parent if spec and spec.origin else None


def open_digits(folder: Path) -> tuple[Split, Split]:
    """The 1,797 digits in a fixed random order: the last 360 are the test images."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))
    images, labels = digits.images[order][:, None], digits.target[order]
    border = len(labels) - DIGITS_TEST_IMAGES
    return _split_of_array(images[:border], labels[:border]), _split_of_array(images[border:], labels[border:])


def holds_image_folders(folder: Path) -> bool:
    return bool(class_names(folder)) and _test_folder(folder).is_dir()


def class_names(folder: Path) -> list[str]:
    """The classes of a folder of images: the folders inside its folder ``train``."""
    train = folder / "train"
    return sorted(item.name for item in train.iterdir() if item.is_dir()) if train.is_dir() else []


def open_image_folders(folder: Path) -> tuple[Split, Split]:
    """Images as torchvision's ``ImageFolder`` expects them, below ``train`` and ``test`` (or ``val``)."""
    from torchvision.datasets import ImageFolder

    try:
        train, test = ImageFolder(str(folder / "train")), ImageFolder(str(_test_folder(folder)))
    except FileNotFoundError as error:
        raise DataMissing(f"The folder {folder} lacks images: {error}") from error
    if train.classes != test.classes:
        raise DataMissing(f"The folder {folder} has other classes for training than for testing.")
    return _split_of_files(train.samples), _split_of_files(test.samples)


def _test_folder(folder: Path) -> Path:
    return folder / "test" if (folder / "test").is_dir() else folder / "val"


def _split_of_files(samples: list[tuple[str, int]]) -> Split:
    def read(positions: Positions, resolution: int) -> NDArray[np.float32]:
        images = np.empty((len(positions), 3, resolution, resolution), np.float32)
        for image, position in zip(images, positions, strict=True):
            image[:] = _read_image(Path(samples[position][0]), resolution)
        return images

    return Split(labels=np.asarray([label for _, label in samples], np.int64), read=read)


def _read_image(file: Path, resolution: int) -> NDArray[np.float32]:
    """The centre of one image, shape (3, resolution, resolution)."""
    from PIL import Image

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # all that Pillow raises
        raise DataMissing(f"The image {file} can't be read: {error}.") from error
    scale = resolution * FOLDER_MARGIN / min(image.size)
    width, height = (max(resolution, round(side * scale)) for side in image.size)
    left, top = (width - resolution) // 2, (height - resolution) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    cut = resized.crop((left, top, left + resolution, top + resolution))
    return np.asarray(cut, np.float32).transpose(2, 0, 1)
