"""Text to token ids and back, built from a GGUF file's metadata; no file and no template is read here."""

import codecs
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from picoqwen_core.byte_level import PATTERNS, TokenType, byte_alphabet
from picoqwen_core.errors import CheckpointError, shown

_STOP_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")
# Every id that ends an answer; Hugging Face's generation_config.json may list any number.
_STOP_LIST = "picoqwen.stop_token_ids"
# Qwen's end of turn and end of text; a file names only one of them as its end of sequence.
_STOP_NAMES = ("<|im_end|>", "<|endoftext|>")


class StreamDecoder(Protocol):
    """Turns ids into text one by one, holding back the bytes of an unfinished character."""

    def push(self, token: int) -> str:
        """The text that this id completes, often empty in the middle of a character."""

    def flush(self) -> str:
        """What is left at the end: a replacement character for a cut one, or nothing."""


class Tokenizer:
    """A byte-level BPE vocabulary with Qwen's way of cutting text."""

    def __init__(
        self,
        tokens: Sequence[str],
        merges: Iterable[str],
        *,
        types: Sequence[int],
        pre: str,
        stop_ids: frozenset[int],
        bos_id: int | None = None,
    ) -> None:
        """tokens: spelled in the byte alphabet, by id; merges: "left right" by rank; types: TokenType by id.

        bos_id: an id that raw prompts start with, if the vocabulary asks for one.
        """
        self.vocab_size = len(tokens)
        self.stop_ids = stop_ids
        self.bos_id = bos_id
        self._pieces = tokenizers.Tokenizer(_bpe(tokens, merges))
        self._pieces.normalizer = normalizers.NFC()
        self._pieces.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(PATTERNS[pre]), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        self._pieces.decoder = decoders.ByteLevel()
        added = {
            token: kind
            for token, kind in enumerate(types)
            if kind in (TokenType.CONTROL, TokenType.USER_DEFINED)
        }
        self._added = {token: tokens[token] for token in added}
        self._control = frozenset(token for token, kind in added.items() if kind == TokenType.CONTROL)
        self._pieces.add_tokens(
            [
                AddedToken(self._added[token], special=token in self._control, normalized=False)
                for token in added
            ]
        )

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """The tokenizer of a GGUF file; CheckpointError when it is of a kind that is not supported."""
        model, pre = _text(metadata, "model"), _text(metadata, "pre")
        if model != "gpt2":
            raise CheckpointError(
                f"tokenizer.ggml.model is {shown(model)}; only byte-level BPE ('gpt2') is supported"
            )
        if pre not in PATTERNS:
            raise CheckpointError(f"tokenizer.ggml.pre is {shown(pre)}; supported: {', '.join(PATTERNS)}")
        tokens = _texts(metadata, "tokens")
        merges = _texts(metadata, "merges")
        types = metadata.get("tokenizer.ggml.token_type")
        if types is None:
            types = [TokenType.NORMAL] * len(tokens)
        if not isinstance(types, list):
            raise CheckpointError(f"tokenizer.ggml.token_type is {shown(types)}; expected a list of numbers")
        if len(types) != len(tokens):
            raise CheckpointError(f"the file has {len(tokens)} tokens but {len(types)} token types")
        bos = _optional_id(metadata, "bos_token_id") if metadata.get("tokenizer.ggml.add_bos_token") else None
        if bos is not None and bos >= len(tokens):
            raise CheckpointError(f"the tokenizer's first token {bos} is outside its {len(tokens)} tokens")
        return cls(tokens, merges, types=types, pre=pre, stop_ids=_stop_ids(metadata, tokens), bos_id=bos)

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """The ids of a text; with special=False, control tokens spelled in it are read as plain text."""
        self._pieces.encode_special_tokens = not special
        ids: list[int] = self._pieces.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """The text of ids; bytes that are not UTF-8 become the replacement character."""
        decoder = self.stream_decoder(skip_special=skip_special)
        return "".join(map(decoder.push, ids)) + decoder.flush()

    def stream_decoder(self, *, skip_special: bool = False) -> StreamDecoder:
        """A decoder for one answer; skip_special leaves control tokens out."""
        return _StreamDecoder(self, skip_special=skip_special)

    def token_id(self, token: str) -> int | None:
        """The id of a token by its spelling in the byte alphabet, or None."""
        found: int | None = self._pieces.token_to_id(token)
        return found

    @property
    def added_ids(self) -> frozenset[int]:
        """The ids of tokens that no text is cut into by itself: control tokens, tags such as <tool_call>."""
        return frozenset(self._added)

    def is_control(self, token: int) -> bool:
        """Whether this id is a control token such as <|im_end|>, which is not text."""
        return token in self._control

    def token_bytes(self, token: int) -> bytes:
        """The bytes that an id stands for; none for an id past the vocabulary (padding rows of the head)."""
        if token in self._added:
            return self._added[token].encode()
        spelling = self._pieces.id_to_token(token)
        if spelling is None:
            return b""
        try:
            return bytes(_BYTE_OF[character] for character in spelling)
        except KeyError:
            # A token outside the byte alphabet can only be meant literally.
            return bytes(spelling.encode())


