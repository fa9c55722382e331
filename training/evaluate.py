"""Measures the built-in model on requests that training never saw, with the engine that serves it.

Homes, names, rooms and wordings are of the validation split. A request counts as right when the decision has
the same effect: the same verbs and values on the same entities, the same question, or the same refusal.
Categories with too few wordings to hold any out (timers, lists, whole places) are not measured.
"""

import argparse
import json
import math
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.home.decision import Act, Action, Clarify, Decision, Query
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.linked import Linked
from picoqwen_core.home.render import render_prompt
from picoqwen_core.home.targets import resolve
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.messages import HomeContext
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.tokenizer import Tokenizer
from training.draw import MIX, draws, label

BUILT_IN = Path(__file__).parents[1] / "picoqwen_core" / "home" / "models" / "pico-home.gguf"
MAX_OUTPUT = 64
_MAX_DRAWS_PER_REQUEST = 60


class Greedy:
    """The most likely output for a prompt, from the engine's forward pass."""

    def __init__(self, path: Path) -> None:
        checkpoint = open_gguf(path)
        self._tokenizer = Tokenizer.from_metadata(checkpoint.metadata)
        self._model = Qwen3.from_checkpoint(checkpoint, threads=1)
        self._cache = self._model.new_cache()

    def __call__(self, prompt: str) -> str:
        """Output text with its special tokens."""
        self._cache.truncate(0)
        ids = np.array(self._tokenizer.encode(prompt), np.int32)
        output: list[int] = []
        while len(output) < MAX_OUTPUT:
            token = int(self._model.forward(ids, self._cache).argmax())
            if token in self._tokenizer.stop_ids:
                break
            output.append(token)
            ids = np.array([token], np.int32)
        return self._tokenizer.decode(output)


def effect(decision: Decision, home: HomeContext) -> Any:
    """What a decision comes to in a home, for comparison."""
    match decision:
        case Act(actions=actions):
            if home.area is None and any(a.target.here and not resolve(home, a.target) for a in actions):
                return Clarify(())
            return [
                (a.verb, frozenset(e.id for e in resolve(home, a.target)), _value(a.value), _label(a))
                for a in _split(actions)
            ]
        case Query(kind=kind, target=target, asked=asked):
            entities = () if kind in ("time", "date") else resolve(home, target)
            return kind, frozenset(e.id for e in entities), asked
    return decision


def _split(actions: tuple[Any, ...]) -> list[Any]:
    """One action for each named entity, so that "A and B" equals "A" and then "B"."""
    single = []
    for action in actions:
        if len(action.target.entities) < 2:
            single.append(action)
            continue
        targets = (replace(action.target, entities=(entity_id,)) for entity_id in action.target.entities)
        single.extend(replace(action, target=target) for target in targets)
    return single


def _label(action: Action) -> str | None:
    """A timer's name; the command of a later action is cut out by code, not by the model."""
    return action.label.casefold() if action.label and action.verb != "delayed" else None


def _value(value: float | str | None) -> float | str | None:
    return value.casefold() if isinstance(value, str) else value


def is_right(output: str, decision: Decision, linked: Linked) -> bool:
    """Whether an output has the effect that was wanted."""
    try:
        return bool(effect(decode(output, linked), linked.home) == effect(decision, linked.home))
    except UndecodableError:
        return False


def measure(complete: Greedy, count: int, seed: int) -> tuple[dict[str, list[bool]], list[float]]:
    """Results by category, as often as the mix of requests has it, and milliseconds of each."""
    wanted = {category: max(20, round(share * count)) for category, share in MIX.items()}
    results: dict[str, list[bool]] = defaultdict(list)
    times: list[float] = []
    for drawn, (category, home, turn) in enumerate(draws(seed, "validation")):
        open_ones = [c for c, n in wanted.items() if len(results[c]) < n]
        if not open_ones or drawn > count * _MAX_DRAWS_PER_REQUEST:
            break
        if category not in open_ones or (labelled := label(home, turn)) is None:
            continue
        linked, _ = labelled
        start = time.perf_counter()
        output = complete(render_prompt(linked))
        times.append((time.perf_counter() - start) * 1000)
        results[category].append(is_right(output, turn.decision, linked))
    return results, times


def interval(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return middle - half, middle + half


def main(argv: list[str] | None = None) -> None:
    """Print accuracy by category; with --json one object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=BUILT_IN)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    results, times = measure(Greedy(arguments.model), arguments.requests, arguments.seed)
    print(f"{'category':<12}{'requests':>9}{'right':>8}   95 % interval")
    everything = [right for rights in results.values() for right in rights]
    for category, rights in [*sorted((c, r) for c, r in results.items() if r), ("all", everything)]:
        low, high = interval(sum(rights), len(rights))
        share = sum(rights) / max(1, len(rights))
        print(f"{category:<12}{len(rights):>9}{share:>8.1%}   {low:.1%} to {high:.1%}")
    times.sort()
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"model time a request: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    if arguments.json:
        accuracy = {f"accuracy_{c}": round(sum(r) / len(r), 4) for c, r in results.items() if r}
        overall = round(sum(everything) / len(everything), 4)
        figures = {"accuracy": overall, "requests": len(everything), "model_p50_ms": round(p50, 2)}
        print(json.dumps({**figures, **accuracy}))


if __name__ == "__main__":
    main()
