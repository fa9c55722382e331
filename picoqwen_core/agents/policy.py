"""What may be called once a run has read what others wrote. Pure: no network, no model, no clock.

The model is taken to obey whatever it reads. So what counts is where a call's arguments can come from, not
what the model says of them: a destructive call always needs the user, and a call that lets something out of
the home needs the user as soon as untrusted text was read, unless the user, the plan made before, or a
search engine's own list of addresses has fixed what is sent.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import urldefrag

from picoqwen_core.agents.tool import Annotations, ToolResult

Verdict = Literal["allow", "confirm", "refuse"]
_WORD = re.compile(r"\w+", re.UNICODE)
_URL = re.compile(r"https?://[^\s<>\"'`\\]+")
_SENTENCE_END = ".,;:!?)]}"
_MOST_URLS = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call may be made; `reason` is told to the user and the model."""

    verdict: Verdict
    reason: str = ""


@dataclass(slots=True)
class Trust:
    """What a run knows of where its text comes from.

    question: the user's own words of this turn. tainted_by: the first untrusted thing that was read, ""
    before. urls: addresses that the user wrote or a search engine listed. planned: calls fixed before
    anything untrusted was read.
    """

    question: str = ""
    tainted_by: str = ""
    urls: set[str] = field(default_factory=set)
    planned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._grant(found.rstrip(_SENTENCE_END) for found in _URL.findall(self.question))

    @property
    def tainted(self) -> bool:
        """Whether untrusted text has been read."""
        return bool(self.tainted_by)

    def taint(self, by: str) -> None:
        """Untrusted text is read now."""
        self.tainted_by = self.tainted_by or by

    def plan(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Fix a call before untrusted text is read; False, and nothing is fixed, where it is too late."""
        if not self.tainted:
            self.planned.add(_key(name, arguments))
        return not self.tainted

    def fix(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Fix a call that only its author and the user have written, at any time."""
        self.planned.add(_key(name, arguments))

    def read(self, name: str, annotations: Annotations, result: ToolResult) -> None:
        """A tool's result is read. Only a search's list of addresses can be opened, never one in a text."""
        if annotations.sends == "words" and not result.error:
            self._grant(source.url for source in result.sources)
        if result.untrusted:
            self.taint(name)

    def to_json(self) -> dict[str, Any]:
        """For a run that is stored."""
        return {
            "question": self.question,
            "tainted_by": self.tainted_by,
            "urls": sorted(self.urls),
            "planned": sorted(self.planned),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What to_json gave."""
        return cls(data["question"], data["tainted_by"], set(data["urls"]), set(data["planned"]))

    def _grant(self, urls: Iterable[str]) -> None:
        for url in urls:
            if len(self.urls) < _MOST_URLS:
                self.urls.add(urldefrag(url).url)


def decide(
    name: str, annotations: Annotations, arguments: Mapping[str, Any], trust: Trust, *, can_ask: bool
) -> Decision:
    """Whether a call may be made now. can_ask: whether there is a user who can be asked for it."""
    otherwise: Verdict = "confirm" if can_ask else "refuse"
    if annotations.destructive and not annotations.read_only:
        return Decision(otherwise, f"{name} may change what cannot be undone")
    if not annotations.open_world or not trust.tainted:
        return Decision("allow")
    if _fixed(name, annotations, arguments, trust):
        return Decision("allow")
    return Decision(
        otherwise, f"{name} would send something out after {trust.tainted_by} gave text that others wrote"
    )


def _fixed(name: str, annotations: Annotations, arguments: Mapping[str, Any], trust: Trust) -> bool:
    """Whether what leaves cannot have come from what was read."""
    if _key(name, arguments) in trust.planned:
        return True
    if not annotations.read_only:
        return False
    if annotations.sends == "url":
        return urldefrag(str(arguments.get("url", ""))).url in trust.urls
    return annotations.sends == "words" and _in_order(str(arguments.get("query", "")), trust.question)


def _in_order(query: str, question: str) -> bool:
    """Whether the query is nothing but words of the question, each once and in their order.

    Free order or repetition could spell out something else.
    """
    asked = iter(_WORD.findall(question.casefold()))
    words = _WORD.findall(query.casefold())
    only_words = re.sub(r"[\w\s,.?!'-]", "", query) == ""
    return bool(words) and only_words and all(word in asked for word in words)


def _key(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True, ensure_ascii=False)}"
