"""How to run on a processor: threads, kernels, how much to read at a time, and which model suits it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from picoqwen_core.cpu import CpuInfo
from picoqwen_core.errors import ConfigError
from picoqwen_core.machine.limits import Memory
from picoqwen_core.recommendation import Recommendation, budget, recommend

# Linux's names of the instructions that each set of kernels needs, from the best to what runs everywhere; the
# names are those of kernels/isa.py, which asks LLVM the same. AVX-512 VNNI has the 256-bit instruction too.
_KERNEL_NEEDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("avx512_vnni", frozenset({"avx512_vnni", "avx512vl", "avx512bw", "f16c"})),
    ("avx_vnni", frozenset({"avx_vnni", "f16c"})),
    ("avx_vnni", frozenset({"avx512_vnni", "avx512vl", "f16c"})),
    ("avx2", frozenset({"avx2", "fma", "f16c"})),
    ("neon_dotprod", frozenset({"asimd", "asimddp"})),
    ("generic", frozenset()),
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a kind of machine.

    kernels: the set that its processor runs; None takes the best there is. prefill_chunk: tokens of a prompt
    read in one go; a request that is given up ends after that many, so slow machines read less at a time.
    bandwidth: bytes a second that all its cores read, where it was not measured.
    """

    kernels: str | None
    prefill_chunk: int
    bandwidth: float


# The N100 has AVX2 and AVX-VNNI but no AVX-512; the Pi 4's Cortex-A72 has NEON with neither half-precision
# arithmetic nor a dot product, the Pi 5's Cortex-A76 has both and no SVE.
PROFILES: dict[str, Profile] = {
    "intel_n100": Profile("avx_vnni", 128, 20e9),
    "raspberry_pi_4": Profile("generic", 32, 4e9),
    "raspberry_pi_5": Profile("neon_dotprod", 64, 10e9),
    "generic_x86": Profile(None, 256, 20e9),
    "generic_arm64": Profile(None, 64, 8e9),
    # For any other processor, and for whom nothing else works: kernels without special instructions.
    "generic": Profile("generic", 64, 8e9),
}


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the engine runs here, and what it would run best.

    target: the profile. cpus: the logical CPUs to stay on, empty where all are alike. kernels: a name of
    kernels/isa.py. prefill_chunk: tokens read in one go.
    """

    target: str
    threads: int
    cpus: tuple[int, ...]
    kernels: str
    prefill_chunk: int
    recommended: Recommendation


def select_strategy(
    cpu: CpuInfo,
    memory: Memory,
    *,
    target: str = "auto",
    threads: int | None = None,
    kernels: str | None = None,
) -> Strategy:
    """Choose for a processor and its memory; what is given wins over what would be chosen.

    target: a name of PROFILES, or "auto". threads: more than can run at once are not used. kernels: a set of
    kernels. Raises ConfigError for what is unknown or cannot run on this processor.
    """
    name = detected_target(cpu) if target == "auto" else target
    if name not in PROFILES:
        raise ConfigError(f"cpu_target is {target!r}; allowed: auto, {', '.join(PROFILES)}")
    profile = PROFILES[name]
    count = cpu.threads if threads is None else min(threads, cpu.most_threads)
    big = [number for core in cpu.big_cores for number in core.cpus]
    mixed = len(cpu.big_cores) < len(cpu.cores) and count <= len(cpu.big_cores)
    return Strategy(
        target=name,
        threads=count,
        cpus=tuple(sorted(big)) if mixed else (),
        kernels=_kernels(cpu, profile, kernels, target),
        prefill_chunk=profile.prefill_chunk,
        recommended=recommend(budget(memory), expected_bandwidth(cpu, name)),
    )


def expected_bandwidth(cpu: CpuInfo, target: str = "auto") -> float:
    """Bytes a second that the processor reads from memory: as measured, else as its kind does."""
    name = detected_target(cpu) if target == "auto" else target
    return cpu.memory_bandwidth or PROFILES[name].bandwidth


def kernel_sets(cpu: CpuInfo) -> list[str]:
    """The sets of kernels that the processor can run, best first."""
    return list(dict.fromkeys(name for name, needs in _KERNEL_NEEDS if needs <= cpu.features))


def detected_target(cpu: CpuInfo) -> str:
    """The profile that fits the processor."""
    return next(_targets(cpu))


def _targets(cpu: CpuInfo) -> Iterator[str]:
    board, arm = cpu.board or "", cpu.architecture in ("aarch64", "arm64")
    # N95, N97, N100, N150, N200: four of the same small cores, one memory channel.
    if cpu.vendor == "Intel" and re.search(r"\bN(95|97|100|150|200)\b", cpu.model):
        yield "intel_n100"
    if "Raspberry Pi" in board and cpu.model == "Cortex-A72":
        yield "raspberry_pi_4"
    if "Raspberry Pi" in board and cpu.model == "Cortex-A76":
        yield "raspberry_pi_5"
    yield "generic_arm64" if arm else "generic_x86" if cpu.architecture == "x86_64" else "generic"


def _kernels(cpu: CpuInfo, profile: Profile, forced: str | None, target: str) -> str:
    able = kernel_sets(cpu)
    if forced is not None:
        if forced not in able:
            raise ConfigError(f"PICOQWEN_ISA is {forced!r}; this processor can run: {', '.join(able)}")
        return forced
    if profile.kernels is None or (target == "auto" and profile.kernels not in able):
        return able[0]
    if profile.kernels not in able:
        raise ConfigError(
            f"cpu_target is {target!r}, whose kernels ({profile.kernels}) cannot run here; "
            f"this processor can run: {', '.join(able)}"
        )
    return profile.kernels
