from pathlib import Path

import pytest

from picoqwen_core.engine.loaded import LoadedModel, Wishes
from picoqwen_core.grammar.compiler import Grammars
from picoqwen_core.tokenizer import Tokenizer
from tests.factories import write_tiny_gguf
from tests.vocabulary import tiny_metadata


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_metadata(tiny_metadata())


@pytest.fixture(scope="session")
def grammars(tokenizer) -> Grammars:
    return Grammars(tokenizer)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> LoadedModel:
    """Random weights over a vocabulary with Qwen3's tags and template: it writes anything at all."""
    metadata = tiny_metadata()
    size = len(metadata["tokenizer.ggml.token_type"])
    path: Path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_gguf(path, vocab_size=size, metadata=metadata, context_length=8192)
    return LoadedModel.load(path, "tiny", Wishes(context_length=8192, threads=1))


def follow(constraint, tokenizer: Tokenizer, text: str) -> bool:
    """Whether a constraint allows this text, tags read as tags, and lets it end there."""
    for token in tokenizer.encode(text):
        if constraint.stopped() or not allows(constraint, token):
            return False
        constraint.accept(token)
    if constraint.stopped():
        return True
    return not constraint.forced() and any(allows(constraint, stop) for stop in tokenizer.stop_ids)


def allows(constraint, token: int) -> bool:
    if forced := constraint.forced():
        # What is certain may also be written in smaller pieces, which the mask tells.
        return token == forced[0] or _in_mask(constraint, token)
    return _in_mask(constraint, token)


def _in_mask(constraint, token: int) -> bool:
    mask = constraint.mask()
    return mask is None or bool(mask[token // 32] >> (token % 32) & 1)
