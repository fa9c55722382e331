"""What every instruction set promises of its assembly, and whole kernels to look for it in.

Run as a process of its own, because kernels are compiled for one instruction set: prints the assembly of each
kernel as JSON, for the CPU that Numba is told to compile for.
NUMBA_CPU_NAME=alderlake NUMBA_CPU_FEATURES= python -m tests.kernels.assembly avxvnni,f16c
Nothing that is compiled is run: any CPU of the same family (x86, Arm) will do. The features choose the
instruction set. With --check, kernels are compiled for this CPU and held to its promises.
"""

import json
import platform
import re
import sys
from dataclasses import dataclass

import llvmlite.binding as llvm


@dataclass(frozen=True)
class Promise:
    """For a CPU with some features of LLVM's. everywhere, nowhere: patterns that all or no kernels have."""

    cpu: str
    features: tuple[str, ...]
    everywhere: tuple[str, ...]
    nowhere: tuple[str, ...]


# Registers from 16 on and masks are AVX-512's: a CPU without it would die of them as it would of zmm.
_ONLY_AVX512 = (r"%zmm", r"%[xy]mm(?:1[6-9]|2\d|3[01])\b", r"%k[0-7]\b")
# Instructions with float16 arithmetic; conversions are older.
_FLOAT16_ARITHMETIC = (r"\tf(?:ml|mul|add|sub|div|max|min)\w*\tv\d+\.[48]h", r"\tf(?:mul|add|sub|div)\th\d")
# Where there is no multiply-add, LLVM would call the C library for each lane.
_CALLED_FMA = r"\bfmaf?\b"
# Nor must float16 be converted by a call for each.
_CALLED_HALF = "extendhfsf2"
_SMALL_STEPS = ("pmullw", _CALLED_FMA)
PROMISES = {
    ("avx512_vnni", "x86_64"): Promise(
        cpu="znver4",
        features=("avx512vnni", "avx512vl", "avx512bw", "f16c"),
        everywhere=(r"\tvpdpbusd\t.*%zmm\d+$", r"\tvfn?madd\w*ps\t"),
        nowhere=("pmaddubsw", *_SMALL_STEPS),
    ),
    ("avx_vnni", "x86_64"): Promise(
        cpu="alderlake",
        features=("avxvnni", "f16c"),
        everywhere=(r"\t\{vex\}\tvpdpbusd\t.*%ymm\d+$", r"\tvfn?madd\w*ps\t"),
        nowhere=("pmaddubsw", *_SMALL_STEPS, *_ONLY_AVX512),
    ),
    ("avx2", "x86_64"): Promise(
        cpu="haswell",
        features=("avx2", "fma", "f16c"),
        everywhere=(r"\tvpmaddubsw\t.*%ymm\d+$", r"\tvpmaddwd\t.*%ymm\d+$", r"\tvfn?madd\w*ps\t"),
        nowhere=("vpdpbusd", *_SMALL_STEPS, *_ONLY_AVX512),
    ),
    ("generic", "x86_64"): Promise(
        cpu="x86-64-v2",
        features=(),
        everywhere=(r"\tpmullw\t", r"\tmulps\t", r"\taddps\t"),
        nowhere=(r"%[yz]mm", r"\tv[a-z]", _CALLED_FMA, _CALLED_HALF),
    ),
    ("neon_dotprod", "aarch64"): Promise(
        cpu="cortex-a76",
        features=("neon", "dotprod"),
        everywhere=(r"\tsdot\tv\d+\.4s", r"\tfmla\tv"),
        nowhere=(r"\tsmull", _CALLED_FMA),
    ),
    ("generic", "aarch64"): Promise(
        cpu="cortex-a72",
        features=("neon",),
        everywhere=(r"\tsmull2?\tv\d+\.8h", r"\tfmla\tv"),
        nowhere=(r"\t[us]u?dot\t", _CALLED_FMA, *_FLOAT16_ARITHMETIC),
    ),
}


def broken(isa: str, machine: str, assembly: dict[str, str]) -> list[str]:
    """Which promises of an instruction set the kernels' assembly does not keep."""
    promise = PROMISES[isa, machine]
    missing = [
        f"{kernel} has no {p}" for kernel, a in assembly.items() for p in promise.everywhere if not _in(p, a)
    ]
    return missing + [
        f"{kernel} has {p}" for kernel, a in assembly.items() for p in promise.nowhere if _in(p, a)
    ]


def _in(pattern: str, assembly: str) -> bool:
    return re.search(pattern, assembly, re.MULTILINE) is not None


def compiled_kernels() -> dict[str, str]:
    """Assembly of integer products: of single rows, of panels of three kinds, and of attention."""
    from picoqwen_core.kernels import code
    from picoqwen_core.kernels.attention_values import INT4
    from picoqwen_core.kernels.blocks import BLOCKS

    kernels = {
        "rows of Q8_0": code._block_rows(BLOCKS["Q8_0"]),
        "rows of Q4_1": code._block_rows(BLOCKS["Q4_1"]),
        "full panels": code._full_tiles(),
        "small panels": code._small_tiles(),
        "panels of halves": code._halves_tiles(),
        "attention over int4 values": code._attend_integers(INT4),
    }
    return {name: kernel._library.get_asm_str() for name, kernel in kernels.items()}


def main() -> None:
    """Print {"isa": name, "kernels": {name: assembly}}, or exit with the promises that are broken."""
    check = sys.argv[1] == "--check"
    if not check:
        llvm.get_host_cpu_features = lambda: dict.fromkeys(sys.argv[1].split(","), True)
    from picoqwen_core.kernels.isa import ISA

    kernels = compiled_kernels()
    if check:
        sys.exit("\n".join(broken(ISA.name, platform.machine(), kernels)) or None)
    print(json.dumps({"isa": ISA.name, "kernels": kernels}))


if __name__ == "__main__":
    main()
