"""Data sets as tensors on a device.

Shapes: N images, H rows, W columns, C channels. Images lie in NHWC order, so that a minibatch gathered from them is
an NCHW tensor in channels-last memory without another copy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InvalidRegime
from engine.training.datasets import Images, load_images
from engine.training.devices import find_device, memory_errors_named
from engine.training.regimes import Regime


@dataclass(frozen=True, kw_only=True)
class ResidentData:
    """A data set that lies on the device as tensors, for any number of trainings.

    Parameters
    ----------
    train_images_NHWC, test_images_NHWC : Tensor of float32
    train_labels_N, test_labels_N : Tensor of int64
    num_classes : int
    digest : str
        SHA-256 of all images and labels.
    """

    train_images_NHWC: Tensor
    train_labels_N: Tensor
    test_images_NHWC: Tensor
    test_labels_N: Tensor
    num_classes: int
    digest: str

    @classmethod
    def load(cls, source: Regime | Images, *, device: str = "cpu", data_folder: Path | None = None) -> ResidentData:
        """Put the images of a regime, or images already loaded, on a device.

        Raises
        ------
        DataMissing
            Where the regime's data set is not on this machine.
        InvalidRegime
            Where the data set has another number of classes than the regime says.
        OutOfMemory
            Where the images don't fit on the device.
        """
        with memory_errors_named():
            if isinstance(source, Regime):
                source = _images_of_regime(source, data_folder)
            place = find_device(device)
            arrays: tuple[NDArray[Any], ...] = (
                source.train_images_NCHW.transpose(0, 2, 3, 1),
                source.train_labels_N,
                source.test_images_NCHW.transpose(0, 2, 3, 1),
                source.test_labels_N,
            )
            digest = hashlib.sha256()
            tensors = []
            for array in arrays:
                contiguous = np.ascontiguousarray(array)
                digest.update(contiguous.data)
                tensors.append(torch.from_numpy(contiguous).to(place))
        return cls(
            train_images_NHWC=tensors[0],
            train_labels_N=tensors[1],
            test_images_NHWC=tensors[2],
            test_labels_N=tensors[3],
            num_classes=source.num_classes,
            digest=digest.hexdigest(),
        )


def _images_of_regime(regime: Regime, data_folder: Path | None) -> Images:
    images = load_images(
        regime.data_set,
        data_folder=data_folder,
        resolution=regime.resolution,
        train_images=regime.train_images,
        test_images=regime.test_images,
    )
    if images.num_classes != regime.num_classes:
        raise InvalidRegime(
            f"num_classes must be {images.num_classes}, as {regime.data_set} has, got {regime.num_classes}.",
            parameter="num_classes",
            value=regime.num_classes,
        )
    return images
