"""The caller's tools, found by what they do: `intent__HassTurnOn` and the older `HassTurnOn` alike."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from picoqwen_core.messages import ToolCall, ToolSpec

# Says whose call it is, so that its result comes back to the built-in model.
CALL_PREFIX = "home_"
# The same where rules decided, so that the report of what was done is told to be theirs.
RULE_PREFIX = "home_rule_"


class Toolbox:
    """Makes calls to the tools of a request, with only the arguments that each tool has."""

    def __init__(self, tools: Sequence[ToolSpec], prefix: str = CALL_PREFIX) -> None:
        # A script is a tool too, whatever it is called.
        of_intents = (tool for tool in tools if not tool.name.startswith("script__"))
        self._tools = {tool.name.rpartition("__")[2]: tool for tool in of_intents}
        self._prefix, self._made = prefix, 0

    def has(self, name: str) -> bool:
        """Whether the caller offers the tool."""
        return name in self._tools

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolCall:
        """A call to an offered tool; arguments that are None or not in its schema are left out."""
        tool = self._tools[name]
        known = tool.parameters.get("properties", {})
        kept = {key: value for key, value in arguments.items() if value is not None and key in known}
        self._made += 1
        return ToolCall(f"{self._prefix}{self._made}_{secrets.token_hex(4)}", tool.name, kept)
