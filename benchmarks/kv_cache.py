"""What KV caches of float16 and int8 cost in perplexity, of a random model's text and of built-in answers."""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.home.render import render_prompt
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.model.kv_cache import KIND_BITS, kind_for
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.tokenizer import Tokenizer
from tests.oracles import decisive
from training.draw import draws, label
from training.evaluate import BUILT_IN, MAX_OUTPUT

RANDOM_TOKENS, RANDOM_TEXTS = 2048, 2
Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Text:
    """Tokens of which those from `start` on count; they are most likely, or drawn by the model itself."""

    ids: Ids
    start: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one kind of cache. divergence: mean Kullback-Leibler from the float32 cache's, in nats."""

    model: str
    kind: str
    tokens: int
    perplexity: float
    more_percent: float
    divergence: float
    same_top: float
    same_texts: float


def log_probs(model: Qwen3, text: Text, kind: str) -> NDArray[np.float64]:
    """Of what comes at each counted position, float64 (counted, vocabulary)."""
    logits = model.forward_all(text.ids[:-1], model.new_cache(text.ids.size, kind))[text.start - 1 :]
    x = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    result: NDArray[np.float64] = x - np.log(np.exp(x).sum(-1, keepdims=True))
    return result


def costs(name: str, model: Qwen3, texts: list[Text]) -> list[Cost]:
    """Of every kind of cache that this model can have on this machine."""
    found: list[Cost] = []
    for kind in KIND_BITS:
        if kind_for(model.config, kind) != kind:
            continue
        losses, divergences, same = [], [], []
        for text in texts:
            exact, computed = log_probs(model, text, "f32"), log_probs(model, text, kind)
            following = text.ids[text.start :, None]
            losses.append(-np.take_along_axis(computed, following, -1)[:, 0])
            divergences.append((np.exp(exact) * (exact - computed)).sum(-1))
            same.append(exact.argmax(-1) == computed.argmax(-1))
        tops = np.concatenate(same)
        perplexity = float(np.exp(np.concatenate(losses).mean()))
        first = found[0].perplexity if found else perplexity
        found.append(
            Cost(
                model=name,
                kind=kind,
                tokens=tops.size,
                perplexity=perplexity,
                more_percent=100 * (perplexity / first - 1),
                divergence=float(np.concatenate(divergences).mean()),
                same_top=float(tops.mean()),
                same_texts=float(np.mean([part.all() for part in same])),
            )
        )
    return found


def of_random_model(format_name: str, folder: Path) -> list[Cost]:
    """Texts that it drew itself; the second halves count, where there is much to attend to."""
    model = decisive.load(decisive.write(folder / "model.gguf", format_name))
    drawn = [decisive.sampled(model, RANDOM_TOKENS, seed) for seed in range(RANDOM_TEXTS)]
    return costs(f"random, {format_name}", model, [Text(ids, RANDOM_TOKENS // 2) for ids in drawn])


def of_built_in_model(requests: int) -> list[Cost]:
    """Its own most likely answers to requests that training never saw."""
    checkpoint = open_gguf(BUILT_IN)
    tokenizer = Tokenizer.from_metadata(checkpoint.metadata)
    model = Qwen3.from_checkpoint(checkpoint, threads=1)
    prompts = (tokenizer.encode(prompt) for prompt in islice(built_in_prompts(), requests))
    return costs("built-in", model, [answered(model, prompt, tokenizer.stop_ids) for prompt in prompts])


def built_in_prompts() -> Iterator[str]:
    """Of requests that training never saw, one after another."""
    for _category, home, turn in draws(2026, "validation"):
        if (labelled := label(home, turn)) is not None:
            yield render_prompt(labelled[0])


def answered(model: Qwen3, prompt: list[int], stops: frozenset[int]) -> Text:
    """A prompt and the most likely answer, with the stop token at its end."""
    cache = model.new_cache(len(prompt) + MAX_OUTPUT, "f32")
    ids = list(prompt)
    logits = model.forward(np.array(prompt, np.int32), cache)
    while len(ids) < len(prompt) + MAX_OUTPUT - 1 and ids[-1] not in stops:
        ids.append(int(logits.argmax()))
        logits = model.forward(np.array(ids[-1:], np.int32), cache)
    return Text(np.array(ids, np.int32), len(prompt))


def main() -> None:
    """Print the table; with --json one object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="to the built-in model")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = [cost for name in ("F32", "Q8_0") for cost in of_random_model(name, Path(scratch))]
    rows += of_built_in_model(arguments.requests)
    print("| model | cache | tokens | perplexity | more | divergence | same top token | same texts |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.model} | {row.kind} | {row.tokens} | {row.perplexity:.4f} | {row.more_percent:+.3f} % "
            f"| {row.divergence:.1e} | {row.same_top:.2%} | {row.same_texts:.1%} |"
        )
    if not any(row.model == "built-in" and row.kind == "int8" for row in rows):
        print(
            f"{ISA.name}'s kernels keep no int8 for heads as small as the built-in model's: PICOQWEN_ISA=avx2"
        )
    if arguments.json:
        print(json.dumps({"costs": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
