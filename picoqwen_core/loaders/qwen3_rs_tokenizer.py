"""The .tokenizer file beside a qwen3-rs checkpoint as GGUF metadata: bytes and a score for each token.

The file has scores where byte-level BPE has merges: -ln(rank + 1) for the token that a merge makes. Which two
tokens it joined follows from the ranks before it. It has no word about special tokens either: what is longer
than a byte and no merge makes is one.
"""

import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from picoqwen_core.byte_level import TokenType, byte_alphabet
from picoqwen_core.errors import CheckpointError, shown
from picoqwen_core.loaders.files import read_bytes
from picoqwen_core.loaders.hf_tokenizer import TOKENIZER, read_vocabulary

# The largest that is in use has 3 MB.
MAX_BYTES = 32 << 20
MAX_TOKEN_BYTES = 4096
# Finding a token's merge takes the square of its length; all of Qwen's take 8 million.
MAX_WORK = 1 << 26
_HEADER, _ENTRY = struct.Struct("<III"), struct.Struct("<fI")
_NO_MERGE = -1e6
_CONTROL = re.compile(r"<[|｜].*[|｜]>", re.DOTALL)


def read_tokenizer_beside(checkpoint: Path, rows: int) -> dict[str, Any]:
    """The keys tokenizer.* for a checkpoint with that many rows in its embedding.

    qwen3-rs's exporter leaves out the merges: all its scores are equal, and texts would be cut into wrong
    tokens. Then, and when there is no .tokenizer, a tokenizer.json in the same folder is read instead. Raises
    CheckpointError when there is none, and for an unsound file.
    """
    path = checkpoint.with_name(checkpoint.name + ".tokenizer")
    fallback = checkpoint.with_name(TOKENIZER)
    if not path.exists() and not fallback.exists():
        raise CheckpointError(f"{path}: no such file; copy the model's {TOKENIZER} to {fallback} instead")
    metadata: dict[str, Any] = {"tokenizer.ggml.add_bos_token": False}
    if path.exists():
        (_, bos, eos), tokens, scores = _read(path, rows)
        # The exporter writes 0 where it did not find one; 0 is an exclamation mark.
        known = {"bos_token_id": bos, "eos_token_id": eos}
        metadata |= {f"tokenizer.ggml.{key}": index for key, index in known.items() if index}
        if any(score != scores[0] for score in scores):
            return metadata | _vocabulary(path, tokens, scores)
        if not fallback.exists():
            raise CheckpointError(
                f"{path}: has no merges (all scores are {scores[0]:g}, a mistake of qwen3-rs's exporter), so "
                f"texts would be cut into wrong tokens. Copy the model's {TOKENIZER} to {fallback}"
            )
    return metadata | read_vocabulary(fallback, rows)


def _read(path: Path, rows: int) -> tuple[tuple[int, int, int], list[bytes], list[float]]:
    """The header's three numbers, tokens and scores by id; as many as there are, up to `rows`."""
    data = read_bytes(path, MAX_BYTES)
    if len(data) < _HEADER.size:
        raise CheckpointError(f"{path}: is cut short, it has {len(data)} bytes")
    tokens: list[bytes] = []
    scores: list[float] = []
    at = _HEADER.size
    while at < len(data) and len(tokens) < rows:
        if at + _ENTRY.size > len(data):
            raise CheckpointError(f"{path}: is cut short within token {len(tokens)}")
        score, length = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        if length > MAX_TOKEN_BYTES or at + length > len(data):
            raise CheckpointError(
                f"{path}: token {len(tokens)} has {length} bytes, the file ends after {len(data) - at}"
            )
        tokens.append(data[at : at + length])
        scores.append(score)
        at += length
    if at < len(data):
        raise CheckpointError(f"{path}: goes on after {rows} tokens, as many as the model has")
    if not tokens:
        raise CheckpointError(f"{path}: has no tokens")
    return _HEADER.unpack_from(data), tokens, scores


def _vocabulary(path: Path, tokens: list[bytes], scores: list[float]) -> dict[str, Any]:
    """Tokens in GGUF's spelling, their types, and the merges by rank."""
    ranks = _ranks(path, tokens, scores)
    alphabet = byte_alphabet()
    spellings, types = [], []
    for index, token in enumerate(tokens):
        if index in ranks or len(token) == 1:
            spellings.append("".join(map(alphabet.__getitem__, token)))
            types.append(int(TokenType.NORMAL))
        else:
            spellings.append(_special(path, index, token))
            control = _CONTROL.fullmatch(spellings[-1])
            types.append(int(TokenType.CONTROL if control else TokenType.USER_DEFINED))
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": spellings,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": [
            " ".join("".join(map(alphabet.__getitem__, part)) for part in pair)
            for pair in merged_pairs(path, {tokens[index]: rank for index, rank in ranks.items()})
        ],
    }


def _special(path: Path, index: int, token: bytes) -> str:
    """A token that no merge makes stands for itself; an empty one is a hole in the ids."""
    try:
        return token.decode() or f"[PAD{index}]"
    except UnicodeDecodeError as err:
        raise CheckpointError(f"{path}: token {index} is no merge and no text: {shown(token[:40])}") from err


def _ranks(path: Path, tokens: list[bytes], scores: list[float]) -> dict[int, int]:
    """The rank of the merge that makes a token, by the token's id, in the order of ranks."""
    ranks: dict[int, int] = {}
    for index, score in enumerate(scores):
        if score <= _NO_MERGE or (score == 0 and not tokens[index]):
            continue
        if not -20 < score <= 0 or len(tokens[index]) < 2:
            raise CheckpointError(
                f"{path}: token {index}, {shown(tokens[index][:40])}, has the score {score:g}"
            )
        ranks[index] = round(math.exp(-score)) - 1
    if len(set(ranks.values())) < len(ranks):
        raise CheckpointError(f"{path}: two tokens have the same score, so that no merge comes first")
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def merged_pairs(path: Path, ranks: dict[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """The two tokens that each token was made of, by rank: what the merges before it leave of its bytes."""
    if (work := sum(len(token) ** 2 for token in ranks)) > MAX_WORK:
        raise CheckpointError(f"{path}: the tokens are longer than any vocabulary's ({work} bytes squared)")
    for token, rank in ranks.items():
        splits = [
            (token[:cut], token[cut:])
            for cut in range(1, len(token))
            if _made_before(token[:cut], rank, ranks) and _made_before(token[cut:], rank, ranks)
        ]
        if len(splits) > 1:
            parts = _merged(token, rank, ranks)
            splits = [parts] if len(parts) == 2 else []
        if not splits:
            raise CheckpointError(
                f"{path}: the merge that makes {shown(token[:40])} cannot be found in the scores"
            )
        yield splits[0]


def _made_before(part: bytes, rank: int, ranks: dict[bytes, int]) -> bool:
    return len(part) == 1 or ranks.get(part, rank) < rank


def _merged(token: bytes, limit: int, ranks: dict[bytes, int]) -> tuple[bytes, ...]:
    """A token's bytes after all merges of a rank below the limit."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 1:
        rank, at = min((ranks.get(parts[i] + parts[i + 1], limit), i) for i in range(len(parts) - 1))
        if rank >= limit:
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return tuple(parts)
