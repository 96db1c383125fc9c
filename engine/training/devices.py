"""What a training ran on: kind of device, peak memory, versions."""

from __future__ import annotations

import contextlib
import platform
import resource
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import torch

from engine.errors import OutOfMemory, TrainingError

# How torch's libraries word a failed allocation where they do not raise torch.OutOfMemoryError.
OUT_OF_MEMORY_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


@contextlib.contextmanager
def memory_errors_named() -> Iterator[None]:
    """Turn every way in which memory can run out into `OutOfMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(f"The memory of the device did not suffice: {error or 'no more memory'}") from error
    except RuntimeError as error:
        if any(words in str(error) for words in OUT_OF_MEMORY_WORDS):
            raise OutOfMemory(f"The memory of the device did not suffice: {error}") from error
        raise


def find_device(name: str) -> torch.device:
    """The device of a name such as "cpu" or "cuda:0".

    Raises
    ------
    TrainingError
        Where this machine has no such device.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise TrainingError(f"device must be 'cpu' or 'cuda:0' and the like, got {name!r}.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(f"device {name!r} is not on this machine, which has {torch.cuda.device_count()} GPUs.")
    if device.type not in ("cpu", "cuda"):
        raise TrainingError(f"device must be 'cpu' or 'cuda:0' and the like, got {name!r}.")
    return device


def device_kind(device: torch.device) -> str:
    """The product name of a device, such as "NVIDIA A100-SXM4-40GB" or "AMD EPYC 7763 64-Core Processor"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def reset_peak_memory(device: torch.device) -> None:
    """Start a new measurement on a GPU; for a process the system only knows the peak since its start."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Most bytes ever used at once: by tensors on a GPU, by the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def versions() -> dict[str, str]:
    """All that must be equal for a training on the CPU to be repeated to the bit."""
    return {
        "netspace": _netspace_version(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "threads": str(torch.get_num_threads()),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
    }


def _netspace_version() -> str:
    """The installed version, or the one of the source tree this file lies in."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("netspace")
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if not project.is_file():
        return "unknown"
    return str(tomllib.loads(project.read_text())["project"]["version"])
