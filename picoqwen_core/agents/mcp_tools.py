"""Another MCP server's tool as one of ours: its name, what it is believed to do, and what it answers.

Everything that a server says is somebody else's: its descriptions are cut short, its schemas cleaned, and its
results are untrusted. No connection here; mcp_client.py keeps those.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from picoqwen_core.agents.registry import NAMESPACE
from picoqwen_core.agents.tool import Annotations, Described, ToolContext, ToolResult
from picoqwen_core.mcp_servers import McpServer

_LOGGER = logging.getLogger(__name__)
MOST_TOOLS = 128
_NAME_CHARACTERS = 128
_DESCRIPTION_CHARACTERS = 1000
_SCHEMA_BYTES = 20_000
# Before the limit of a result for a model, so that a huge one is not carried around.
_RESULT_CHARACTERS = 100_000
# The server checks these itself; here a pattern could keep the event loop busy for ever.
_DROPPED = frozenset({"pattern", "patternProperties"})
type Call = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTool(Described):
    """Hands a call on; `remote` is what the server calls the tool, whose keys no answer shows."""

    remote: str
    server: McpServer
    call: Call

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:  # noqa: ARG002
        """What the server answers. Raises ToolError where it does not."""
        result = result_of(await self.call(self.remote, arguments))
        return replace(result, text=self.server.without_secrets(result.text), data=self._data(result.data))

    def _data(self, data: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        text = json.dumps(data, ensure_ascii=False)
        clean = self.server.without_secrets(text)
        return data if clean == text else json.loads(clean)


def tools_of(server: McpServer, listed: Iterable[Any], call: Call) -> list[RemoteTool]:
    """The server's tools, as far as they can be used; what is left out is said in the log."""
    made: dict[str, RemoteTool] = {}
    for wire in listed:
        if server.tools and wire.name not in server.tools:
            continue
        name = f"{server.name}{NAMESPACE}{re.sub(r'[^a-z0-9_-]', '_', wire.name.lower())}"
        schema = _cleaned(wire.input_schema)
        if reason := _unusable(name, wire.input_schema, made):
            _LOGGER.warning("MCP server %s: tool %r is left out: %s", server.name, wire.name[:100], reason)
            continue
        made[name] = RemoteTool(
            name,
            _plain(wire.description or wire.title or wire.name),
            schema,
            _annotations(server, wire.annotations),
            server.timeout,
            "" if server.trusted else f"the MCP server {server.name}",
            remote=wire.name,
            server=server,
            call=call,
        )
    return list(made.values())


def result_of(answer: Any) -> ToolResult:
    """A server's answer as text and data; what is no text is only named."""
    parts = [_text(block) for block in answer.content]
    data = answer.structured_content if isinstance(answer.structured_content, Mapping) else None
    if not any(parts) and data is not None:
        parts = [json.dumps(data, ensure_ascii=False)]
    text = "\n".join(part for part in parts if part)[:_RESULT_CHARACTERS]
    return ToolResult(text, untrusted=True, error=bool(answer.is_error), data=data)


def _annotations(server: McpServer, hints: Any) -> Annotations:
    """What the server says of a tool, where it is believed; else, and where it says nothing, the worst."""
    if not server.trusted or hints is None:
        return Annotations()
    read_only = hints.read_only_hint is True
    return Annotations(
        read_only=read_only,
        destructive=not read_only and hints.destructive_hint is not False,
        open_world=hints.open_world_hint is not False,
        idempotent=hints.idempotent_hint is True,
    )


def _unusable(name: str, schema: Any, made: Mapping[str, RemoteTool]) -> str:
    """Why a tool cannot be used; empty where it can."""
    if len(made) >= MOST_TOOLS:
        return f"there are {MOST_TOOLS} already"
    if len(name) > _NAME_CHARACTERS:
        return f"its name is longer than {_NAME_CHARACTERS} characters"
    if name in made:
        return f"another is named {name} too"
    text = json.dumps(schema)
    if len(text) > _SCHEMA_BYTES:
        return f"its schema has more than {_SCHEMA_BYTES} bytes"
    # One that points elsewhere would be fetched while arguments are checked.
    elsewhere = [
        ref for ref in re.findall(r'"\$(?:ref|dynamicRef)": "([^"]*)', text) if not ref.startswith("#")
    ]
    return f"its schema refers to {elsewhere[0][:100]!r}" if elsewhere else ""


def _cleaned(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_cleaned(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    # "properties" may well have one that is named pattern.
    kept = {key: item for key, item in schema.items() if key not in _DROPPED or isinstance(item, Mapping)}
    kept.pop("patternProperties", None)
    return {key: _cleaned(item) for key, item in kept.items()}


def _plain(text: str) -> str:
    """One paragraph without control characters, cut short."""
    words = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return words[:_DESCRIPTION_CHARACTERS]


def _text(block: Any) -> str:
    kind = getattr(block, "type", "")
    if kind == "text":
        return str(block.text)
    text = getattr(getattr(block, "resource", None), "text", None)
    if kind == "resource" and text is not None:
        return str(text)
    if kind == "resource_link":
        return f"[a link to {block.uri}]"
    return f"[{kind or 'something'} that cannot be shown as text]"
