"""The kernels of every instruction set that this machine has, and how one is chosen."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from picoqwen_core.kernels.isa import ISA, cache_folder, host_features, select, supported

RUNNABLE = supported(host_features())


@pytest.mark.parametrize("isa", RUNNABLE)
def test_kernels_equal_their_twins(isa: str) -> None:
    environment = {**os.environ, "PICOQWEN_ISA": "" if isa == ISA.name else isa}
    command = [sys.executable, "-m", "tests.kernels.check_kernels"]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert result.stdout.strip() == f"OK {isa}", result.stderr[-2000:]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="an older CPU of the same family")
def test_kernels_for_a_cpu_without_avx_equal_their_twins() -> None:
    lines = (
        "import llvmlite.binding as llvm",
        "llvm.get_host_cpu_features = dict",
        "from tests.kernels.check_kernels import main",
        "main()",
    )
    result = subprocess.run(
        [sys.executable, "-c", "; ".join(lines)],
        env={**os.environ, "PICOQWEN_ISA": "", "NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": ""},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.stdout.strip() == "OK generic", result.stderr[-2000:]


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
