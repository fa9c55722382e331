"""What the server promises of flows, as its OpenAPI document has it; who speaks of flows is held to it."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from picoqwen_core.server.answers import ANSWERS, FLOW_EVENT


def complaints(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What of a value is not as promised."""
    return [
        f"{each.json_path}: {each.message}"[:300] for each in Draft202012Validator(schema).iter_errors(value)
    ]


def hold(method: str, path: str, value: Any) -> None:
    """Fail where an answer is not what the document says."""
    assert complaints(ANSWERS[method, path], value) == []


def hold_events(events: list[Mapping[str, Any]]) -> None:
    """Fail where an event is not what the document says, or the last is not the run."""
    for event in events:
        assert complaints(FLOW_EVENT, event) == [], event
    assert (events[0]["type"], events[-1]["type"]) == ("started", "done")
