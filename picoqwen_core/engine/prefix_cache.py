"""What was read before, by its tokens: a tree of blocks of keys and values that all sequences share.

Each node is a block: its tokens, and what a model computed for them after those of the nodes above. A prompt
walks down whole blocks, which it shares, and takes from the last one as many tokens as fit, as a copy. What
has not been used for longest goes first. The tree knows nothing of models; a block is anything that can copy
itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self


class Block(Protocol):
    """Keys and values of as many tokens as a block has."""

    def copy(self) -> Self:
        """Another block with the same content, which may be written to."""


@dataclass(slots=True, eq=False)
class Node[B: Block]:
    """A block and the tokens in it; `exact` of them were read as a prompt is, the rest as an answer is."""

    ids: tuple[int, ...]
    block: B
    exact: int
    parent: "Node[B] | None"
    used: int = 0
    children: "dict[tuple[int, ...], Node[B]]" = field(default_factory=dict)


@dataclass(slots=True)
class Match[B: Block]:
    """What is known of a prompt: blocks that hold its first `length` tokens.

    The first `shared` blocks are the tree's; the first `exact` tokens were read as a prompt is.
    """

    blocks: list[B]
    length: int
    shared: int
    exact: int


class PrefixCache[B: Block]:
    """A radix tree over blocks of `block_tokens` tokens; used by one thread only, but for `nodes`."""

    def __init__(self, block_tokens: int) -> None:
        self.block_tokens = block_tokens
        self.count = 0
        # Grows with every whole block of a prompt that was not known: what is worth saving.
        self.version = 0
        self._tick = 0
        self._top: dict[tuple[int, ...], Node[B]] = {}

    def match(self, ids: Sequence[int], *, most: int, exact_only: bool = False) -> Match[B]:
        """The longest known beginning of `ids`, of at most `most` tokens.

        exact_only: count only tokens that were read as a prompt, so that no rounding differs from reading
        the prompt anew.
        """
        self._tick += 1
        blocks: list[B] = []
        children, start, exact, size = self._top, 0, 0, self.block_tokens
        while start + size <= most:
            node = children.get(tuple(ids[start : start + size]))
            if node is None or (exact_only and node.exact < size):
                break
            node.used = self._tick
            blocks.append(node.block)
            exact += node.exact if exact == start else 0
            children, start = node.children, start + size
        shared = len(blocks)
        best, length = self._closest(children, tuple(ids[start : min(most, start + size)]), exact_only)
        if best is not None:
            best.used = self._tick
            blocks.append(best.block.copy())
            exact += min(best.exact, length) if exact == start else 0
        return Match(blocks, start + length, shared, exact)

    def insert(self, ids: Sequence[int], blocks: Sequence[B], exact: int) -> None:
        """Keep blocks that hold `ids`, of which the first `exact` were read as a prompt.

        What is known already is left as it is, so that blocks stay shared. The blocks are not written to
        afterwards, but the last one may be partly filled.
        """
        self._tick += 1
        children, parent, size = self._top, None, self.block_tokens
        for number, block in enumerate(blocks):
            key = tuple(ids[number * size : (number + 1) * size])
            if not key:
                return
            clean = max(0, min(exact - number * size, len(key)))
            node = children.get(key)
            if node is None:
                if self._covered(children, key, clean):
                    return
                node = self._add(children, Node(key, block, clean, parent))
            elif node.exact < clean:
                node.block, node.exact = block, clean
            node.used = self._tick
            children, parent = node.children, node

    def evict(self, keep: int) -> None:
        """Forget what has not been used for longest, until at most `keep` blocks are left."""
        while self.count > keep:
            leaves = (node for node in self.nodes() if not node.children)
            oldest = min(leaves, key=lambda node: node.used)
            del self._siblings(oldest)[oldest.ids]
            self.count -= 1

    def clear(self) -> None:
        """Forget everything."""
        self._top.clear()
        self.count = 0

    def nodes(self) -> Iterator[Node[B]]:
        """All nodes, parents before their children."""
        waiting = list(self._top.values())
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.children.values())

    def restore(
        self, parent: Node[B] | None, ids: tuple[int, ...], block: B, exact: int, *, used: int
    ) -> Node[B]:
        """Put back a node that was saved; used: the higher, the more recently."""
        self._tick = max(self._tick, used)
        children = self._top if parent is None else parent.children
        return self._add(children, Node(ids, block, exact, parent, used))

    def _add(self, children: dict[tuple[int, ...], Node[B]], node: Node[B]) -> Node[B]:
        """A new node; it replaces those that hold only the beginning of it."""
        for key in [
            key
            for key, each in children.items()
            if len(key) < len(node.ids) and node.ids[: len(key)] == key and each.exact <= node.exact
        ]:
            del children[key]
            self.count -= 1
        children[node.ids] = node
        self.count += 1
        if node.exact == self.block_tokens:
            self.version += 1
        return node

    def _covered(self, children: dict[tuple[int, ...], Node[B]], key: tuple[int, ...], clean: int) -> bool:
        """Whether a longer node holds these tokens already."""
        return len(key) < self.block_tokens and any(
            other[: len(key)] == key and min(node.exact, len(key)) >= clean
            for other, node in children.items()
        )

    def _closest(
        self, children: dict[tuple[int, ...], Node[B]], wanted: tuple[int, ...], exact_only: bool
    ) -> tuple[Node[B] | None, int]:
        """The node that shares most tokens with `wanted` from its start, and how many."""
        best, longest = None, 0
        for node in children.values():
            length = _common(node.ids, wanted)
            if exact_only:
                length = min(length, node.exact)
            if length > longest:
                best, longest = node, length
        return best, longest

    def _siblings(self, node: Node[B]) -> dict[tuple[int, ...], Node[B]]:
        return self._top if node.parent is None else node.parent.children


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    """How many ids the two sequences share from the start."""
    for place, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return place
    return min(len(left), len(right))
