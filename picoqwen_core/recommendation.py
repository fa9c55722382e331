"""Which Qwen3 model, in which format and with how much context, suits a machine's memory and its speed."""

from collections.abc import Iterator
from dataclasses import dataclass

from picoqwen_core.machine.limits import Memory

VOCABULARY, HEAD_DIM, KV_HEADS = 151_936, 128, 8
# Bits of a weight in the files that Qwen publishes; Q4_K_M keeps some matrices in 6 bits.
FORMAT_BITS = {"Q8_0": 8.5, "Q4_K_M": 4.95}
# Of keys and of values; integers have a float16 scale for each 32 elements.
CACHE_BITS = {"f32": (32.0, 32.0), "f16": (16.0, 16.0), "int8": (8.5, 8.5), "k8v4": (8.5, 4.5)}
# Tokens and merges in the file.
_TOKENIZER_BYTES = 6_000_000
# A worker without weights and cache: Python, numba, compiled kernels, the tokenizer, scratch. Measured: 252
# MB with Qwen3-0.6B; the scratch of 8B takes 22 MB more.
WORKER_BYTES = 280_000_000
# On a machine of its own, Linux and Home Assistant need as much beside us, or half of a small one.
_OTHERS_BYTES = 1_200_000_000
# Decoding reads every weight for each token, and reaches this share of the memory's bandwidth.
_SHARE = 0.75
# Slower than this, a spoken answer is no conversation.
COMFORTABLE_TOKENS_S = 5.0
CONTEXTS = (8192, 4096, 2048)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A published Qwen3 model's sizes (its config.json), and the formats that Qwen publishes of it."""

    name: str
    hidden: int
    layers: int
    heads: int
    ffn: int
    tied: bool
    formats: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """All weights, norms included."""
        attention = (2 * self.heads + 2 * KV_HEADS) * HEAD_DIM * self.hidden
        norms = 2 * self.hidden + 2 * HEAD_DIM
        layer = attention + 3 * self.hidden * self.ffn + norms
        return self.layers * layer + self.hidden + VOCABULARY * self.hidden * (1 if self.tied else 2)


# Larger ones take minutes to read a home's prompt on processors of this kind, however much memory there is.
MODELS = (
    Dimensions("Qwen3-8B", 4096, 36, 32, 12288, tied=False, formats=("Q8_0", "Q4_K_M")),
    Dimensions("Qwen3-4B", 2560, 36, 32, 9728, tied=True, formats=("Q8_0", "Q4_K_M")),
    Dimensions("Qwen3-1.7B", 2048, 28, 16, 6144, tied=True, formats=("Q8_0",)),
    Dimensions("Qwen3-0.6B", 1024, 28, 16, 3072, tied=True, formats=("Q8_0",)),
)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A model that fits; None for `model` is the built-in one, where no other does.

    memory_bytes: of the worker with this context full. tokens_per_second: expected while writing, at the
    start of a conversation; None for the built-in model, which is not bound by memory.
    """

    model: str | None
    quantization: str | None
    context_length: int
    kv_cache: str
    memory_bytes: int
    tokens_per_second: float | None


def recommend(room: int, bandwidth: float) -> Recommendation:
    """The largest model that fits into `room` bytes and writes comfortably; else the fastest that fits.

    bandwidth: bytes a second that the machine reads from memory.
    """
    fitting = [each for each in _candidates(bandwidth) if each.memory_bytes <= room]
    comfortable = [each for each in fitting if (each.tokens_per_second or 0) >= COMFORTABLE_TOKENS_S]
    if comfortable:
        return comfortable[0]
    if fitting:
        return max(fitting, key=lambda each: (each.tokens_per_second or 0, each.context_length))
    return Recommendation(None, None, CONTEXTS[-1], "f32", WORKER_BYTES, None)


def budget(memory: Memory) -> int:
    """Bytes that a model may take, worker and all."""
    if memory.limited:
        return memory.total * 9 // 10
    return max(memory.total - _OTHERS_BYTES, memory.total // 2)


def weight_bytes(model: Dimensions, quantization: str) -> int:
    """Bytes of a model's file."""
    return int(model.parameters * FORMAT_BITS[quantization] / 8) + _TOKENIZER_BYTES


def cache_bytes(model: Dimensions, context: int, kind: str) -> int:
    """Bytes of keys and values of `context` tokens."""
    return int(model.layers * KV_HEADS * HEAD_DIM * context * sum(CACHE_BITS[kind]) / 8)


def _candidates(bandwidth: float) -> Iterator[Recommendation]:
    """From the most to the least able: larger models, then more exact formats, then longer contexts."""
    for model in MODELS:
        for quantization in model.formats:
            bits = FORMAT_BITS[quantization]
            weights = weight_bytes(model, quantization)
            # Of an embedding that is no head too, only one row is read for a token.
            unread = 0 if model.tied else VOCABULARY * model.hidden * bits / 8
            for context in CONTEXTS:
                yield Recommendation(
                    model=model.name,
                    quantization=quantization,
                    context_length=context,
                    kv_cache="k8v4",
                    memory_bytes=weights + cache_bytes(model, context, "k8v4") + WORKER_BYTES,
                    tokens_per_second=round(_SHARE * bandwidth / (weights - unread), 1),
                )
