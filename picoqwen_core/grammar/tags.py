"""The tags of Qwen's chat format as ids of a vocabulary, and which ids would spell one out in plain text."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.tokenizer import Tokenizer

THINK, THINK_END, CALL, CALL_END = "<think>", "</think>", "<tool_call>", "</tool_call>"


class Tags:
    """What the tags are in one vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids = {tag: tokenizer.token_id(tag) for tag in (THINK, THINK_END, CALL, CALL_END)}
        self._words: dict[tuple[int, bool], NDArray[np.int32]] = {}
        self.newlines = frozenset(tokenizer.encode("\n"))
        self.blank_line = tuple(tokenizer.encode("\n\n"))
        # As the template writes it.
        self.thought_end = tuple(tokenizer.encode(f"\n{THINK_END}\n\n"))

    def token(self, tag: str) -> int | None:
        """The one id of a tag, or None where it is spelled like other text."""
        return self._ids[tag]

    def ids(self, tag: str) -> tuple[int, ...]:
        """The ids that write a tag."""
        return tuple(self._tokenizer.encode(tag))

    def lark(self, tag: str) -> str:
        """The tag in a Lark grammar."""
        token = self._ids[tag]
        return f'"{tag}"' if token is None else f"<[{token}]>"

    def spelled(self, token: int) -> bytes:
        """The bytes of an id."""
        return self._tokenizer.token_bytes(token)

    @cached_property
    def all_but_stops(self) -> NDArray[np.int32]:
        """The mask of every id that does not end the answer."""
        return self.mask_without(self._tokenizer.stop_ids)

    @cached_property
    def after_call(self) -> NDArray[np.int32]:
        """The mask of what may follow a call: its like, or the end."""
        call = self._ids[CALL]
        return self.mask(self._tokenizer.stop_ids | self.newlines | ({call} if call is not None else set()))

    def mask(self, ids: Iterable[int]) -> NDArray[np.int32]:
        """The mask of these ids."""
        bits = np.zeros((self._tokenizer.vocab_size + 31) // 32 * 32, np.uint8)
        bits[list(ids)] = 1
        return np.packbits(bits, bitorder="little").view(np.int32)

    def mask_without(self, ids: Iterable[int]) -> NDArray[np.int32]:
        """The mask of all ids but these."""
        bits = np.zeros((self._tokenizer.vocab_size + 31) // 32 * 32, np.uint8)
        bits[: self._tokenizer.vocab_size] = 1
        bits[list(ids)] = 0
        return np.packbits(bits, bitorder="little").view(np.int32)

    def words(self, written: int, *, calls: bool) -> NDArray[np.int32]:
        """The mask of words where the first `written` bytes of <tool_call> stand already.

        Where the tag is a token of its own, plain text must not spell it out; where it is not, the text must
        stop right behind it. calls: whether the tag may come at all.
        """
        if (written, calls) not in self._words:
            wrong = {token for token, text in self._suspects if not self._fits(text, written, calls)}
            call = self._ids[CALL]
            self._words[written, calls] = self.mask_without(
                wrong if calls or call is None else {*wrong, call}
            )
        return self._words[written, calls]

    @cached_property
    def _suspects(self) -> list[tuple[int, bytes]]:
        """Plain tokens that could complete the tag; found once: a fifth of a second for Qwen."""
        tag = CALL.encode()
        ends = tuple(tag[place:] for place in range(len(tag)))
        plain = set(range(self._tokenizer.vocab_size)) - self._tokenizer.added_ids
        spelled = ((token, self.spelled(token)) for token in sorted(plain))
        return [(token, text) for token, text in spelled if text.startswith(ends) or tag in text]

    def _fits(self, text: bytes, written: int, calls: bool) -> bool:
        tag, rest = CALL.encode(), CALL.encode()[written:]
        if calls and self._ids[CALL] is None and text == rest:
            return True
        return not text.startswith(rest) and tag not in text
