"""Kernels of every instruction set are compiled to the instructions it is meant for, and to none beyond."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from picoqwen_core.kernels.dot import emit_dot4
from picoqwen_core.kernels.isa import ISAS
from tests.kernels.assembly import PROMISES, broken

X86, ARM = "x86_64-linux-gnu", "aarch64-linux-gnu"


@pytest.mark.parametrize(
    ("isa", "triple", "cpu", "instructions"),
    [
        ("avx512_vnni", X86, "znver4", ["vpdpbusd"]),
        ("avx_vnni", X86, "alderlake", ["{vex}\tvpdpbusd"]),
        ("avx2", X86, "haswell", ["vpabsb", "vpsignb", "vpmaddubsw", "vpmaddwd"]),
        ("neon_dotprod", ARM, "cortex-a76", ["sdot"]),
        ("generic", ARM, "cortex-a72", ["smull", "smull2", "addp", "ssra"]),
        ("generic", X86, "x86-64-v2", ["pmullw", "phaddw"]),
    ],
)
def test_the_dot_product_becomes_the_instructions_it_is_meant_for(
    isa: str, triple: str, cpu: str, instructions: list[str]
) -> None:
    lanes = next(known.lanes for known in ISAS if known.name == isa)
    assembly = dot_assembly(isa, lanes, triple, cpu)
    assert [name for name in instructions if f"\t{name}" not in assembly] == []
    assert assembly.count("\n") < 60  # not taken apart into single bytes


def dot_assembly(isa: str, lanes: int, triple: str, cpu: str) -> str:
    """A function that adds one dot product to memory, compiled for another machine."""
    module = ir.Module()
    module.triple = triple
    numbers, data = ir.VectorType(ir.IntType(32), lanes), ir.VectorType(ir.IntType(8), 4 * lanes)
    arguments = [numbers.as_pointer(), data.as_pointer(), data.as_pointer()]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), "dot")
    builder = ir.IRBuilder(function.append_basic_block())
    values = [builder.load(pointer) for pointer in function.args]
    builder.store(emit_dot4(builder, *values, lanes, isa), function.args[0])
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    parsed = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
    passes.getModulePassManager().run(parsed, passes)
    return machine.emit_assembly(parsed)


# Whole kernels are compiled by Numba, which does so for its own family of CPUs only; script/test-arm reads
# those of Arm.
HERE = [isa for isa, machine in PROMISES if machine == platform.machine()]


@pytest.mark.parametrize("isa", HERE)
def test_whole_kernels_keep_the_promises_of_their_instruction_set(isa: str, tmp_path: Path) -> None:
    promise = PROMISES[isa, platform.machine()]
    compiled = compile_for(promise.cpu, promise.features, tmp_path)
    assert compiled["isa"] == isa
    assert broken(isa, platform.machine(), compiled["kernels"]) == []


def compile_for(cpu: str, features: tuple[str, ...], cache: Path) -> dict[str, Any]:
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PICOQWEN_ISA"},
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(cache),
    }
    command = [sys.executable, "-m", "tests.kernels.assembly", ",".join(features) or "none"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_kernels_of_another_instruction_set_would_be_noticed() -> None:
    found = broken("avx_vnni", "x86_64", {"wide": "\tvpdpbusd\t(%rax), %zmm1, %zmm2\n"})
    assert [line for line in found if "{vex}" in line or "zmm" in line] != []
    assert broken("generic", "aarch64", {"a76": "\tsdot\tv0.4s, v1.16b, v2.16b\n"}) != []
