"""Matches a sentence with the templates of its language and the names of its home."""

from typing import Any

from hassil.recognize import RecognizeResult, recognize_best

from picoqwen_core.home.rules.match import HERE, Match
from picoqwen_core.home.rules.names import Names
from picoqwen_core.home.rules.sentences import templates
from picoqwen_core.home.rules.words import words

# A room is always given, so that templates that need one match; what it comes to is known later.
_CONTEXT = {"area": {"value": HERE, "text": ""}}


def recognized(text: str, names: Names, language: str) -> Match | None:
    """The template that fits best; None where none does."""
    result = recognize_best(
        text,
        templates(language),
        slot_lists=names.lists,
        intent_context=_CONTEXT,
        language=language,
        best_slot_name="name",
    )
    return _match(result, text, names, language) if result is not None else None


def _match(result: RecognizeResult, text: str, names: Names, language: str) -> Match:
    slots: dict[str, Any] = {}
    for entity in result.entities_list:
        value = entity.value
        if isinstance(value, dict):  # a fixed slot may be written as {"value": ...}
            value = value.get("value")
        if entity.is_wildcard:
            # Templates are matched without case; what goes on a list keeps it.
            span = entity.text_span
            value = text[span[0] : span[1]].strip() if span is not None else str(value)
        elif entity.name == "name":
            value = names.entities.get(str(value), ())
        slots[entity.name] = value
    small = words(language)
    here = small.here.search(text) is not None
    everything = small.everything.search(text) is not None and not here
    return Match(result.intent.name, slots, _domains(result), result.response or "", everything, here)


def _domains(result: RecognizeResult) -> frozenset[str]:
    """What the template's named thing may be."""
    wanted = (result.intent_data.requires_context or {}).get("domain")
    if isinstance(wanted, dict):
        wanted = wanted.get("value")
    return frozenset((wanted,) if isinstance(wanted, str) else wanted or ())
