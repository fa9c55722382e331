"""Home Assistant's evaluation questions as choices for the server to weigh, and its figures as answers.

The state stands before the question, so that the questions of one task share all that the model has to read.
Nothing is written by the model: its own probabilities of the possible answers are the result.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeassistant.components import ai_task
from homeassistant.helpers.json import json_dumps

from .errors import PicoQwenError

_SYSTEM = "You judge a situation exactly and soberly. Answer with nothing but the word or letter asked for."
_YES, _NO = "Yes", "No"
# One letter is one token, which keeps long descriptions from being weighed by their length.
_LETTERS = string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class Weighing:
    """What is sent for one question."""

    messages: list[dict[str, str]]
    choices: tuple[str, ...]


def question_of(state: Any, question: Mapping[str, Any]) -> Weighing:
    """The request for one question. Raises PicoQwenError when it has more alternatives than letters."""
    situation = state if isinstance(state, str) else json_dumps(state)
    choices: tuple[str, ...]
    if question["type"] == "noul":
        asked, choices = f"{question['instructions']}\nAnswer {_YES} or {_NO}.", (_YES, _NO)
    else:
        described = _descriptions(question)
        if len(described) > len(_LETTERS):
            raise PicoQwenError(f"at most {len(_LETTERS)} alternatives can be weighed, got {len(described)}")
        choices = tuple(_LETTERS[: len(described)])
        lines = [f"{letter}) {text}" for letter, text in zip(choices, described, strict=True)]
        asked = "\n".join([question["instructions"], *lines, "Answer with one letter."])
    content = f"Situation:\n{situation}\n\nQuestion: {asked}"
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": content}]
    return Weighing(messages, choices)


def answer_of(question: Mapping[str, Any], weighed: Mapping[str, Any]) -> Any:
    """Home Assistant's answer. Raises PicoQwenError when the server's figures make no sense."""
    probabilities = _probabilities(weighed)
    if question["type"] == "noul":
        _expect(probabilities, 2)
        return ai_task.NoulAnswer(noul=probabilities[0])
    criteria = question["criteria"]
    _expect(probabilities, len(criteria))
    if question["type"] == "choice":
        named = dict(zip(criteria, probabilities, strict=True))
        return ai_task.ChoiceAnswer(choice=max(named, key=lambda name: named[name]), probabilities=named)
    expected = sum(level * probability for level, probability in enumerate(probabilities))
    return ai_task.ScoreAnswer(score=expected, probabilities=probabilities)


def _descriptions(question: Mapping[str, Any]) -> list[str]:
    criteria = question["criteria"]
    if isinstance(criteria, Mapping):
        return [f"{name}: {text}" for name, text in criteria.items()]
    return list(criteria)


def _probabilities(weighed: Mapping[str, Any]) -> list[float]:
    try:
        return [float(choice["probability"]) for choice in weighed["choices"]]
    except (KeyError, TypeError, ValueError) as err:
        raise PicoQwenError(f"the server's figures cannot be read: {weighed!r:.200}") from err


def _expect(probabilities: Sequence[float], count: int) -> None:
    if len(probabilities) != count:
        raise PicoQwenError(f"the server weighed {len(probabilities)} choices of {count}")
