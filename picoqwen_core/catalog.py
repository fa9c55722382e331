"""Models that are known to work, what they weigh, and which of them suits a machine.

Sizes are computed from the number of weights and the bits that a format spends on each; the hub tells the
exact ones before a download. Source of the shapes: config.json of each model's repository.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from picoqwen_core.recommendation import recommend

_CONTEXT = 4096
# Python, numba and the tokenizer's tables, and buffers for reading a prompt.
_WORKER_BYTES = 300_000_000
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


def recommended(room: int, bandwidth: float) -> Offer | None:
    """The offer that picoqwen_core.recommendation chooses for so much memory; None where none fits."""
    best = recommend(room, bandwidth)
    return find_offer(f"{best.model}-{best.quantization}") if best.model else None


def find_offer(name: str) -> Offer | None:
    """The offer of a name: qwen3-4b-q4_k_m, or qwen3:4b for the first format of it."""
    wanted = name.removesuffix(":latest").replace(":", "-").casefold()
    for offer in offers():
        if wanted in (offer.id.casefold(), offer.id.removesuffix(f"-{offer.quantization}").casefold()):
            return offer
    return None
