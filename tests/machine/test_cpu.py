"""What is read of a processor, its cores and its limits, on machines of several kinds."""

import json
from pathlib import Path

import pytest

from picoqwen_core.cpu import CpuInfo, detect_cpu, usable_cores
from picoqwen_core.kernels.isa import host_features, supported
from picoqwen_core.machine.bandwidth import measure_bandwidth
from picoqwen_core.machine.limits import read_memory
from picoqwen_core.machine.topology import parse_list
from picoqwen_core.strategy import kernel_sets
from tests.machine import trees


def detected(root: Path, files: dict[str, str], architecture: str = "x86_64") -> CpuInfo:
    trees.write(root, files)
    return detect_cpu(root, architecture=architecture, cache_dir=root / "kept", measure=None)


def test_an_n100_is_read(tmp_path: Path):
    cpu = detected(tmp_path, trees.n100())
    assert (cpu.vendor, cpu.model, cpu.board) == ("Intel", "Intel(R) N100", None)
    assert (cpu.threads, cpu.most_threads, len(cpu.big_cores)) == (4, 4, 4)
    assert cpu.cache_sizes == {"l1d": 32 << 10, "l2": 2 << 20, "l3": 6 << 20}
    assert kernel_sets(cpu) == ["avx_vnni", "avx2", "generic"]


def test_raspberry_pis_are_read(tmp_path: Path):
    four = detected(tmp_path / "4", trees.raspberry_pi_4(), "aarch64")
    five = detected(tmp_path / "5", trees.raspberry_pi_5(), "aarch64")
    assert (four.vendor, four.model, four.board) == ("Arm", "Cortex-A72", "Raspberry Pi 4 Model B Rev 1.4")
    assert (five.model, five.board) == ("Cortex-A76", "Raspberry Pi 5 Model B Rev 1.0")
    assert (four.threads, five.threads) == (4, 4)
    assert (kernel_sets(four), kernel_sets(five)) == (["generic"], ["neon_dotprod", "generic"])
    assert four.cache_sizes == {}


def test_threads_share_no_core_and_stay_on_the_large_ones(tmp_path: Path):
    cpu = detected(tmp_path, trees.hybrid_intel())
    assert [core.cpus for core in cpu.big_cores] == [(0, 1), (2, 3)]
    assert (len(cpu.cores), cpu.logical_cpus, cpu.threads, cpu.most_threads) == (6, 8, 2, 8)


def test_little_cores_of_arm_are_known_by_their_capacity(tmp_path: Path):
    cpu = detected(tmp_path, trees.hybrid_arm(), "aarch64")
    assert (cpu.model, cpu.board) == ("Cortex-A55 + Cortex-A76", "Radxa ROCK 5B")
    assert [core.cpus for core in cpu.big_cores] == [(4,), (5,), (6,), (7,)]


def test_a_server_in_the_cloud_is_read(tmp_path: Path):
    cpu = detected(tmp_path, trees.virtual_machine())
    assert (cpu.vendor, cpu.threads, cpu.cpu_limit) == ("AMD", 2, None)
    assert kernel_sets(cpu) == ["avx512_vnni", "avx_vnni", "avx2", "generic"]


def test_cores_that_boost_a_little_higher_are_no_kind_of_their_own(tmp_path: Path):
    files = trees.n100() | trees.per_cpu([3], "cpufreq/cpuinfo_max_freq", "3600000")
    assert detected(tmp_path, files).threads == 4


@pytest.mark.parametrize(
    ("limits", "threads", "limit"),
    [
        (trees.in_container_v2("200000 100000", "max"), 2, 2.0),
        (trees.in_container_v2("150000 100000", "max"), 1, 1.5),
        (trees.in_container_v2("50000 100000", "max"), 1, 0.5),
        (trees.in_container_v2("max 100000", "max"), 4, None),
        (trees.in_container_v2("nonsense", "max"), 4, None),
        (trees.in_container_v1(300000, 100000, 1 << 62), 3, 3.0),
        (trees.in_container_v1(-1, 100000, 1 << 62), 4, None),
    ],
)
def test_a_container_gets_no_more_threads_than_its_quota(tmp_path: Path, limits, threads, limit):
    cpu = detected(tmp_path, trees.n100() | limits)
    assert (cpu.threads, cpu.cpu_limit) == (threads, limit)


