"""Memory that is given back."""

import subprocess
import sys
from pathlib import Path

import pytest

_SHOW = """
import llvmlite.binding as llvm
from picoqwen_core.memory import forget_code

def resident():
    inside, total = False, 0
    for line in open("/proc/self/smaps", encoding="utf-8"):
        if "-" in line.split()[0]:
            inside = "libllvmlite" in line
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total

def compiled():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly("define i32 @f() { ret i32 1 }")
    machine = llvm.Target.from_default_triple().create_target_machine()
    return len(machine.emit_object(module))

size, before = compiled(), resident()
forget_code("libllvmlite")
after = resident()
print(before, after, compiled() == size)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux tells what is resident")
def test_a_compilers_code_and_tables_are_forgotten_and_it_still_runs() -> None:
    command = [sys.executable, "-c", _SHOW]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    before, after, same = done.stdout.split()
    # What is left was written when the library was loaded.
    assert int(after) < int(before) / 8
    assert same == "True"
