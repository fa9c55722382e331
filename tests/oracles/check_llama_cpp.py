"""Compares our engine with llama.cpp and with exact arithmetic, on one file of every format.

    script/check-llama-cpp [FORMAT ...]

The text is what a random model (tests.oracles.decisive) would write itself. "Exact" is NumPy's float64 on the
dequantized weights. Both engines round activations to int8 before they multiply them with quantized weights,
ours for each 32 columns, llama.cpp for each 32 or (K formats) 256, so neither can be exact, nor equal to the
other. What is asked instead: that ours is no further from exact than llama.cpp is, that perplexities agree,
and that greedy choices differ only where exact arithmetic has a near tie.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.kv_cache import answered, built_in_prompts
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.quants.formats import FORMATS
from picoqwen_core.tokenizer import Tokenizer
from tests.oracles import decisive, llama_cpp, numpy_qwen3
from training.evaluate import BUILT_IN, MAX_OUTPUT

WINDOW, WINDOWS = 512, 4
# To the built-in model; of its answers, so many must be the same.
REQUESTS, SAME_ANSWERS = 200, 0.98
PROMPTS, PROMPT, CONTINUATION = 8, 24, 64
# llama-perplexity writes down no logit that is further below the largest.
DEEPEST = 16
# What rounding float32 sums differently comes to, in nats (measured: 1e-9), and what 16 bits can tell apart.
ROUNDING = 1e-6
# How much further from exact than llama.cpp ours may be, in mean divergence.
FURTHER = 1.2
# How far logarithms of perplexity may lie apart where activations are rounded to int8.
APART = 0.01
# Tokens that may be chosen greedily: those not further than this below the largest.
LIKELY = 2

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """Of a format and a kind of cache: perplexities, mean divergences from exact in nats, greedy texts."""

    format: str
    cache: str
    exact: float
    ours: float
    theirs: float
    ours_from_exact: float
    theirs_from_exact: float
    same_top: float
    same_texts: int
    forks: tuple[float, ...]
    widest_fork: float

    def failures(self) -> list[str]:
        """What is further apart than can be explained."""
        found = []
        if self.ours_from_exact > max(FURTHER * self.theirs_from_exact, ROUNDING):
            found.append("further from exact arithmetic than llama.cpp")
        if abs(np.log(self.ours / self.theirs)) > APART:
            found.append("another perplexity than llama.cpp")
        rounded = FORMATS[self.format].block_size > 1 or self.cache != "f32"
        if not rounded and self.ours_from_exact > ROUNDING:
            found.append("not exact though activations are not rounded")
        if any(margin > self.widest_fork for margin in self.forks):
            found.append("another greedy choice where there is no near tie")
        return found


def log_probs(logits: NDArray[np.float32] | Array) -> Array:
    """Of the same logits as llama-perplexity writes down: none further below the largest than DEEPEST."""
    x = np.asarray(logits, np.float64)
    peak = x.max(-1, keepdims=True)
    x = np.maximum(x, peak - DEEPEST) - peak
    result: Array = x - np.log(np.exp(x).sum(-1, keepdims=True))
    return result


def divergence(p: Array, q: Array) -> float:
    """Mean Kullback-Leibler divergence of q from p, both log probabilities."""
    return float((np.exp(p) * (p - q)).sum(-1).mean())


def perplexity(p: Array, tokens: NDArray[np.int32]) -> float:
    """Of the tokens that follow; p: (windows, n, vocabulary)."""
    following = tokens[:, WINDOW // 2 + 1 :, None]
    return float(np.exp(-np.take_along_axis(p, following, -1).mean()))


def exact_logits(model: Qwen3, ids: NDArray[np.int32]) -> Array:
    """NumPy's float64 logits of every token, from the weights as the file has them."""
    stored = {name: tensor.dequantized() for name, tensor in model.checkpoint.tensors.items()}
    return numpy_qwen3.logits(decisive.SHAPE, stored, ids)


def continued(model: Qwen3, prompt: list[int], cache_kind: str) -> list[int]:
    """Our most likely tokens after a prompt; the end is never chosen, as llama-server was told."""
    cache = model.new_cache(PROMPT + CONTINUATION, cache_kind)
    ids, tokens = np.array(prompt, np.int32), list[int]()
    while len(tokens) < CONTINUATION:
        logits = model.forward(ids, cache)
        logits[decisive.END] = -np.inf
        tokens.append(int(logits.argmax()))
        ids = np.array(tokens[-1:], np.int32)
    return tokens


def fork(model: Qwen3, prompt: list[int], ours: list[int], theirs: list[int]) -> float | None:
    """How far apart exact arithmetic has the two tokens where texts part; None where they do not."""
    first = next((i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]), None)
    if first is None:
        return None
    logits = exact_logits(model, np.array([*prompt, *theirs[:first]], np.int32))[-1]
    return float(abs(logits[ours[first]] - logits[theirs[first]]))


