"""The training slots of a machine: how many, on which devices, and what environment makes each of them fast.

Without Django and torch: the supervisor and the benchmarks read it, and a slot's process is yet to start.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from tasks.processes import ROLE, SLOT

# One thread a slot: two threads in each of two processes on two cores train 25 to 40 times slower than one.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc otherwise returns the memory of every step to the system and faults it in again; one arena, because the
# training thread is not the main one. 32 MiB is the largest threshold that glibc accepts. Its caches of small pieces
# never serve torch, which asks for aligned ones, and keep neighbours from becoming large again: 5 % of a step.
KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
}


@functools.cache  # where it is not installed, the search starts a compiler; once a process, not once a slot
def find_tcmalloc() -> str | None:
    return find_library("tcmalloc_minimal") or find_library("tcmalloc")


def allocator() -> dict[str, str]:
    """Keeps memory between steps: tcmalloc where it is installed and nobody chose another, else glibc told to."""
    library = find_tcmalloc()
    kept = {**KEEP_MEMORY, "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", KEEP_MEMORY["GLIBC_TUNABLES"])}
    if sys.platform != "linux" or library is None or "LD_PRELOAD" in os.environ:
        return kept
    return {**kept, "LD_PRELOAD": library, "TCMALLOC_RELEASE_RATE": "0"}


@dataclass(frozen=True)
class SlotPlan:
    """One training slot: its number on this machine, its device, and how many slots share that device."""

    number: int
    device: str
    device_slots: int

    def environment(self) -> dict[str, str]:
        """What a slot's process sees; its GPU is always cuda:0 there, since it sees no other."""
        on_gpu = self.device.startswith("cuda:")
        return {
            **ONE_THREAD,
            **allocator(),
            ROLE: SLOT,
            "NETSPACE_SLOT": str(self.number),
            "NETSPACE_DEVICE": "cuda:0" if on_gpu else "cpu",
            "NETSPACE_DEVICE_NAME": self.device,
            "NETSPACE_DEVICE_SLOTS": str(self.device_slots),
            "CUDA_VISIBLE_DEVICES": self.device.removeprefix("cuda:") if on_gpu else "",
        }


def count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_gpus() -> int:
    """The GPUs that torch can use, asked in a process of its own; none where no driver is there to ask."""
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidia0").exists():
        return 0
    answer = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return int(answer.stdout) if answer.returncode == 0 else 0


def plan_slots(*, devices: str = "auto", slots_per_device: int | None = None) -> list[SlotPlan]:
    """The slots of this machine.

    Parameters
    ----------
    devices : str
        "auto" (every GPU, or the CPU where there is none), "cpu", or a list such as "cuda:0,cuda:1".
    slots_per_device : int, optional
        By default one a GPU, and one a core on the CPU.

    Raises
    ------
    ValueError
        An unknown device, a GPU that is not there, or more CPU slots than cores.
    """
    cores = count_cores()
    if devices == "auto":
        names = [f"cuda:{k}" for k in range(count_gpus())] or ["cpu"]
    else:
        names = [name.strip() for name in devices.split(",") if name.strip()]
        _check_devices(names)
    if slots_per_device is not None and slots_per_device < 1:
        raise ValueError(f"slots-per-device must be at least 1, got {slots_per_device}.")
    if names == ["cpu"] and slots_per_device is not None and slots_per_device > cores:
        raise ValueError(f"slots-per-device must be at most the {cores} cores for the CPU, got {slots_per_device}.")
    per_device = slots_per_device or (cores if names == ["cpu"] else 1)
    pairs = [(name, per_device) for name in names for _ in range(per_device)]
    return [SlotPlan(number, name, shared) for number, (name, shared) in enumerate(pairs)]


def _check_devices(names: Sequence[str]) -> None:
    gpus = count_gpus() if any(name.startswith("cuda:") for name in names) else 0
    for name in names:
        index = name.removeprefix("cuda:")
        if name != "cpu" and not (name.startswith("cuda:") and index.isdecimal() and int(index) < gpus):
            raise ValueError(f"devices must be auto, cpu or cuda:<index> of {gpus} GPUs found, got {name}.")
    if not names or len(set(names)) < len(names) or ("cpu" in names and len(names) > 1):
        raise ValueError(
            f"devices must be the CPU alone or a list of different GPUs, got {', '.join(names) or 'none'}."
        )
