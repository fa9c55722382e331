"""Models that are known to work, what they weigh, and which of them suits a machine.

Sizes are computed from the number of weights and the bits that a format spends on each; the hub tells the
exact ones before a download. Source of the shapes: config.json of each model's repository.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_CONTEXT = 4096
# Python, numba and the tokenizer's tables, and buffers for reading a prompt.
_WORKER_BYTES = 300_000_000
# A core reads about this much of a model in the time that a word may take.
_BYTES_PER_CORE = 700_000_000
# Bits for each weight, measured on the official files.
_BITS = {"Q8_0": 8.5, "Q6_K": 6.57, "Q5_K_M": 5.72, "Q4_K_M": 4.95}


@dataclass(frozen=True, slots=True)
class _Model:
    """kv_values: numbers that the cache holds for each token of a context."""

    name: str
    parameters: int
    kv_values: int
    formats: tuple[str, ...]


_MODELS = (
    _Model("Qwen3-0.6B", 596_000_000, 28 * 8 * 128 * 2, ("Q8_0",)),
    _Model("Qwen3-1.7B", 1_720_000_000, 28 * 8 * 128 * 2, ("Q8_0",)),
    _Model("Qwen3-4B", 4_020_000_000, 36 * 8 * 128 * 2, ("Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")),
    _Model("Qwen3-8B", 8_190_000_000, 36 * 8 * 128 * 2, ("Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be fetched; sizes in bytes, memory with a context of 4,096 tokens."""

    id: str
    repository: str
    file: str
    quantization: str
    parameters: int
    size_bytes: int
    memory_bytes: int


def offers() -> Iterator[Offer]:
    """All of them, smaller models first."""
    for model in _MODELS:
        for name in model.formats:
            size = int(model.parameters * _BITS[name] / 8)
            yield Offer(
                id=f"{model.name}-{name}",
                repository=f"Qwen/{model.name}-GGUF",
                file=f"{model.name}-{name}.gguf",
                quantization=name,
                parameters=model.parameters,
                size_bytes=size,
                # The cache keeps keys and values in 8 bits and a scale for each head.
                memory_bytes=size + model.kv_values * _CONTEXT * 9 // 8 + _WORKER_BYTES,
            )


def recommended(memory_bytes: int, cores: int) -> Offer | None:
    """The largest that fits the memory and that so many cores read fast enough; None where none fits.

    A rule of thumb: what a word costs grows with the bytes of the model, and a core reads only so many.
    """
    fitting = [each for each in offers() if each.memory_bytes <= memory_bytes]
    fast = [each for each in fitting if each.size_bytes <= cores * _BYTES_PER_CORE]
    return max(fast or fitting[:1], key=lambda each: each.size_bytes, default=None)


def find_offer(name: str) -> Offer | None:
    """The offer of a name: qwen3-4b-q4_k_m, or qwen3:4b for the first format of it."""
    wanted = name.removesuffix(":latest").replace(":", "-").casefold()
    for offer in offers():
        if wanted in (offer.id.casefold(), offer.id.removesuffix(f"-{offer.quantization}").casefold()):
            return offer
    return None
