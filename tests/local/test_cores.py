"""Number of threads that a runtime gets: by cores, by their kinds, and by a container's limit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pertinence.local.machine import cores as module
from pertinence.local.machine.cores import Cores, cores, usable_cores

Machine = Callable[..., Cores]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine as Linux describes it: files below `root`, and the processors that the process may use."""

    def make(allowed: range | set[int], **files: str) -> Cores:
        for name, text in files.items():
            file = tmp_path / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="utf-8")
        monkeypatch.setattr(module, "_allowed", lambda: tuple(sorted(allowed)))
        return cores(tmp_path)

    return make


def siblings(*groups: str) -> dict[str, str]:
    """Files that say which processors share a core, such as `0,4`."""
    return {
        f"sys__devices__system__cpu__cpu{number}__topology__thread_siblings_list": group
        for group in groups
        for number in module._numbers(group)
    }


def test_a_machine_that_tells_nothing_has_as_many_cores_as_processors(machine: Machine) -> None:
    found = machine(range(3))
    assert (found.physical, found.threads, found.quota, found.nodes) == (3, 3, None, 1)
    assert found.fast == found.logical == (0, 1, 2)
    assert not found.hybrid


def test_two_threads_of_one_core_count_once(machine: Machine) -> None:
    found = machine(range(4), **siblings("0,2", "1,3"))
    assert (len(found.logical), found.physical, found.threads) == (4, 2, 2)


def test_a_process_that_may_use_one_thread_of_each_core_uses_them_all(machine: Machine) -> None:
    assert machine({0, 1}, **siblings("0,2", "1,3")).threads == 2


def test_of_intel_s_hybrid_processors_the_performance_cores_alone_get_threads(machine: Machine) -> None:
    found = machine(range(8), **siblings("0-1", "2-3"), sys__devices__cpu_core__cpus="0-3")
    assert (found.fast, found.threads, found.hybrid) == ((0, 1, 2, 3), 2, True)
    assert found.why == "one for each performance core"


def test_of_arm_s_hybrid_processors_the_cores_rated_highest_get_threads(machine: Machine) -> None:
    ratings = {0: "446", 1: "446", 2: "1024", 3: "1010"}
    found = machine(
        range(4),
        **{f"sys__devices__system__cpu__cpu{each}__cpu_capacity": text for each, text in ratings.items()},
    )
    assert (found.fast, found.threads) == ((2, 3), 2)


def test_a_process_on_slow_cores_alone_uses_those(machine: Machine) -> None:
    found = machine({6, 7}, sys__devices__cpu_core__cpus="0-3")
    assert (found.fast, found.threads, found.hybrid) == ((6, 7), 2, False)


@pytest.mark.parametrize(
    ("limit", "threads"),
    [
        ("max 100000", 8),
        ("50000 100000", 1),
        ("120000 100000", 1),
        ("150000 100000", 2),
        ("400000 100000", 4),
    ],
)
def test_threads_follow_a_container_s_limit(limit: str, threads: int, machine: Machine) -> None:
    found = machine(range(8), proc__self__cgroup="0::/", **{"sys__fs__cgroup__cpu.max": limit})
    assert found.threads == threads
    assert ("limit" in found.why) == (threads < 8)


def test_the_tightest_limit_of_nested_groups_counts(machine: Machine) -> None:
    found = machine(
        range(8),
        proc__self__cgroup="0::/kubepods/pod1/box",
        **{
            "sys__fs__cgroup__kubepods__cpu.max": "600000 100000",
            "sys__fs__cgroup__kubepods__pod1__cpu.max": "300000 100000",
            "sys__fs__cgroup__kubepods__pod1__box__cpu.max": "max 100000",
        },
    )
    assert (found.quota, found.threads) == (3.0, 3)


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct"])
def test_older_control_groups_are_read_too(controllers: str, machine: Machine) -> None:
    folder = f"sys__fs__cgroup__{controllers}__box"
    found = machine(
        range(8),
        proc__self__cgroup=f"5:memory:/box\n4:{controllers}:/box",
        **{f"{folder}__cpu.cfs_quota_us": "200000", f"{folder}__cpu.cfs_period_us": "100000"},
    )
    assert found.threads == 2


@pytest.mark.parametrize("limit", ["", "-1 100000", "100000 0", "a lot", "100000"])
def test_a_limit_that_cannot_be_read_is_none(limit: str, machine: Machine) -> None:
    found = machine(range(2), proc__self__cgroup="0::/", **{"sys__fs__cgroup__cpu.max": limit})
    assert (found.quota, found.threads) == (None, 2)


def test_numa_nodes_are_counted_and_left_alone(machine: Machine) -> None:
    found = machine(
        range(4),
        sys__devices__system__node__node0__cpulist="0-1",
        sys__devices__system__node__node1__cpulist="2-3",
        sys__devices__system__node__has_cpu="0-1",
    )
    assert (found.nodes, found.threads) == (2, 4)
    assert found.why.endswith("not bound to any of 2 NUMA nodes")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes")
def test_this_process_gets_no_more_threads_than_processors_it_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    assert 1 <= usable_cores() <= len(allowed)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_onnxruntime_takes_a_hybrid_processor_s_fast_cores(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """This machine's own cores, as if there were slow ones beside them: the runtime must accept the form."""
    from pertinence import Reranker
    from pertinence.local.runtimes import onnx

    own = cores()
    hybrid = Cores(logical=(*own.logical, 4096), physical=3, fast=own.logical, fast_physical=2)
    assert onnx._affinities(hybrid) == ",".join(str(number + 1) for number in own.logical)
    monkeypatch.setattr(onnx, "cores", lambda: hybrid)
    texts = ["le moulin", "la rivière"]
    with Reranker(backend="onnx", dtype="float32", batch_tokens=511) as there:
        bound = there.score("où est le moulin ?", texts).tolist()
    monkeypatch.undo()
    with Reranker(backend="onnx", dtype="float32", batch_tokens=510) as here:
        assert here.score("où est le moulin ?", texts).tolist() == pytest.approx(bound, abs=1e-6)


def test_torch_keeps_within_a_container_s_limit_and_is_left_alone_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    from pertinence.local.runtimes.torch import running

    before = torch.get_num_threads()
    limited = Cores(logical=tuple(range(8)), physical=8, fast=tuple(range(8)), fast_physical=8, quota=0.5)
    try:
        torch.set_num_threads(2)
        running._keep_within_quota()
        assert torch.get_num_threads() == 2
        monkeypatch.setattr(running, "cores", lambda: limited)
        running._keep_within_quota()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
