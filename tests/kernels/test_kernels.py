"""The kernels of every instruction set: run where this machine can, and read as assembly where it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from picoqwen_core.kernels.dot import emit_dot4
from picoqwen_core.kernels.isa import ISA, ISAS, cache_folder, host_features, select, supported

RUNNABLE = supported(host_features())
X86, ARM = "x86_64-linux-gnu", "aarch64-linux-gnu"


@pytest.mark.parametrize("isa", RUNNABLE)
def test_kernels_equal_their_twins(isa: str) -> None:
    environment = {**os.environ, "PICOQWEN_ISA": "" if isa == ISA.name else isa}
    command = [sys.executable, "-m", "tests.kernels.check_kernels"]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert result.stdout.strip() == f"OK {isa}", result.stderr[-2000:]


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


def test_the_best_instruction_set_comes_first() -> None:
    everything = dict.fromkeys(("avx512vnni", "avx512vl", "avx512bw", "avxvnni", "avx2", "fma", "f16c"), True)
    assert supported(everything) == ["avx512_vnni", "avx_vnni", "avx2", "generic"]
    assert supported({"avx512vnni": True, "avx512vl": True, "f16c": True}) == ["avx_vnni", "generic"]
    assert supported({"neon": True, "dotprod": True}) == ["neon_dotprod", "generic"]
    assert supported({"neon": True}) == ["generic"]
    assert supported({}) == ["generic"]


def test_an_instruction_set_that_the_cpu_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sparc.*generic"):
        select({}, "sparc")


def test_arms_dot_product_is_found_where_linux_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: {"neon": True})
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nFeatures\t: fp asimd evtstrm aes crc32 asimddp\n")
    assert select(host_features(told)).name == "neon_dotprod"
    told.write_text("processor\t: 0\nFeatures\t: fp asimd evtstrm crc32\n")
    assert select(host_features(told)).name == "generic"


def test_a_change_in_one_kernel_recompiles_those_that_call_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "b.py").write_text("two")
    before = cache_folder("avx2", tmp_path)
    assert cache_folder("avx2", tmp_path) == before
    assert cache_folder("generic", tmp_path) != before
    (tmp_path / "b.py").write_text("2")
    assert cache_folder("avx2", tmp_path) != before
