"""Random crops and flips of a whole minibatch as tensor operations, on the device that holds it.

Shapes: N images, C channels, H rows, W columns (H = W). All randomness is drawn on the CPU, so that one seed gives
the same pictures on every device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

CROP_AREA = (0.08, 1.0)
CROP_ASPECT = (3 / 4, 4 / 3)


def augment(images_NCHW: Tensor, augmentation: str, generator: torch.Generator) -> Tensor:
    """Change each image at random as a recipe's ``augmentation`` says; the result is in channels-last order."""
    if augmentation == "crop_flip":
        return _crop_flip(images_NCHW, generator)
    if augmentation == "resized_crop_flip":
        return _resized_crop_flip(images_NCHW, generator)
    return images_NCHW


def _crop_flip(images_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Pad by an eighth of the side (CIFAR's 4 of 32) with the mean colour, crop at random, flip about half."""
    count, _, side, _ = images_NCHW.shape
    device = images_NCHW.device
    margin = max(1, side // 8)
    starts_2N = torch.randint(2 * margin + 1, (2, count), generator=generator).to(device)
    flips_N = (torch.rand(count, generator=generator) < 0.5).to(device)
    pixels = torch.arange(side, device=device)
    rows_NH = starts_2N[0, :, None] + pixels
    columns_NW = starts_2N[1, :, None] + torch.where(flips_N[:, None], pixels.flip(0), pixels)
    padded_NHWC = F.pad(images_NCHW, (margin,) * 4).permute(0, 2, 3, 1)
    numbers_N11 = torch.arange(count, device=device)[:, None, None]
    return padded_NHWC[numbers_N11, rows_NH[:, :, None], columns_NW[:, None, :]].permute(0, 3, 1, 2)


def _resized_crop_flip(images_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Cut a random part of 8 to 100 % of the area, 3:4 to 4:3, stretch it to the whole, flip about half."""
    count = len(images_NCHW)
    area_N, aspect_N, left_N, top_N, flip_N = torch.rand(5, count, generator=generator)
    area_N = CROP_AREA[0] + (CROP_AREA[1] - CROP_AREA[0]) * area_N
    aspect_N = torch.exp(math.log(CROP_ASPECT[0]) + math.log(CROP_ASPECT[1] / CROP_ASPECT[0]) * aspect_N)
    width_N = (area_N * aspect_N).sqrt().clamp(max=1)
    height_N = (area_N / aspect_N).sqrt().clamp(max=1)
    # The map from an output pixel to its source, both in -1..1.
    transforms_N23 = torch.zeros(count, 2, 3)
    transforms_N23[:, 0, 0] = torch.where(flip_N < 0.5, width_N, -width_N)
    transforms_N23[:, 0, 2] = (2 * left_N - 1) * (1 - width_N)
    transforms_N23[:, 1, 1] = height_N
    transforms_N23[:, 1, 2] = (2 * top_N - 1) * (1 - height_N)
    grid_NHW2 = F.affine_grid(transforms_N23.to(images_NCHW.device), list(images_NCHW.shape), align_corners=False)
    cut_NCHW = F.grid_sample(images_NCHW, grid_NHW2, padding_mode="border", align_corners=False)
    return cut_NCHW.contiguous(memory_format=torch.channels_last)
