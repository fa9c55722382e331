"""Matches a sentence with the templates of its language and the names of its home."""

from typing import Any

from hassil.intents import WildcardSlotList
from hassil.recognize import RecognizeResult, recognize_all, recognize_best

from picoqwen_core.home.rules.match import HERE, Match
from picoqwen_core.home.rules.names import Names
from picoqwen_core.home.rules.sentences import templates, unknown_templates
from picoqwen_core.home.rules.words import words

# A room is always given, so that templates that need one match; what it comes to is known later.
_CONTEXT = {"area": {"value": HERE, "text": ""}}
_MOST_UNKNOWN_WORDS = 4


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


def unknown_name(text: str, names: Names, language: str) -> str | None:
    """What is told to do something although nothing of the home is called so; None for all other sentences.

    The verb has to come first: "switch the whirlpool on" is about a thing, "who has a whirlpool on" is not.
    """
    results = recognize_all(
        text,
        unknown_templates(language),
        slot_lists={**names.lists, "name": WildcardSlotList("name")},
        intent_context=_CONTEXT,
        language=language,
    )
    for result in results:
        name = result.entities.get("name")
        if name is None or not name.is_wildcard or name.text_span is None:
            continue
        start, end = name.text_span
        said = text[start:end].strip(" .,!?")
        if start > 0 and 0 < len(said.split()) <= _MOST_UNKNOWN_WORDS:
            return said
    return None


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
