"""Ways to spoil a file: bytes at random, JSON by its structure, GGUF metadata by its values."""

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any

# Numbers at the edges of what fields hold.
EDGES = (0, 1, 2, 7, 31, 127, 128, 255, 256, 65535, 1 << 24, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63)
# What may stand where something else belongs.
STRANGE: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        3.5,
        -0.0,
        1e308,
        10**400,
        "",
        "x",
        "7",
        "\0",
        "\ud800",
        "../../etc/passwd",
    ),
    *([], [None], [[]], {}, {"a": {}}, ["x", 1], "%s" * 50, "a" * 5000, "{{ 9**9**9**9 }}", "{% for %}"),
    *("{{ 'a' * 10**10 }}", "{{ 'x'|center(10**10) }}", "{" * 3000, "(" * 3000, "{{" + "(" * 3000),
)
# What a GGUF file can hold of this.
STRANGE_VALUES: tuple[Any, ...] = (
    *(True, False, 0, 1, 5, 2**24, 2**32 - 1, 0.0, -1.5, float("nan"), float("inf"), 1e38, "", "x", "gpt2"),
    *([], [1], [-1, 2], [0.5, float("nan")], ["x"], ["a b", "b c"], [True], "ü" * 3000, *STRANGE[-7:]),
)


def spoil_bytes(rng: random.Random, data: bytes) -> bytes:
    """One to four random changes, most of them near the beginning, where the structure is."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_BYTE_CHANGES)(rng, out)
    return bytes(out)


def _place(rng: random.Random, out: bytearray) -> int:
    """Somewhere: in the first bytes, the first kilobytes, or anywhere."""
    return rng.randrange(min(len(out), rng.choice((64, 512, 8192, 1 << 30))) or 1)


def _flip(rng: random.Random, out: bytearray) -> None:
    if out:
        out[_place(rng, out)] ^= 1 << rng.randrange(8)


def _replace(rng: random.Random, out: bytearray) -> None:
    if out:
        out[_place(rng, out)] = rng.choice((0, 1, 8, 9, 34, 91, 123, 128, 255, rng.randrange(256)))


def _cut(rng: random.Random, out: bytearray) -> None:
    del out[_place(rng, out) :]


def _number(rng: random.Random, out: bytearray) -> None:
    """A number at the edge over four or eight bytes."""
    size, at, value = rng.choice((4, 8)), _place(rng, out), rng.choice(EDGES) + rng.choice((-1, 0, 0, 1))
    at -= at % rng.choice((1, 4, 4))
    out[at : at + size] = struct.pack("<Q", value % 2**64)[:size]


def _remove(rng: random.Random, out: bytearray) -> None:
    at = _place(rng, out)
    del out[at : at + rng.choice((1, 4, 8, 100))]


def _insert(rng: random.Random, out: bytearray) -> None:
    at = _place(rng, out)
    out[at:at] = rng.randbytes(rng.choice((1, 4, 8, 100)))


def _repeat(rng: random.Random, out: bytearray) -> None:
    at, to, size = _place(rng, out), _place(rng, out), rng.choice((8, 32, 200))
    out[to : to + size] = out[at : at + size]


_BYTE_CHANGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    *(_flip, _flip, _replace, _cut, _number, _number, _number, _remove, _insert, _repeat),
)


def spoil_json(rng: random.Random, data: bytes) -> bytes:
    """A value replaced, a key removed, or a value put under another key; sometimes twice."""
    content = json.loads(data)
    for _ in range(rng.choice((1, 1, 2))):
        content = _spoil_tree(rng, content)
    return json.dumps(content).encode()


def _spoil_tree(rng: random.Random, content: Any) -> Any:
    places = [(content, key) for key in _keys(content)]
    # Down from the root, so that what is large does not draw everything.
    while places:
        parent, key = rng.choice(places)
        below = parent[key]
        if isinstance(below, dict | list) and below and rng.random() < 0.75:
            places = [(below, each) for each in _keys(below)]
            continue
        change = rng.randrange(8)
        if change == 0:
            del parent[key]
        elif change == 1:
            parent[key] = copy.deepcopy(parent[rng.choice(_keys(parent))])
        elif change == 2 and isinstance(below, int):
            parent[key] = below + rng.choice((-1, 1, 1 << 31, 1 << 62))
        elif change == 3 and isinstance(parent, dict):
            parent[rng.choice(("x", "", "\ud800", "a" * 300, key + " "))] = parent.pop(key)
        else:
            parent[key] = rng.choice((*STRANGE, *EDGES))
        return content
    return rng.choice(STRANGE)


def _keys(content: Any) -> list[Any]:
    return list(content) if isinstance(content, dict) else list(range(len(content)))[:200]


def spoil_metadata(rng: random.Random, metadata: dict[str, Any]) -> dict[str, Any]:
    """GGUF metadata with a value of another kind, or without one."""
    out = dict(metadata)
    for _ in range(rng.choice((1, 1, 2))):
        key = rng.choice(list(out))
        value, change = out[key], rng.randrange(6)
        if change == 0:
            del out[key]
        elif change == 1 and isinstance(value, list) and value:
            out[key] = value[: rng.randrange(len(value))]
        elif change == 2 and isinstance(value, list) and value:
            same = list(value)
            same[rng.randrange(len(same))] = rng.choice(value)
            out[key] = same
        else:
            out[key] = rng.choice(STRANGE_VALUES)
    return out
