"""Prefixes on disk: what comes back after a restart, and what a damaged or foreign file does."""

import logging

import numpy as np
import pytest

from picoqwen_core.engine.cache_store import CacheStore, Saver, most_recent
from picoqwen_core.engine.prefix_cache import PrefixCache
from tests.limits import no_file_larger_than

BLOCK, BYTES = 4, 64


class Bytes:
    def __init__(self, number: int = 0) -> None:
        self.data = np.full(BYTES, number, np.uint8)

    def copy(self):
        return Bytes(self.data[0])


def filled(*texts) -> PrefixCache:
    cache = PrefixCache(BLOCK)
    for text in texts:
        count = -(-len(text) // BLOCK)
        cache.insert(text, [Bytes(text[BLOCK * n] + n) for n in range(count)], len(text))
    return cache


def store_in(folder, owner="me", most_bytes=10 * BYTES) -> CacheStore:
    return CacheStore(folder / "sub" / "model.kv", owner, BYTES, most_bytes)


def save(store: CacheStore, cache: PrefixCache) -> None:
    store.save(most_recent(list(cache.nodes()), store.most_blocks))


def restored(store: CacheStore, most_blocks: int = 99) -> PrefixCache:
    cache = PrefixCache(BLOCK)
    store.load(cache, Bytes, most_blocks)
    return cache


def test_what_was_known_is_known_after_a_restart(tmp_path):
    store = store_in(tmp_path)
    save(store, filled([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7], [9, 9]))
    cache = restored(store)
    match = cache.match([1, 2, 3, 4, 7, 8], most=6)
    assert (match.length, match.exact) == (5, 5)
    assert [block.data[0] for block in match.blocks] == [1, 8]
    assert cache.count == 4


def test_the_most_recently_used_are_saved_where_not_all_fit(tmp_path):
    store = store_in(tmp_path, most_bytes=2 * BYTES)
    cache = filled([1] * 4, [2] * 4, [3] * 4)
    cache.match([1] * 4, most=4)
    save(store, cache)
    assert {node.ids[0] for node in restored(store).nodes()} == {1, 3}
    assert {node.ids[0] for node in restored(store, most_blocks=1).nodes()} == {1}
    assert store.path.stat().st_size < 2 * BYTES + 400


def test_after_a_restart_the_least_recently_used_still_goes_first(tmp_path):
    store = store_in(tmp_path)
    cache = filled([1] * 4, [2] * 4, [3] * 4)
    cache.match([1] * 4, most=4)
    save(store, cache)
    again = restored(store)
    again.evict(1)
    assert again.match([1] * 4, most=4).length == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"{}\n",
        lambda data: b"\x00" * 100,
        lambda data: data[:-10] + b"x" + data[-9:],
        lambda data: data.replace(b'"parent": 0', b'"parent": 7'),
        lambda data: data.replace(b'"exact"', b'"exect"'),
        lambda data: data.replace(b'"version": 1', b'"version": 2'),
    ],
)
def test_a_damaged_file_is_ignored_with_one_line_in_the_log(damage, tmp_path, caplog):
    store = store_in(tmp_path)
    save(store, filled([1, 2, 3, 4, 5, 6]))
    store.path.write_bytes(damage(store.path.read_bytes()))
    with caplog.at_level(logging.INFO):
        assert restored(store).count == 0
    assert len(caplog.records) == 1
    assert "is ignored" in caplog.text


def test_another_models_file_is_ignored(tmp_path, caplog):
    save(store_in(tmp_path), filled([1, 2, 3, 4]))
    assert restored(store_in(tmp_path, owner="someone else")).count == 0
    assert "another model" in caplog.text


def test_without_a_file_nothing_is_known_and_nothing_said(tmp_path, caplog):
    assert restored(store_in(tmp_path)).count == 0
    assert caplog.text == ""


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, caplog):
    store = store_in(tmp_path)
    save(store, filled([1, 2, 3, 4]))
    cache = filled([5, 6, 7, 8])

    class Broken(Bytes):
        @property
        def data(self):
            raise OSError("no space left on device")

        @data.setter
        def data(self, value):
            pass

    next(iter(cache.nodes())).block = Broken()
    save(store, cache)
    assert "no space left" in caplog.text
    assert [path.name for path in store.path.parent.iterdir()] == ["model.kv"]
    assert restored(store).match([1, 2, 3, 4], most=4).length == 4


def test_a_disk_that_fills_up_while_prefixes_are_saved_keeps_the_old_file(tmp_path, caplog):
    store = store_in(tmp_path)
    save(store, filled([1, 2, 3, 4]))
    with no_file_larger_than(store.path.stat().st_size // 2):
        save(store, filled([5, 6, 7, 8]))

    assert "cannot be written" in caplog.text
    assert [path.name for path in store.path.parent.iterdir()] == ["model.kv"]
    assert restored(store).match([1, 2, 3, 4], most=4).length == 4


def test_what_was_primed_is_written_at_once_and_the_rest_now_and_then(tmp_path):
    time = 1000.0
    store, cache = store_in(tmp_path), filled([1] * 4)
    saver = Saver(store, cache, interval=600, clock=lambda: time)
    saver.idle()
    assert not store.path.exists()
    steps = [
        (0, False, 2, 2),
        (10, False, 3, 2),
        (20, True, 4, 4),
        (700, False, 5, 5),
    ]
    for later, urgent, token, known in steps:
        time = 1000.0 + later
        cache.insert([token] * 4, [Bytes()], 4)
        if urgent:
            saver.hurry()
        saver.idle()
        saver.wait()
        assert restored(store).count == known
