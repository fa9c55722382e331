"""Which instruction set the kernels are compiled for, chosen once when they are first imported.

`PICOQWEN_ISA` forces another one than the host's best, to test it; every choice has its own kernel cache,
because Numba's cache does not know about it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm
from numba.core import config


@dataclass(frozen=True)
class Isa:
    """What an instruction set offers to the integer dot product.

    lanes: 32-bit lanes of the vectors that read one weight row (decode); wide_lanes: of those that
    multiply a panel of rows (prefill). unsigned_weights: the dot product takes weights as unsigned bytes.
    """

    name: str
    lanes: int
    wide_lanes: int
    unsigned_weights: bool
    needs: tuple[str, ...]


# From the most to the least capable. "generic" compiles everywhere.
ISAS = (
    Isa("avx512_vnni", 8, 16, True, ("avx512vnni", "avx512vl", "avx512bw", "f16c")),
    Isa("avx_vnni", 8, 8, True, ("avxvnni", "f16c")),
    Isa("avx2", 8, 8, False, ("avx2", "fma", "f16c")),
    Isa("neon_dotprod", 4, 4, False, ("neon", "dotprod")),
    Isa("generic", 4, 4, False, ()),
)


def supported(features: dict[str, bool]) -> list[str]:
    """Names of the instruction sets that a CPU with these LLVM features can run, best first."""
    return [isa.name for isa in ISAS if all(features.get(need, False) for need in isa.needs)]


def select(forced: str | None = None) -> Isa:
    """The forced instruction set, or the host's best. Raises ValueError for one the host lacks."""
    usable = supported(dict(llvm.get_host_cpu_features()))
    name = forced or usable[0]
    if name not in usable:
        raise ValueError(f"PICOQWEN_ISA={name!r} cannot run here; this CPU has {', '.join(usable)}")
    return next(isa for isa in ISAS if isa.name == name)


ISA = select(os.environ.get("PICOQWEN_ISA"))
if os.environ.get("PICOQWEN_ISA"):
    base = Path(config.CACHE_DIR) if config.CACHE_DIR else Path.home() / ".cache" / "picoqwen" / "numba"
    config.CACHE_DIR = str(base / ISA.name)
