"""A toy model that counts: after token t, t + 1 (and the first token) is by far the most likely."""

import numpy as np

VOCAB = 50
BLOCK = 4


class CountingBlock:
    """The ids themselves stand for their keys and values."""

    def __init__(self, ids=()) -> None:
        self.ids = list(ids)

    def copy(self):
        return CountingBlock(self.ids)


class CountingCache:
    """Blocks that may be shared: whoever writes into another one's is caught by a wrong answer."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.blocks: list[CountingBlock] = []
        self.length = 0

    @property
    def ids(self) -> list[int]:
        return [token for block in self.blocks for token in block.ids][: self.length]

    def adopt(self, blocks, length: int) -> None:
        self.blocks, self.length = list(blocks), length

    def truncate(self, length: int) -> None:
        assert length <= self.length
        self.length = length
        del self.blocks[-(-length // BLOCK) :]

    def write(self, ids) -> None:
        for token in ids:
            if self.length % BLOCK == 0:
                self.blocks.append(CountingBlock())
            last = self.blocks[-1]
            del last.ids[self.length % BLOCK :]
            last.ids.append(token)
            self.length += 1
        assert self.length <= self.capacity


class CountingModel:
    """Its answer depends on tokens in the cache, so a wrong cache gives a wrong answer."""

    vocab_size, block_tokens, chunk_tokens = VOCAB, BLOCK, 64

    def __init__(self, exact_prompt_tokens: int = 1) -> None:
        self.exact_prompt_tokens = exact_prompt_tokens
        # What each pass read, by sequence; prompts are passes of one.
        self.passes: list[list[list[int]]] = []
        self.fail = False

    @property
    def reads(self) -> list[list[int]]:
        return [ids for each in self.passes for ids in each]

    def new_cache(self, capacity: int) -> CountingCache:
        return CountingCache(capacity)

    def prefill(self, ids, cache, *, logits):
        rows = self._pass([(ids, cache, int(logits))])
        return rows[0] if logits else None

    def read(self, parts, begun):
        begun()
        return self._pass(parts)

    def _pass(self, parts):
        self.passes.append([list(ids) for ids, _, _ in parts])
        rows = []
        for ids, cache, wanted in parts:
            for place, token in enumerate(ids):
                cache.write([token])
                if place >= len(ids) - wanted:
                    rows.append(self.logits(cache.ids))
        if self.fail:
            raise RuntimeError("broken")
        return np.array(rows, np.float32).reshape(-1, VOCAB)

    def logits(self, ids):
        logits = np.zeros(VOCAB, np.float32)
        logits[(ids[-1] + 1 + ids[0]) % VOCAB] = 9
        return logits
