"""Checkpoints that survive a kill at any moment: the state of a training at the end of an epoch, in one file each."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.errors import BadCheckpoint

MAGIC = b"netspace checkpoint 1\n"
DIGEST_LENGTH = hashlib.sha256().digest_size
KEPT = 2


class CheckpointStore:
    """The checkpoints of one run in a folder.

    A file holds a line that names the format, the SHA-256 of the rest, and the state as torch saves it. It is
    written under another name, flushed to the disk and renamed; the last two are kept, so that a torn one falls back
    to the one before. Loading never executes code (``weights_only=True``).

    Parameters
    ----------
    folder : Path
        Made when the first checkpoint is saved.
    name : str
        Names the run; letters, digits, ".", "_" and "-".
    attempt : int
        Part of the file's name, so that a worker that lost its lease never writes over its successor's checkpoints.

    Raises
    ------
    BadCheckpoint
        For a name that could leave the folder.
    """

    def __init__(self, folder: Path, name: str, *, attempt: int = 1) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise BadCheckpoint(f"name must consist of letters, digits, '.', '_' and '-', got {name!r}.")
        self.folder = folder
        self.name = name
        self.attempt = attempt

    def save(self, state: Mapping[str, object]) -> None:
        """Write the state, a dict of tensors and plain values with an int under "epoch", then drop the oldest.

        Raises
        ------
        BadCheckpoint
            Where the disk is full or the folder can't be written to; earlier checkpoints are kept.
        """
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        file = self.folder / f"{self.name}-{state['epoch']:06d}-{self.attempt:06d}.checkpoint"
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                stream.writelines((MAGIC, hashlib.sha256(content).digest(), content))
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(file)
            _flush_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise BadCheckpoint(f"The checkpoint {file} could not be written: {error}.") from error
        for old in self._files()[KEPT:]:
            old.unlink(missing_ok=True)

    def load(self) -> dict[str, Any] | None:
        """The latest complete state of any attempt, with all tensors on the CPU; None if there is none."""
        return next((state for file in self._files() if (state := _read(file)) is not None), None)

    def clear(self) -> None:
        """Remove all checkpoints of the run, and any file that a killed process left incomplete."""
        for file in self._files(suffixes=r"checkpoint|\d+\.tmp"):
            file.unlink(missing_ok=True)

    def _files(self, suffixes: str = "checkpoint") -> list[Path]:
        """The run's files, latest epoch first, then latest attempt."""
        pattern = re.compile(rf"{re.escape(self.name)}-\d{{6}}-\d{{6}}\.({suffixes})")
        if not self.folder.is_dir():
            return []
        names = sorted((file.name for file in self.folder.iterdir() if pattern.fullmatch(file.name)), reverse=True)
        return [self.folder / name for name in names]


def _read(file: Path) -> dict[str, Any] | None:
    """The state in a file, or None where it is torn, foreign or gone."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    start = len(MAGIC) + DIGEST_LENGTH
    if content[:start] != MAGIC + hashlib.sha256(content[start:]).digest():
        return None
    try:
        state = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) else None


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
