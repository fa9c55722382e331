"""Matrix products of every instruction set that this machine has, against their NumPy twins."""

import os
import subprocess
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest

from picoqwen_core.kernels import reference
from picoqwen_core.kernels.isa import ISA, select, supported
from picoqwen_core.kernels.products import quantize_row

RUNNABLE = supported(dict(llvm.get_host_cpu_features()))


@pytest.mark.parametrize("isa", RUNNABLE)
def test_products_equal_their_twins(isa: str) -> None:
    environment = {**os.environ, "PICOQWEN_ISA": "" if isa == ISA.name else isa}
    command = [sys.executable, "-m", "tests.kernels.check_products"]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert result.stdout.strip() == f"OK {isa}", result.stderr[-2000:]


def test_activations_are_quantized_as_their_twin_does() -> None:
    x = np.random.default_rng(1).standard_normal(320).astype(np.float32)
    x[64:96] = 0
    quants, scales, sums = np.zeros(320, np.int8), np.zeros(10, np.float32), np.zeros(10, np.int32)
    quantize_row(x, quants, scales, sums)
    expected = reference.quantize_row(x)
    assert np.abs(quants.astype(int) - expected[0]).max() <= 1
    np.testing.assert_allclose(scales, expected[1], rtol=1e-6)
    np.testing.assert_array_equal(sums, quants.reshape(-1, 32).sum(axis=1))


def test_the_best_instruction_set_comes_first() -> None:
    everything = dict.fromkeys(("avx512vnni", "avx512vl", "avx512bw", "avxvnni", "avx2", "fma", "f16c"), True)
    assert supported(everything) == ["avx512_vnni", "avx_vnni", "avx2", "generic"]
    assert supported({"neon": True, "dotprod": True}) == ["neon_dotprod", "generic"]
    assert supported({}) == ["generic"]


def test_an_instruction_set_that_the_host_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="sparc"):
        select("sparc")
