from __future__ import annotations

import pytest

from tasks.slot_plans import allocator, count_cores, find_tcmalloc, plan_slots


def test_the_cpu_gets_one_slot_a_core_and_one_thread_a_slot() -> None:
    slots = plan_slots(devices="cpu")
    assert [slot.number for slot in slots] == list(range(count_cores()))
    for slot in slots:
        environment = slot.environment()
        assert environment["OMP_NUM_THREADS"] == "1"
        assert environment["NETSPACE_DEVICE"] == "cpu"
        assert environment["CUDA_VISIBLE_DEVICES"] == ""


def test_slots_share_each_gpu_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.slot_plans.count_gpus", lambda: 2)  # this machine's answer, which tests can't choose
    slots = plan_slots(devices="auto", slots_per_device=2)
    assert [(slot.device, slot.device_slots) for slot in slots] == [("cuda:0", 2)] * 2 + [("cuda:1", 2)] * 2
    assert slots[3].environment()["CUDA_VISIBLE_DEVICES"] == "1"
    assert slots[3].environment()["NETSPACE_DEVICE"] == "cuda:0"
    assert [slot.device for slot in plan_slots(devices="cuda:1")] == ["cuda:1"]


@pytest.mark.parametrize("devices", ["gpu", "cuda:x", "cuda:99", "cpu,cpu", "cpu,cuda:0", ",", "cuda:-1"])
def test_an_unknown_device_is_refused_by_name(devices: str) -> None:
    with pytest.raises(ValueError, match="devices must be"):
        plan_slots(devices=devices)


@pytest.mark.parametrize("slots", [0, -1, 10_000])
def test_a_number_of_slots_that_makes_no_sense_is_refused(slots: int) -> None:
    with pytest.raises(ValueError, match="slots-per-device must be"):
        plan_slots(devices="cpu", slots_per_device=slots)


def test_a_slot_keeps_its_memory_with_tcmalloc_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {}
    monkeypatch.setattr("tasks.slot_plans.find_library", found.get)  # this machine's answer
    monkeypatch.setattr("tasks.slot_plans.find_tcmalloc", find_tcmalloc.__wrapped__)  # asked anew each time
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert "LD_PRELOAD" not in allocator()
    found["tcmalloc_minimal"] = "libtcmalloc_minimal.so.4"
    assert allocator()["LD_PRELOAD"] == "libtcmalloc_minimal.so.4"
    monkeypatch.setenv("LD_PRELOAD", "libof_the_operator.so")
    assert "LD_PRELOAD" not in allocator()


def test_tunables_of_the_operator_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert "tcache_count=0" in allocator()["GLIBC_TUNABLES"]
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=1")
    assert allocator()["GLIBC_TUNABLES"] == "glibc.malloc.perturb=1"