def compare(name: str, cache: str, tokens: NDArray[np.int32], folder: Path) -> Row:
    """One format and kind of cache."""
    path = decisive.write(folder / "model.gguf", name)
    model = decisive.load(path)
    windows = tokens.reshape(WINDOWS, WINDOW)
    middle = slice(WINDOW // 2, WINDOW - 1)
    exact = log_probs(np.stack([exact_logits(model, ids)[middle] for ids in windows]))
    read = [model.forward_all(ids, model.new_cache(WINDOW, cache)) for ids in windows]
    ours = log_probs(np.stack(read)[:, middle])
    scored = llama_cpp.score(path, decisive.text_of(tokens), WINDOW, cache)
    if not np.array_equal(scored.tokens, windows):
        raise SystemExit("llama.cpp cuts the text into other tokens")
    theirs = log_probs(scored.log_probs)
    starts = range(0, tokens.size, tokens.size // PROMPTS)
    prompts = [tokens[start : start + PROMPT].tolist() for start in starts]
    texts = llama_cpp.greedy(path, prompts, CONTINUATION, cache)
    pairs = ((p, continued(model, p, cache), text) for p, text in zip(prompts, texts, strict=True))
    forks = [margin for pair in pairs if (margin := fork(model, *pair)) is not None]
    return Row(
        format=name,
        cache=cache,
        exact=perplexity(exact, windows),
        ours=perplexity(ours, windows),
        theirs=perplexity(theirs, windows),
        ours_from_exact=divergence(exact, ours),
        theirs_from_exact=divergence(exact, theirs),
        same_top=float((ours.argmax(-1) == theirs.argmax(-1)).mean()),
        same_texts=PROMPTS - len(forks),
        forks=tuple(forks),
        widest_fork=2 * (_largest_error(exact, ours) + _largest_error(exact, theirs)),
    )


def _largest_error(exact: Array, computed: Array) -> float:
    """Of the likely tokens: two of them can trade places where they are closer than twice that."""
    likely = exact > exact.max(-1, keepdims=True) - LIKELY
    return float(np.abs(np.where(likely, computed - exact, 0)).max())


def built_in_answers() -> int:
    """How many of REQUESTS the built-in model answers in llama.cpp with the same tokens."""
    checkpoint = open_gguf(BUILT_IN)
    tokenizer = Tokenizer.from_metadata(checkpoint.metadata)
    model = Qwen3.from_checkpoint(checkpoint, threads=1)
    prompts = [tokenizer.encode(prompt) for prompt in islice(built_in_prompts(), REQUESTS)]
    texts = [answered(model, prompt, tokenizer.stop_ids) for prompt in prompts]
    ours = [text.ids[text.start :].tolist() for text in texts]
    theirs = llama_cpp.greedy(BUILT_IN, prompts, MAX_OUTPUT, stop=True)
    return sum(pair[0] == pair[1] for pair in zip(ours, theirs, strict=True))


HEADING = (
    "| format | KV cache | perplexity exact | ours | llama.cpp | from exact: ours | llama.cpp "
    "| same top token | same greedy texts | margins where not (at most) |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def as_line(row: Row) -> str:
    """A row of the table."""
    margins = ", ".join(f"{margin:.3f}" for margin in row.forks) or "-"
    return (
        f"| {row.format} | {row.cache} | {row.exact:.3f} | {row.ours:.3f} | {row.theirs:.3f} "
        f"| {row.ours_from_exact:.1e} | {row.theirs_from_exact:.1e} | {row.same_top:.1%} "
        f"| {row.same_texts} of {PROMPTS} | {margins} ({row.widest_fork:.3f}) |"
    )


def main() -> None:
    """Print the table; exit with 1 when something cannot be explained."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("formats", nargs="*", metavar="FORMAT", default=[], help=", ".join(FORMATS))
    formats = parser.parse_args().formats or list(FORMATS)
    if unknown := [name for name in formats if name not in FORMATS]:
        parser.error(f"unknown format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    cases = [(name, "f32") for name in formats] + [("F32", cache) for cache in ("f16", "int8")]
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        writer = decisive.load(decisive.write(folder / "model.gguf", "F32"))
        tokens = np.concatenate([decisive.sampled(writer, WINDOW, seed) for seed in range(WINDOWS)])
        print(HEADING, flush=True)
        for name, cache in cases:
            row = compare(name, cache, tokens, folder)
            print(as_line(row), flush=True)
            for failure in row.failures():
                failed += 1
                print(f"{name}, {cache}: {failure}", file=sys.stderr)
    same = built_in_answers()
    print(f"the built-in model answers {same} of {REQUESTS} requests with the same tokens")
    failed += same < SAME_ANSWERS * REQUESTS
    print(f"{len(cases) + 1} comparisons, {failed} failures")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