class _StreamDecoder:
    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token: int) -> str:
        if self._skip_special and self._tokenizer.is_control(token):
            return ""
        return self._utf8.decode(self._tokenizer.token_bytes(token))

    def flush(self) -> str:
        return self._utf8.decode(b"", final=True)


def _bpe(tokens: Sequence[str], merges: Iterable[str]) -> models.BPE:
    """The library checks that every merge joins two known tokens into a known one."""
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise CheckpointError(f"the vocabulary names {len(tokens) - len(vocabulary)} tokens twice")
    pairs = [_pair(merge) for merge in merges]
    try:
        return models.BPE(vocab=vocabulary, merges=pairs)
    except Exception as err:  # the library raises bare Exception
        raise CheckpointError(f"the tokenizer's merges do not fit its vocabulary: {str(err)[:200]}") from err


def _pair(merge: str) -> tuple[str, str]:
    left, space, right = merge.partition(" ")
    if not (left and space and right) or " " in right:
        raise CheckpointError(f"the tokenizer's merge {shown(merge)} is not two tokens with a space between")
    return left, right


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(f"tokenizer.ggml.{key}")
    if not isinstance(value, str):
        raise CheckpointError(f"tokenizer.ggml.{key} is {shown(value)}; expected a text")
    return value


def _texts(metadata: Mapping[str, Any], key: str) -> Sequence[str]:
    value = metadata.get(f"tokenizer.ggml.{key}")
    if not isinstance(value, list) or not set(map(type, value)) <= {str}:
        raise CheckpointError(f"tokenizer.ggml.{key} is {shown(value)}; expected a list of texts")
    return value


def _optional_id(metadata: Mapping[str, Any], key: str) -> int | None:
    value = metadata.get(f"tokenizer.ggml.{key}")
    return None if value is None else _id(f"tokenizer.ggml.{key}", value)


def _id(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CheckpointError(f"{key} is {shown(value)}; expected the id of a token")
    return value


def _stop_ids(metadata: Mapping[str, Any], tokens: Sequence[str]) -> frozenset[int]:
    listed = metadata.get(_STOP_LIST, ())
    if not isinstance(listed, list | tuple):
        raise CheckpointError(f"{_STOP_LIST} is {shown(listed)}; expected a list of ids")
    named = {index for index, token in enumerate(tokens) if token in _STOP_NAMES}
    named |= {_id(_STOP_LIST, value) for value in listed}
    ids = named | {found for key in _STOP_KEYS if (found := _optional_id(metadata, key)) is not None}
    if not ids:
        raise CheckpointError("the tokenizer names no end of sequence (tokenizer.ggml.eos_token_id)")
    if (largest := max(ids)) >= len(tokens):
        raise CheckpointError(f"the tokenizer's end token {largest} is outside its {len(tokens)} tokens")
    return frozenset(ids)


_BYTE_OF = {character: byte for byte, character in byte_alphabet().items()}
