"""Memory as the kernel's files tell it."""

from pathlib import Path

import pytest

from picoqwen_core.machine.limits import read_memory

GIB = 1 << 30
MEMINFO = "MemTotal:  4194304 kB\nMemFree: 10 kB\nMemAvailable:  2097152 kB\nHugePages_Total: 0\n"


@pytest.fixture
def root(tmp_path: Path):
    def write(**files: str) -> Path:
        places = {
            "meminfo": "proc/meminfo",
            "limit": "sys/fs/cgroup/memory.max",
            "used": "sys/fs/cgroup/memory.current",
            "stat": "sys/fs/cgroup/memory.stat",
            "psi": "proc/pressure/memory",
            "group_psi": "sys/fs/cgroup/memory.pressure",
            "events": "sys/fs/cgroup/memory.events",
            "control": "sys/fs/cgroup/memory/memory.oom_control",
        }
        for name, text in files.items():
            path = tmp_path / places[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_a_machine_without_a_container_has_all_of_it(root):
    memory = read_memory(root(meminfo=MEMINFO, limit="max\n"))
    assert (memory.total, memory.available, memory.stalled) == (4 * GIB, 2 * GIB, None)


def test_a_container_has_what_its_group_may_take(root):
    memory = read_memory(
        root(
            meminfo=MEMINFO,
            limit=f"{GIB}\n",
            used=f"{GIB // 2}\n",
            stat=f"anon 5\ninactive_file {GIB // 4}\n",
        )
    )
    assert (memory.total, memory.available) == (GIB, GIB * 3 // 4)


def test_stalls_are_read_as_a_share_of_time(root):
    some, full = "some avg10=9.00 avg60=1.0 avg300=0 total=1", "full avg10=12.50 avg60=1.0 avg300=0 total=1"
    assert read_memory(root(meminfo=MEMINFO, psi=f"{some}\n{full}\n")).stalled == 0.125


def test_the_stalls_of_a_container_count_before_those_of_the_machine(root):
    mine, machine = "full avg10=50.00 avg60=0 avg300=0 total=1", "full avg10=1.00 avg60=0 avg300=0 total=1"
    assert read_memory(root(meminfo=MEMINFO, psi=machine, group_psi=mine)).stalled == 0.5


def test_what_the_kernel_ended_for_want_of_memory_is_counted(root):
    assert read_memory(root(meminfo=MEMINFO, events="low 0\nhigh 9\nmax 4\noom 2\noom_kill 2\n")).kills == 2


def test_in_the_first_version_of_control_groups_it_is_counted_elsewhere(root):
    told = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
    assert read_memory(root(meminfo=MEMINFO, control=told)).kills == 3


def test_where_nothing_is_told_there_is_nothing_known(tmp_path: Path):
    assert read_memory(tmp_path).total == 0


def test_this_machine_tells():
    memory = read_memory()
    assert 0 < memory.available <= memory.total
