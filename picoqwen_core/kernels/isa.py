"""Which instruction set the kernels are compiled for, chosen once when they are first imported.

`PICOQWEN_ISA` forces another one than the host's best, to test it. Every choice has its own kernel cache,
because Numba's cache does not know about it.
"""

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm
from numba.core import config


@dataclass(frozen=True)
class Isa:
    """What an instruction set offers to the integer dot product.

    lanes: 32-bit lanes of a vector. unsigned_weights: the dot product takes weights as unsigned bytes.
    registers: vectors that it holds at a time.
    """

    name: str
    lanes: int
    unsigned_weights: bool
    registers: int
    needs: tuple[str, ...]


# From the most to the least capable. "generic" compiles everywhere, on Arm to NEON without the dot product.
ISAS = (
    Isa("avx512_vnni", 16, True, 32, ("avx512vnni", "avx512vl", "avx512bw", "f16c")),
    Isa("avx_vnni", 8, True, 16, ("avxvnni", "f16c")),
    # The same instruction on half vectors: AVX-512 has it too, so that AVX-VNNI's kernels can be tested
    # there.
    Isa("avx_vnni", 8, True, 16, ("avx512vnni", "avx512vl", "f16c")),
    Isa("avx2", 8, False, 16, ("avx2", "fma", "f16c")),
    Isa("neon_dotprod", 4, False, 32, ("neon", "dotprod")),
    Isa("generic", 4, False, 16, ()),
)


def supported(features: dict[str, bool]) -> list[str]:
    """Names of the instruction sets that a CPU with these LLVM features can run, best first."""
    usable = [isa.name for isa in ISAS if all(features.get(need, False) for need in isa.needs)]
    return list(dict.fromkeys(usable))


def host_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, bool]:
    """LLVM's view of this CPU, with what Linux knows of Arm's dot product, which LLVM does not ask for."""
    features = dict(llvm.get_host_cpu_features())
    if features.get("neon") and cpuinfo.exists() and "asimddp" in cpuinfo.read_text().split():
        features["dotprod"] = True
    return features


def select(features: dict[str, bool], forced: str | None = None) -> Isa:
    """The forced instruction set, or the best of a CPU. Raises ValueError for one that the CPU lacks."""
    usable = supported(features)
    name = forced or usable[0]
    if name not in usable:
        raise ValueError(f"PICOQWEN_ISA={name!r} cannot run here; this CPU has {', '.join(usable)}")
    return next(isa for isa in ISAS if isa.name == name)


def cache_folder(name: str, sources: Path) -> Path:
    """Where the kernels of a folder, compiled for an instruction set, belong.

    Numba looks only at a kernel's own file to see whether it has changed, but puts the kernels that it calls
    into it; so the folder is named after all of them.
    """
    base = Path(config.CACHE_DIR) if config.CACHE_DIR else Path.home() / ".cache" / "picoqwen" / "numba"
    digest = hashlib.sha256()
    for source in sorted(sources.glob("*.py")):
        digest.update(source.read_bytes())
    return base / f"{name}-{digest.hexdigest()[:16]}"


_FEATURES = host_features()
ISA = select(_FEATURES, os.environ.get("PICOQWEN_ISA"))
# Whether float16 is converted by an instruction; on x86 it is as old as AVX2, on 64-bit Arm as old as itself.
CONVERTS_HALVES = _FEATURES.get("f16c", False) or platform.machine() not in ("x86_64", "AMD64")
if ISA.name == "neon_dotprod" and config.CPU_FEATURES is None:
    # Numba would compile for what LLVM found, where the instruction may be missing.
    config.CPU_FEATURES = ",".join(f"{'+' if has else '-'}{name}" for name, has in _FEATURES.items())
config.CACHE_DIR = str(cache_folder(ISA.name, Path(__file__).parent))
