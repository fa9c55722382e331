"""Measures what understands a home on requests that training never saw, with the engine that serves it.

Homes, names, rooms and wordings are of the validation split. A request counts as right when the decision has
the same effect: the same verbs and values on the same entities, the same question, or the same refusal.
"ladder" is what the server does, rules and model together; "model" is the model alone, whatever the language.
Requests come in the mix of the generator, so a category with few wordings to hold out counts for less.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from picoqwen_core.home.deciding import Complete, decide
from picoqwen_core.home.decision import Act, Action, Cannot, Clarify, Decision, Escalate, Query
from picoqwen_core.home.dsl import UndecodableError, decode, encode, what_plays
from picoqwen_core.home.gloss import LANGUAGES
from picoqwen_core.home.linked import Linked
from picoqwen_core.home.linker import link
from picoqwen_core.home.placeless import PLACELESS
from picoqwen_core.home.placing import is_nowhere
from picoqwen_core.home.render import render_prompt
from picoqwen_core.home.targets import resolve, settled
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.messages import HomeContext
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.tokenizer import Tokenizer
from training.dialogs import Turn
from training.draw import draws, foreign_draws

BUILT_IN = Path(__file__).parents[1] / "picoqwen_core" / "home" / "models" / "pico-home.gguf"
MAX_OUTPUT = 64
_PERCENTAGES = ("brightness", "fan_speed", "position", "volume", "humidity")
# A verb, the entities that it acts on, its value and its name.
Step = tuple[str, frozenset[str], float | str | None, str | None]
Who = Literal["ladder", "model"]
WHO: tuple[Who, ...] = ("ladder", "model")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request went."""

    category: str
    right: bool
    wrong_action: bool
    confidence: float
    milliseconds: float


class Greedy:
    """The most likely output for a prompt, from the engine's forward pass."""

    def __init__(self, path: Path) -> None:
        checkpoint = open_gguf(path)
        self._tokenizer = Tokenizer.from_metadata(checkpoint.metadata)
        self._model = Qwen3.from_checkpoint(checkpoint, threads=1)
        self._cache = self._model.new_cache()

    def __call__(self, prompt: str) -> tuple[str, float]:
        """Output text with its special tokens, and the probability that the model gives to it."""
        log_probability = 0.0
        self._cache.truncate(0)
        ids = np.array(self._tokenizer.encode(prompt), np.int32)
        output: list[int] = []
        while len(output) < MAX_OUTPUT:
            logits = np.asarray(self._model.forward(ids, self._cache), np.float64).reshape(-1)
            token = int(logits.argmax())
            log_probability -= float(np.log(np.exp(logits - logits[token]).sum()))
            if token in self._tokenizer.stop_ids:
                break
            output.append(token)
            ids = np.array([token], np.int32)
        return self._tokenizer.decode(output), math.exp(log_probability)


def effect(decision: Decision, home: HomeContext) -> Any:
    """What a decision comes to in a home, for comparison."""
    match decision:
        case Act(actions=actions):
            actions = tuple(what_plays(replace(a, target=settled(home, a.target)), home) for a in actions)
            if home.area is None and any(is_nowhere(a.target, home) for a in actions):
                return Cannot("unknown_device")
            if home.area is None and any(a.target.here and not resolve(home, a.target) for a in actions):
                return Clarify(())
            return _in_any_order(
                [
                    (a.verb, frozenset(e.id for e in resolve(home, a.target)), _value(a), _label(a))
                    for a in _split(actions)
                ]
            )
        case Query(kind=kind, target=target, asked=asked):
            entities = () if kind in ("time", "date") else resolve(home, target)
            if target.here and home.area is None and not entities:
                return Clarify(())
            return kind, frozenset(e.id for e in entities), asked
        case Clarify(entities=choice):
            return Clarify(tuple(sorted(choice)))
    return decision


def _in_any_order(steps: list[Step]) -> list[Step]:
    """The same list for the same effect: the order counts only where something is acted on twice."""
    touched = [entity for _, entities, _, _ in steps for entity in entities]
    return sorted(steps, key=repr) if len(touched) == len(set(touched)) else steps


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


def _value(action: Action) -> float | str | None:
    """A value for comparison; "half" of a percentage is 50."""
    value = action.value
    if action.verb in _PERCENTAGES and isinstance(value, str):
        value = {"max": 100.0, "half": 50.0, "min": 1.0}.get(value, value)
    return value.casefold() if isinstance(value, str) else value


def is_right(output: str, decision: Decision, linked: Linked) -> bool:
    """Whether an output has the effect that was wanted."""
    try:
        return bool(effect(decode(output, linked), linked.home) == effect(decision, linked.home))
    except UndecodableError:
        return False


