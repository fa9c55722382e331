"""How an engine is made for a model: its context and memory, who guesses ahead, where prefixes are kept."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from picoqwen_core.engine.cache_store import CacheStore, Saver
from picoqwen_core.engine.engine import PREFILL_CHUNK, SEQUENCES, Engine
from picoqwen_core.engine.room import fitting_context
from picoqwen_core.engine.speculation import Both, DraftModel, Guesser, PromptLookup
from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.model.kv_cache import cache_bytes
from picoqwen_core.model.qwen3 import Qwen3

_LOGGER = logging.getLogger(__name__)

# Without a wish, room for a home's tools and a conversation, in memory that a small machine has.
DEFAULT_CONTEXT = 4096
# Without a wish, keys and values may take this share of the memory that is there, and this much at most.
_CACHE_SHARE, _MOST_CACHE_BYTES = 0.25, 1 << 30
FILE_BYTES = 512 << 20
_TOKENS_KEY = "tokenizer.ggml.tokens"
_SAMPLE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a model is to be run.

    context_length, threads: None for a choice; kv_cache: "auto" or a kind of model.kv_cache; prefill_chunk:
    tokens of a prompt read in one go; sequences: requests answered at once; memory: bytes that can be had,
    None does not look; cache_bytes: of keys and values in memory, None for a choice; prefixes: the folder
    where they outlast the process, None for none; file_bytes: of a file there; speculation: whether to guess
    ahead; draft: a smaller model that guesses.
    """

    context_length: int | None = None
    kv_cache: str = "auto"
    threads: int | None = None
    prefill_chunk: int = PREFILL_CHUNK
    sequences: int = SEQUENCES
    memory: int | None = None
    cache_bytes: int | None = None
    prefixes: Path | None = None
    file_bytes: int = FILE_BYTES
    speculation: bool = True
    draft: Path | None = None


def make_engine(model: Qwen3, tokens: object, wishes: Wishes) -> Engine:
    """An engine for the model; tokens: its vocabulary, as its metadata has it.

    Raises CheckpointError when the draft model cannot be used, EngineUnavailable when no context fits.
    """
    context = _context(model, wishes)
    block = cache_bytes(model.config, model.block_tokens, model.cache_kind)
    most = wishes.cache_bytes
    if most is None:
        most = min(_MOST_CACHE_BYTES, int((wishes.memory or _MOST_CACHE_BYTES * 4) * _CACHE_SHARE))
    if most < block * -(-context // model.block_tokens) and wishes.cache_bytes is not None:
        _LOGGER.warning(
            "cache_memory_mb is less than one context of %s tokens needs, which is taken", context
        )
    return Engine(
        model,
        context_length=context,
        prefill_chunk=wishes.prefill_chunk,
        sequences=wishes.sequences,
        blocks=most // block,
        guesser=_guesser(model, tokens, context, wishes),
    )


def keep_prefixes(engine: Engine, model: Qwen3, wishes: Wishes) -> Saver | None:
    """Put back the prefixes of the last run; what will write those of this one."""
    if wishes.prefixes is None or wishes.file_bytes <= 0:
        return None
    owner = _owner(model)
    block = cache_bytes(model.config, model.block_tokens, model.cache_kind)
    path = wishes.prefixes / f"{model.checkpoint.path.stem}-{owner[:12]}.kv"
    store = CacheStore(path, owner, block, wishes.file_bytes)
    scheduler = engine.scheduler
    store.load(scheduler.cache, model.new_block, scheduler.blocks)
    return Saver(store, scheduler.cache)


def _context(model: Qwen3, wishes: Wishes) -> int:
    """As long as wanted, as the model's own, and as memory has room for."""
    wanted = min(wishes.context_length or DEFAULT_CONTEXT, model.config.context_length)
    if wishes.memory is None:
        return wanted

    def cache(tokens: int) -> int:
        return cache_bytes(model.config, tokens, model.cache_kind)

    return fitting_context(wanted, model.checkpoint.size, cache, wishes.memory)


def _guesser(model: Qwen3, tokens: object, context: int, wishes: Wishes) -> Callable[[], Guesser] | None:
    if wishes.draft is None:
        return PromptLookup if wishes.speculation else None
    checkpoint = open_checkpoint(wishes.draft)
    draft = Qwen3.from_checkpoint(checkpoint, threads=wishes.threads, kv_cache=wishes.kv_cache)
    if checkpoint.metadata.get(_TOKENS_KEY) != tokens or draft.vocab_size != model.vocab_size:
        raise CheckpointError(
            f"{wishes.draft}: a draft model needs the vocabulary of the model that it serves"
        )
    capacity = min(context, draft.config.context_length)
    return lambda: Both(PromptLookup(), DraftModel(draft, capacity, wishes.prefill_chunk))


def _owner(model: Qwen3) -> str:
    """What tells the keys and values of this model, kind of cache and kernels from all others.

    Of each tensor the name, the shape, the type and samples of its bytes count: reading all of a large file
    would take longer than the prefixes save.
    """
    digest = hashlib.blake2b(f"{model.layout} {model.config}".encode(), digest_size=16)
    for name, tensor in sorted(model.checkpoint.tensors.items()):
        digest.update(f"{name} {tensor.shape} {tensor.type.name} ".encode())
        size = len(tensor.data)
        for start in (0, size // 3, 2 * size // 3, max(0, size - _SAMPLE_BYTES)):
            digest.update(tensor.data[start : start + _SAMPLE_BYTES])
    return digest.hexdigest()


def tokens_of(checkpoint: Checkpoint) -> object:
    """The vocabulary, to be compared."""
    return checkpoint.metadata.get(_TOKENS_KEY)
