"""The files beside a qwen3-rs checkpoint: the vocabulary with scores, and prompts with places for texts."""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from picoqwen_core.byte_level import TokenType, byte_alphabet
from picoqwen_core.chat import ChatTemplate
from picoqwen_core.errors import CheckpointError, RequestError
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.messages import Message

_NO_MERGE = -1e6
_PLACE = "%s"
_USER, _SYSTEM = Message("user", _PLACE), Message("system", _PLACE)
# Ending, messages, whether the model is to think.
_TEMPLATES: tuple[tuple[str, tuple[Message, ...], bool], ...] = (
    (".template", (_USER,), False),
    (".template.with-thinking", (_USER,), True),
    (".template.with-system", (_SYSTEM, _USER), False),
    (".template.with-system-and-thinking", (_SYSTEM, _USER), True),
)


def tokenizer_file(checkpoint: Checkpoint, layout: Literal["a", "b"]) -> bytes:
    """The .tokenizer file: a header, then score, length and bytes of each token.

    Scores are those of qwen3.c, -ln(rank + 1) of the merge that makes a token: qwen3-rs's exporter writes
    -1e6 for all. Raises CheckpointError when the checkpoint has no byte-level BPE vocabulary.
    """
    metadata = checkpoint.metadata
    if metadata.get("tokenizer.ggml.model") != "gpt2":
        raise CheckpointError(f"{checkpoint.path}: has no byte-level BPE tokenizer, so none can be exported")
    tokens = _tokens(metadata)
    eos = metadata.get("tokenizer.ggml.eos_token_id")
    if eos is None:
        raise CheckpointError(f"{checkpoint.path}: the tokenizer names no end of sequence")
    # Its readers stop at either, and would stop at token 0, which is a letter, if there were none.
    bos = metadata.get("tokenizer.ggml.bos_token_id", eos)
    # qwen3-rs measures in bytes, qwen3.c in characters; both as the tokens are spelled.
    longest = max(len(token.encode()) if layout == "b" else len(token) for token in tokens)
    ranks = {merge.replace(" ", ""): rank for rank, merge in enumerate(metadata["tokenizer.ggml.merges"])}
    byte_of = {character: byte for byte, character in byte_alphabet().items()}
    parts = [struct.pack("<III", longest, bos, eos)]
    for token in tokens:
        score = -math.log(ranks[token] + 1) if token in ranks else _NO_MERGE
        data = b"".join(_bytes(character, byte_of) for character in token)
        parts += [struct.pack("<fI", score, len(data)), data]
    return b"".join(parts)


def templates(checkpoint: Checkpoint) -> dict[str, str]:
    """Endings and texts of the template files, as the model's own chat template renders them.

    Those with a system prompt are left out for a template that does not show one. Raises CheckpointError when
    there is no chat template, or one that does not show what the user says.
    """
    template = ChatTemplate.from_metadata(checkpoint.metadata)
    found: dict[str, str] = {}
    for ending, messages, thinking in _TEMPLATES:
        try:
            text = template.render(messages, thinking=thinking)
        except RequestError as err:
            if len(messages) > 1:
                continue
            raise CheckpointError(f"{checkpoint.path}: {err}") from err
        if text.count(_PLACE) == len(messages):
            found[ending] = text
        elif len(messages) == 1:
            raise CheckpointError(
                f"{checkpoint.path}: the chat template shows the user's text {text.count(_PLACE)} times"
            )
    return found


def _tokens(metadata: Mapping[str, Any]) -> Sequence[str]:
    """The tokens without those at the end that only fill up the embedding's rows."""
    tokens: Sequence[str] = metadata["tokenizer.ggml.tokens"]
    types = metadata.get("tokenizer.ggml.token_type") or [TokenType.NORMAL] * len(tokens)
    count = len(tokens)
    while count and types[count - 1] == TokenType.UNUSED:
        count -= 1
    return tokens[:count]


def _bytes(character: str, byte_of: Mapping[str, int]) -> bytes:
    byte = byte_of.get(character)
    return character.encode() if byte is None else bytes([byte])
