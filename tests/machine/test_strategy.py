"""How the engine runs on a machine, and which model it would run best."""

import pytest

from picoqwen_core.config import CPU_TARGETS
from picoqwen_core.cpu import CpuInfo, detect_cpu
from picoqwen_core.errors import ConfigError
from picoqwen_core.machine.limits import Memory, read_memory
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.model.kv_cache import KIND_BITS
from picoqwen_core.model.kv_cache import cache_bytes as real_cache_bytes
from picoqwen_core.recommendation import CACHE_BITS, MODELS, budget, cache_bytes, recommend, weight_bytes
from picoqwen_core.strategy import PROFILES, select_strategy
from tests.machine import trees

GB = 1_000_000_000


@pytest.fixture
def machine(tmp_path):
    """A function that gives a machine's processor and memory."""

    def make(name: str, architecture: str = "x86_64", **more: str) -> tuple[CpuInfo, Memory]:
        root = trees.write(tmp_path, getattr(trees, name)() | more)
        return detect_cpu(root, architecture=architecture, cache_dir=root, measure=None), read_memory(root)

    return make


@pytest.mark.parametrize(
    ("name", "architecture", "target", "threads", "kernels", "chunk"),
    [
        ("n100", "x86_64", "intel_n100", 4, "avx_vnni", 128),
        ("raspberry_pi_4", "aarch64", "raspberry_pi_4", 4, "generic", 32),
        ("raspberry_pi_5", "aarch64", "raspberry_pi_5", 4, "neon_dotprod", 64),
        ("hybrid_intel", "x86_64", "generic_x86", 2, "avx_vnni", 256),
        ("hybrid_arm", "aarch64", "generic_arm64", 4, "neon_dotprod", 64),
        ("virtual_machine", "x86_64", "generic_x86", 2, "avx512_vnni", 256),
    ],
)
def test_each_machine_has_its_profile(machine, name, architecture, target, threads, kernels, chunk):
    chosen = select_strategy(*machine(name, architecture))
    assert (chosen.target, chosen.threads) == (target, threads)
    assert (chosen.kernels, chosen.prefill_chunk) == (kernels, chunk)


def test_threads_stay_on_the_large_cores_where_there_are_others(machine):
    cpu, memory = machine("hybrid_intel")
    assert select_strategy(cpu, memory).cpus == (0, 1, 2, 3)
    assert select_strategy(cpu, memory, threads=6).cpus == ()
    assert select_strategy(*machine("n100")).cpus == ()


def test_no_more_threads_than_can_run_at_once(machine):
    cpu, memory = machine("n100")
    assert [select_strategy(cpu, memory, threads=wish).threads for wish in (1, 3, 64)] == [1, 3, 4]


def test_a_virtual_machine_without_the_instruction_is_served_with_what_it_has(machine):
    hidden = trees.x86(4, "GenuineIntel", "Intel(R) N100", trees.HASWELL_FLAGS)["proc/cpuinfo"]
    chosen = select_strategy(*machine("n100", **{"proc/cpuinfo": hidden}))
    assert (chosen.target, chosen.kernels) == ("intel_n100", "avx2")


def test_a_target_that_is_chosen_is_taken_or_refused_with_the_reason(machine):
    cpu, memory = machine("virtual_machine")
    assert select_strategy(cpu, memory, target="generic").kernels == "generic"
    assert select_strategy(cpu, memory, target="intel_n100").kernels == "avx_vnni"
    with pytest.raises(
        ConfigError, match=r"'raspberry_pi_5', whose kernels \(neon_dotprod\) cannot run here"
    ):
        select_strategy(cpu, memory, target="raspberry_pi_5")
    with pytest.raises(ConfigError, match="cpu_target is 'z80'; allowed: auto, intel_n100"):
        select_strategy(cpu, memory, target="z80")


def test_kernels_that_are_asked_for_win_or_are_refused(machine):
    cpu, memory = machine("n100")
    assert select_strategy(cpu, memory, kernels="avx2").kernels == "avx2"
    with pytest.raises(ConfigError, match=r"PICOQWEN_ISA is 'avx512_vnni'; this processor can run: avx_vnni"):
        select_strategy(cpu, memory, kernels="avx512_vnni")


def test_every_target_of_the_options_has_a_profile():
    assert set(CPU_TARGETS) - {"auto"} <= set(PROFILES)


@pytest.mark.parametrize(
    ("gigabytes", "bandwidth", "model", "quantization"),
    [
        (4, 4e9, "Qwen3-0.6B", "Q8_0"),  # Raspberry Pi 4
        (8, 10e9, "Qwen3-0.6B", "Q8_0"),  # Raspberry Pi 5
        (16, 20e9, "Qwen3-4B", "Q4_K_M"),  # N100
        (32, 60e9, "Qwen3-8B", "Q8_0"),
        (3, 20e9, "Qwen3-0.6B", "Q8_0"),
        (2, 20e9, None, None),  # half of it is for others
        (0.5, 4e9, None, None),
    ],
)
def test_the_largest_model_that_fits_and_is_comfortable(gigabytes, bandwidth, model, quantization):
    memory = Memory(int(gigabytes * GB), int(gigabytes * GB))
    chosen = recommend(budget(memory), bandwidth)
    assert (chosen.model, chosen.quantization) == (model, quantization)
    if model:
        assert chosen.memory_bytes <= budget(memory)


def test_a_slow_machine_gets_the_fastest_that_fits():
    chosen = recommend(budget(Memory(8 * GB, 8 * GB)), 1e9)
    assert (chosen.model, chosen.quantization) == ("Qwen3-0.6B", "Q8_0")


def test_a_container_may_be_used_but_for_a_tenth():
    assert budget(Memory(2 * GB, 2 * GB, limited=True)) == 1_800_000_000
    assert budget(Memory(2 * GB, 2 * GB)) == GB


def test_sizes_are_those_of_the_published_models_and_of_the_real_cache():
    sizes = {model.name: model.parameters for model in MODELS}
    assert sizes["Qwen3-0.6B"] == 596_049_920
    assert sizes["Qwen3-8B"] == 8_190_735_360
    small = MODELS[-1]
    assert weight_bytes(small, "Q8_0") == pytest.approx(639e6, rel=0.01)
    config = Qwen3Config(151_936, 1024, 28, 16, 8, 128, 3072, 40_960)
    assert KIND_BITS == CACHE_BITS
    for kind in KIND_BITS:
        assert cache_bytes(small, 4096, kind) == real_cache_bytes(config, 4096, kind)
