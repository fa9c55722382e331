"""picoqwen cpu, as it is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from picoqwen_core.cpu import detect_cpu
from tests.repository import ROOT


def shown(kept: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "picoqwen_core", "cpu", "--cache-dir", str(kept), *flags]
    settings = {key: value for key, value in os.environ.items() if not key.startswith("PICOQWEN_")}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=settings | environment
    )


def test_it_is_readable(tmp_path: Path):
    done = shown(tmp_path)
    assert done.returncode == 0, done.stderr
    names = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert names[0] == "Processor"
    assert {"Cores", "Memory", "Kernels", "Threads", "Recommended"} <= set(names)


def test_its_json_says_what_the_library_says(tmp_path: Path):
    told = json.loads(shown(tmp_path, "--json").stdout)
    cpu = detect_cpu(cache_dir=tmp_path, measure=None)
    assert told["cpu"]["memory_bandwidth"] == cpu.memory_bandwidth > 0
    assert told["cpu"]["features"] == sorted(cpu.features)
    assert told["strategy"]["threads"] == cpu.threads
    assert told["strategy"]["kernels"] == told["cpu"]["kernels"][0]


def test_options_and_environment_override(tmp_path: Path):
    told = json.loads(shown(tmp_path, "--json", "--threads", "1", PICOQWEN_CPU_TARGET="generic").stdout)
    assert (told["strategy"]["target"], told["strategy"]["threads"]) == ("generic", 1)
    assert told["strategy"]["kernels"] == "generic"


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path):
    done = shown(tmp_path, PICOQWEN_ISA="mmx")
    assert done.returncode == 1
    assert done.stderr.startswith("picoqwen: PICOQWEN_ISA is 'mmx'; this processor can run: ")
    assert done.stderr.count("\n") == 1
