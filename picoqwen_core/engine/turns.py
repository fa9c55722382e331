"""Which turns of a conversation are left out when the context has no room for all of them.

A turn is a user's message and all that follows it up to the next, so a tool call and its result are never
parted. System messages stay wherever they stand, and the last turn always does.
"""

from collections.abc import Callable, Sequence

from picoqwen_core.messages import Message, Truncated

# Room for an answer whose length is not said, and the share of the context that any answer may ask for.
_ANSWER_TOKENS, _ANSWER_SHARE = 256, 4
# Turns go in steps of this share of the context, so that the next requests leave out the same ones and find
# the rest in the cache.
_STEP_SHARE = 4

type Count = Callable[[Sequence[Message]], int]


def fitted(
    messages: Sequence[Message], count: Count, *, context: int, max_tokens: int | None
) -> tuple[Sequence[Message], Truncated | None]:
    """The messages that fit beside an answer, and what was left out; count: tokens of their prompt.

    Where not even the last turn fits, it is all that is left, and too much.
    """
    room = context - min(max_tokens or _ANSWER_TOKENS, context // _ANSWER_SHARE)
    whole = count(messages)
    starts = [place for place, message in enumerate(messages) if message.role == "user"]
    if whole <= room or len(starts) < 2:
        return messages, None
    step = max(1, context // _STEP_SHARE)
    goal = whole - -(-(whole - room) // step) * step

    def without(turns: int) -> list[Message]:
        return [
            each for place, each in enumerate(messages) if place >= starts[turns] or each.role == "system"
        ]

    low, high = 1, len(starts) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(without(middle)) <= goal else (middle + 1, high)
    left = without(low)
    return left, Truncated(len(messages) - len(left), whole - count(left))
