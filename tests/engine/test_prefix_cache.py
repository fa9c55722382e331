"""The tree of prefixes against the plainest model of it: a set of all texts that were put in."""

from hypothesis import given
from hypothesis import strategies as st

from picoqwen_core.engine.prefix_cache import PrefixCache
from tests.engine.counting import BLOCK, CountingBlock

# Few different tokens, so that texts share beginnings.
TEXTS = st.lists(st.integers(0, 2), min_size=1, max_size=4 * BLOCK + 2)


def blocks_of(ids: list[int]) -> list[CountingBlock]:
    return [CountingBlock(ids[start : start + BLOCK]) for start in range(0, len(ids), BLOCK)]


def common(left: list[int], right: list[int]) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )


@given(st.lists(TEXTS, max_size=8), TEXTS)
def test_the_longest_known_beginning_is_found_and_its_blocks_hold_it(texts, wanted):
    cache: PrefixCache[CountingBlock] = PrefixCache(BLOCK)
    for text in texts:
        cache.insert(text, blocks_of(text), len(text))
    match = cache.match(wanted, most=len(wanted))
    assert match.length == max((common(text, wanted) for text in texts), default=0)
    assert match.exact == match.length
    held = [token for block in match.blocks for token in block.ids]
    assert held[: match.length] == wanted[: match.length]
    assert cache.count == len(list(cache.nodes()))


@given(st.lists(st.tuples(TEXTS, st.integers(0, 20)), max_size=8), TEXTS)
def test_exact_matches_go_no_further_than_what_was_read_as_a_prompt(texts, wanted):
    cache: PrefixCache[CountingBlock] = PrefixCache(BLOCK)
    for text, exact in texts:
        cache.insert(text, blocks_of(text), exact)
    match = cache.match(wanted, most=len(wanted), exact_only=True)
    assert match.length == match.exact
    assert match.length <= max((min(exact, common(text, wanted)) for text, exact in texts), default=0)


@given(st.lists(TEXTS, min_size=1, max_size=10), st.integers(0, 6))
def test_eviction_keeps_the_limit_and_leaves_what_is_left_usable(texts, keep):
    cache: PrefixCache[CountingBlock] = PrefixCache(BLOCK)
    for text in texts:
        cache.insert(text, blocks_of(text), len(text))
    cache.evict(keep)
    assert cache.count == len(list(cache.nodes())) <= keep
    for text in texts:
        match = cache.match(text, most=len(text))
        assert [token for block in match.blocks for token in block.ids][: match.length] == text[
            : match.length
        ]


def test_what_was_used_last_stays():
    cache: PrefixCache[CountingBlock] = PrefixCache(BLOCK)
    for start in range(3):
        text = [start] * BLOCK
        cache.insert(text, blocks_of(text), BLOCK)
    cache.match([0] * BLOCK, most=BLOCK)
    cache.evict(1)
    assert cache.match([0] * BLOCK, most=BLOCK).length == BLOCK


def test_a_shared_block_is_the_same_and_the_last_one_a_copy():
    cache: PrefixCache[CountingBlock] = PrefixCache(BLOCK)
    text = [0, 1, 2, 3, 4, 5]
    blocks = blocks_of(text)
    cache.insert(text, blocks, 6)
    match = cache.match([0, 1, 2, 3, 4, 9], most=6)
    assert match.blocks[0] is blocks[0]
    assert match.blocks[1] is not blocks[1]
    assert (match.length, match.shared) == (5, 1)


def test_what_was_read_as_a_prompt_replaces_what_was_read_as_an_answer():
    cache: PrefixCache[CountingBlock] = PrefixCache(BLOCK)
    text = [0, 1, 2, 3]
    cache.insert(text, blocks_of(text), 2)
    better = blocks_of(text)
    cache.insert(text, better, 4)
    assert cache.match([*text, 7], most=5, exact_only=True).blocks[0] is better[0]
    assert cache.count == 1