def measure(
    requests: int,
    language: str = "en",
    entities: int | None = None,
    *,
    seed: int = 2026,
    complete: Complete | None = None,
    who: Who = "ladder",
) -> dict[str, Any]:
    """Accuracy and what goes with it on requests of the validation split, for a benchmark.

    language: "en" or one of gloss.LANGUAGES; entities: the size of each home, else as training has them.
    Shares are of 1; `by_category` holds [right, requests] of each.
    """
    complete = complete or Greedy(BUILT_IN)
    outcomes = list(outcomes_of(complete, requests, language, entities, seed, who))
    right = sum(o.right for o in outcomes)
    elsewhere = [o for o in outcomes if o.category == "elsewhere"]
    questions = [o for o in outcomes if o.category == "question"]
    by_category: dict[str, list[int]] = {}
    for outcome in outcomes:
        counts = by_category.setdefault(outcome.category, [0, 0])
        counts[0] += outcome.right
        counts[1] += 1
    times = sorted(o.milliseconds for o in outcomes)
    return {
        "requests": len(outcomes),
        "accuracy": right / max(1, len(outcomes)),
        "interval": interval(right, len(outcomes)),
        "wrong_action_rate": sum(o.wrong_action for o in outcomes) / max(1, len(outcomes)),
        "escalation_accuracy": sum(o.right for o in elsewhere) / len(elsewhere) if elsewhere else None,
        "questions_accuracy": sum(o.right for o in questions) / len(questions) if questions else None,
        "calibration_error": calibration_error([(o.confidence, o.right) for o in outcomes]),
        "p50_ms": times[len(times) // 2] if times else None,
        "p95_ms": times[int(len(times) * 0.95)] if times else None,
        "by_category": by_category,
    }


def outcomes_of(
    complete: Complete, count: int, language: str, entities: int | None, seed: int, who: Who
) -> Iterator[Outcome]:
    """`count` requests in the mix that the generator draws."""
    stream = (
        draws(seed, "validation", entities)
        if language == "en"
        else foreign_draws(seed, "validation", language)
    )
    one = _by_ladder if who == "ladder" else _by_model
    for category, home, turn in islice(stream, count):
        yield one(category, home, turn, complete)


def _by_ladder(category: str, home: HomeContext, turn: Turn, complete: Complete) -> Outcome:
    """What the server would do; what nobody understands is left to a larger model."""
    start = time.perf_counter()
    decided = decide(turn.text, home, turn.history, complete)
    milliseconds = (time.perf_counter() - start) * 1000
    decision = decided.decision if decided is not None else Escalate()
    right = bool(effect(decision, home) == effect(turn.decision, home))
    wrong = not right and bool(_done(decision, home) - _done(turn.decision, home))
    return Outcome(category, right, wrong, decided.probability if decided else 0.0, milliseconds)


def _by_model(category: str, home: HomeContext, turn: Turn, complete: Complete) -> Outcome:
    """The model's own output. What the linker cannot serve counts as wrong."""
    linked = link(home, turn.text, turn.history)
    if not is_served(linked, turn):
        return Outcome(category, False, False, 0.0, 0.0)
    start = time.perf_counter()
    output, confidence = complete(render_prompt(linked))
    milliseconds = (time.perf_counter() - start) * 1000
    right = is_right(output, turn.decision, linked)
    wrong = not right and acts_wrongly(output, turn.decision, linked)
    return Outcome(category, right, wrong, confidence, milliseconds)


def is_served(linked: Linked, turn: Turn) -> bool:
    """Whether the linker's evidence allows the right answer at all; a name for a group is no fault of it."""
    try:
        encode(turn.decision, linked)
    except UndecodableError:
        return False
    return True


def acts_wrongly(output: str, decision: Decision, linked: Linked) -> bool:
    """Whether an output does something, to something that was not meant or that was not asked for."""
    try:
        predicted = decode(output, linked)
    except UndecodableError:
        return False
    if not isinstance(predicted, Act):
        return False
    return bool(_done(predicted, linked.home) - _done(decision, linked.home))


def _done(decision: Decision, home: HomeContext) -> set[tuple[str, str]]:
    if not isinstance(decision, Act):
        return set()
    return {
        (action.verb, name)
        for action in decision.actions
        for name in ([e.id for e in resolve(home, action.target)] if action.verb not in PLACELESS else [""])
    }


def calibration_error(pairs: list[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error: how far confidence is from accuracy, over bins of equal width."""
    error = 0.0
    for index in range(bins):
        inside = [(c, r) for c, r in pairs if index / bins < c <= (index + 1) / bins]
        if inside:
            error += abs(sum(c for c, _ in inside) - sum(r for _, r in inside)) / len(pairs)
    return error


def interval(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return middle - half, middle + half


def main(argv: list[str] | None = None) -> None:
    """Print accuracy by language and category, of the ladder and of the model alone; with --json one object
    on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=BUILT_IN)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--languages", nargs="+", default=["en", *LANGUAGES])
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    complete = Greedy(arguments.model)
    figures: dict[str, Any] = {}
    for language in arguments.languages:
        for who in WHO:
            name = language if who == "ladder" else f"{language}_model"
            figures[name] = measure(
                arguments.requests, language, seed=arguments.seed, complete=complete, who=who
            )
            _print(f"{language}, {who}", figures[name])
    small, large = (
        measure(arguments.requests // 3, "en", size, seed=arguments.seed, complete=complete)["accuracy"]
        for size in (20, 1000)
    )
    print(f"accuracy with 20 entities {small:.1%}, with 1,000 {large:.1%}")
    if arguments.json:
        print(json.dumps({**figures, "accuracy_drop_1000_entities": round(small - large, 4)}))


def _print(title: str, figures: dict[str, Any]) -> None:
    print(f"{title}\n    {'category':<12}{'requests':>9}{'right':>8}   95 % interval")
    rows = [*sorted(figures["by_category"].items()), ("all", _total(figures["by_category"]))]
    for category, (right, total) in rows:
        low, high = interval(right, total)
        print(f"    {category:<12}{total:>9}{right / total:>8.1%}   {low:.1%} to {high:.1%}")
    print(
        f"    wrong action {figures['wrong_action_rate']:.2%}, calibration error "
        f"{figures['calibration_error']:.3f}, p50 {figures['p50_ms']:.1f} ms, p95 {figures['p95_ms']:.1f} ms"
    )


def _total(by_category: dict[str, list[int]]) -> list[int]:
    return [sum(counts[i] for counts in by_category.values()) for i in range(2)]


if __name__ == "__main__":
    main()
