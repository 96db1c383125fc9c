from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import BadCheckpoint
from engine.training.checkpoints import MAGIC, CheckpointStore


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path, "run-7")


def state(epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "weights": torch.full((3,), float(epoch)), "epochs": [{"loss": 0.5}]}


def loaded_epoch(store: CheckpointStore) -> int | None:
    loaded = store.load()
    return None if loaded is None else loaded["epoch"]


def files(store: CheckpointStore) -> list[Path]:
    return sorted(store.folder.glob("*.checkpoint"))


def test_a_state_comes_back_as_it_was(store: CheckpointStore) -> None:
    store.save(state(1))
    loaded = store.load()
    assert loaded is not None
    assert loaded["epochs"] == [{"loss": 0.5}]
    assert torch.equal(loaded["weights"], torch.ones(3))


def test_the_last_two_are_kept(store: CheckpointStore) -> None:
    for epoch in range(1, 13):
        store.save(state(epoch))
    assert loaded_epoch(store) == 12
    assert len(files(store)) == 2


@pytest.mark.parametrize("damage", ["cut", "emptied", "one bit", "other format", "gone"])
def test_a_torn_checkpoint_falls_back_to_the_one_before(store: CheckpointStore, damage: str) -> None:
    """Invariant 12."""
    store.save(state(1))
    store.save(state(2))
    latest = files(store)[-1]
    content = latest.read_bytes()
    if damage == "gone":
        latest.unlink()
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        latest.write_bytes({"cut": content[:-20], "emptied": b"", "one bit": flipped, "other format": b"x"}[damage])
    assert loaded_epoch(store) == 1


def test_without_a_whole_checkpoint_there_is_none(store: CheckpointStore) -> None:
    assert store.load() is None
    store.save(state(1))
    files(store)[0].write_bytes(b"torn")
    assert store.load() is None


class Trap:
    """A pickle that leaves a trace where it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("by_torch", [True, False])
def test_a_pickle_is_never_loaded_even_under_a_valid_digest(store: CheckpointStore, by_torch: bool) -> None:
    store.save(state(1))
    trap = Trap(store.folder / "loaded")
    file = store.folder / "run-7-000002-000001.checkpoint"
    if by_torch:
        torch.save({"epoch": 2, "trap": trap}, file)
    content = file.read_bytes() if by_torch else pickle.dumps(trap, protocol=2)
    file.write_bytes(MAGIC + hashlib.sha256(content).digest() + content)
    assert loaded_epoch(store) == 1
    assert not trap.file.exists()


def test_another_attempt_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    first, second = (CheckpointStore(tmp_path, "run-7", attempt=attempt) for attempt in (1, 2))
    first.save(state(3))
    assert loaded_epoch(second) == 3
    second.save(state(4))
    second.save(state(5))
    first.save(state(4))  # the one that lost its lease wakes up and goes on for a while
    assert loaded_epoch(second) == 5


def test_runs_with_similar_names_do_not_meet(tmp_path: Path) -> None:
    stores = [CheckpointStore(tmp_path, name) for name in ("run-7", "run-70", "run-7-000001", "xrun-7")]
    for epoch, store in enumerate(stores, 1):
        store.save(state(epoch))
    assert [loaded_epoch(store) for store in stores] == [1, 2, 3, 4]
    stores[0].clear()
    assert [loaded_epoch(store) for store in stores] == [None, 2, 3, 4]


def test_clearing_also_removes_what_a_killed_process_left(store: CheckpointStore) -> None:
    store.save(state(1))
    (store.folder / "run-7-000002-000001.4711.tmp").write_bytes(b"half")
    (store.folder / "run-70-000002-000001.4711.tmp").write_bytes(b"half of another")
    store.clear()
    assert [file.name for file in store.folder.iterdir()] == ["run-70-000002-000001.4711.tmp"]


def test_clearing_what_was_never_saved_does_nothing(tmp_path: Path) -> None:
    CheckpointStore(tmp_path / "nowhere", "run-7").clear()


@pytest.mark.parametrize("name", ["", "../run", "a/b", ".hidden", "a b", "run\n"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadCheckpoint, match="name must consist of"):
        CheckpointStore(tmp_path, name)


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path: Path) -> None:
    """A limit on the size of files, set in a process of its own, stands in for the full disk."""
    code = f"""
import resource, signal, torch
from pathlib import Path
from engine.training.checkpoints import CheckpointStore
from engine.errors import BadCheckpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = CheckpointStore(Path({str(tmp_path)!r}), "run-7")
store.save({{"epoch": 1, "weights": torch.zeros(3)}})
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    store.save({{"epoch": 2, "weights": torch.zeros(100_000)}})
except BadCheckpoint as error:
    assert "could not be written" in str(error)
    raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert [file.name for file in tmp_path.iterdir()] == ["run-7-000001-000001.checkpoint"]
    assert loaded_epoch(CheckpointStore(tmp_path, "run-7")) == 1


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    code = f"""
import torch
from pathlib import Path
from engine.training.checkpoints import CheckpointStore
store = CheckpointStore(Path({str(tmp_path)!r}), "run-7")
for epoch in range(1, 100_000):
    store.save({{"epoch": epoch, "weights": torch.zeros(20_000)}})
    print(epoch, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    written = [int(process.stdout.readline()) for _ in range(20)][-1]
    process.kill()
    process.wait()
    epoch = loaded_epoch(CheckpointStore(tmp_path, "run-7"))
    assert epoch is not None
    assert epoch >= written