def test_the_smallest_of_nested_quotas_counts(tmp_path: Path):
    files = {
        **trees.n100(),
        "proc/self/cgroup": "0::/system.slice/pico-qwen.service",
        "sys/fs/cgroup/system.slice/cpu.max": "200000 100000",
        "sys/fs/cgroup/system.slice/pico-qwen.service/cpu.max": "max 100000",
    }
    assert detected(tmp_path, files).threads == 2


def test_memory_is_the_machines_or_what_a_container_leaves_of_it(tmp_path: Path):
    whole = read_memory(trees.write(tmp_path / "whole", trees.n100()))
    two = trees.in_container_v2("max 100000", "4000000000", used=1_500_000_000, cached=500_000_000)
    one = trees.in_container_v1(-1, 100000, 4_000_000_000, used=1_500_000_000, cached=500_000_000)

    assert whole.total == pytest.approx(16.5e9, abs=1024)
    assert (whole.available, whole.limited) == (pytest.approx(14e9, abs=1024), False)
    for name, limits in (("two", two), ("one", one)):
        memory = read_memory(trees.write(tmp_path / name, trees.n100() | limits))
        assert (memory.total, memory.available, memory.limited) == (4_000_000_000, 3_000_000_000, True)


def test_nothing_to_read_is_one_unknown_core(tmp_path: Path):
    cpu = detected(tmp_path, {"sys/devices/system/cpu/online": "0"}, "riscv64")
    assert (cpu.vendor, cpu.model, cpu.threads, kernel_sets(cpu)) == ("unknown", "unknown", 1, ["generic"])


def test_bandwidth_is_measured_once_and_the_best_is_kept(tmp_path: Path):
    trees.write(tmp_path, trees.n100())
    calls = []

    def measure(threads: int, available: int) -> float:
        calls.append(threads)
        return 2e10 / len(calls)

    def known(**more) -> float | None:
        return detect_cpu(tmp_path, cache_dir=tmp_path / "kept", measure=measure, **more).memory_bandwidth

    assert [known(), known(), known(again=True)] == [2e10, 2e10, 2e10]
    assert calls == [4, 4]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"processor": 1}', '{"bytes_per_s": 1e10}', "\x00\xff"],
)
def test_a_damaged_store_is_measured_again(tmp_path: Path, text):
    trees.write(tmp_path, trees.n100())
    kept = tmp_path / "kept"
    detect_cpu(tmp_path, cache_dir=kept, measure=lambda *_: 1e10)
    (file,) = kept.iterdir()
    file.write_text(text, encoding="utf-8")
    assert detect_cpu(tmp_path, cache_dir=kept, measure=lambda *_: 3e10).memory_bandwidth == 3e10


@pytest.mark.parametrize("value", ["NaN", "-1", "1e99", "true", '"fast"'])
def test_a_stored_number_that_cannot_be_is_ignored(tmp_path: Path, value):
    trees.write(tmp_path, trees.n100())
    kept = tmp_path / "kept"
    detect_cpu(tmp_path, cache_dir=kept, measure=lambda *_: 1e10)
    (file,) = kept.iterdir()
    stored = json.loads(file.read_text())
    file.write_text(f'{{"processor": "{stored["processor"]}", "bytes_per_s": {value}}}')
    assert detect_cpu(tmp_path, cache_dir=kept, measure=None).memory_bandwidth is None


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_next_measurement(tmp_path: Path):
    trees.write(tmp_path, trees.n100() | {"kept": "a file"})
    cpu = detect_cpu(tmp_path, cache_dir=tmp_path / "kept", measure=lambda *_: 1e10)
    assert cpu.memory_bandwidth == 1e10


def test_memory_is_really_read():
    assert 1e8 < measure_bandwidth(1, 64 << 20) < 1e13


def test_this_machine_is_seen_as_the_kernels_see_it(tmp_path: Path):
    cpu = detect_cpu(cache_dir=tmp_path, measure=None)
    assert kernel_sets(cpu) == supported(host_features())
    assert 1 <= usable_cores() == cpu.threads <= cpu.most_threads


def test_lists_of_cpus():
    assert parse_list("0-2,5,8-9\n") == {0, 1, 2, 5, 8, 9}
    assert parse_list("") == frozenset()


def test_a_limit_above_what_the_machine_has_is_none(tmp_path: Path):
    files = trees.n100() | trees.in_container_v1(-1, 100000, 1 << 62)
    memory = read_memory(trees.write(tmp_path, files))
    assert (memory.total, memory.limited) == (pytest.approx(16.5e9, abs=1024), False)
