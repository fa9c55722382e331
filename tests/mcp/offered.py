"""A real server with /mcp, for script/test-mcp: prints its address. It offers what the suite wants.

What answers is scripted, in the place of the registry's tools, the flows' runs and their prompts; the
endpoint, its transport, its sessions and all that speaks the protocol are those of the product.
"""

import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picoqwen_core.agents import flow_offer
from picoqwen_core.agents.offered import Document, Prompt
from picoqwen_core.agents.tool import Described, ToolContext, ToolResult
from picoqwen_core.config import Settings
from picoqwen_core.errors import RequestError, ToolError
from picoqwen_core.messages import ChatDelta, Usage
from picoqwen_core.router import Router
from picoqwen_core.server.agents import AGENTS
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.server.conftest import FakeProvider

# All that a schema of 2020-12 may hold and that must reach the client.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "address",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "way": {"enum": ["phone", "letter"]},
        "phone": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["address"]}]}],
    "if": {"properties": {"way": {"const": "phone"}}, "required": ["way"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["address"]},
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Says(Described):
    text: str

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return ToolResult(self.text)


@dataclass(frozen=True, slots=True)
class Fails(Described):
    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        raise ToolError("This tool intentionally returns an error for testing")


@dataclass(frozen=True, slots=True)
class Reports(Described):
    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        for done in (0, 50, 100):
            await context.report(done, 100, None)
            await asyncio.sleep(0.05)
        return ToolResult("all of it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Described):
    told: list[Any]

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        for tell in self.told:
            tell()
        return ToolResult("other flows")


class Texts:
    """Documents under the suite's addresses."""

    template = "test://template/{id}/data"
    about = "A text with its id"

    def __init__(self, *_: Any) -> None:
        self._text = Document("test://static-text", "text", "A text", "text/plain", "This is a text.")

    def newest(self, owner: str) -> Sequence[Document]:
        return [self._text]

    def read(self, uri: str, owner: str) -> Document:
        if uri == self._text.uri:
            return self._text
        if not uri.startswith("test://template/"):
            raise RequestError(f"there is no resource {uri!r}")
        return Document(uri, "data", "A text with its id", "text/plain", f"id {uri.split('/')[3]}")

    def ids(self, start: str, owner: str) -> Sequence[str]:
        return [each for each in ("123", "124") if each.startswith(start)]


def prompts(*_: Any) -> Sequence[Prompt]:
    both = {"arg1": "The first", "arg2": "The second"}
    return [
        Prompt("test_simple_prompt", "Says something", lambda _: "This is a simple prompt for testing."),
        Prompt("test_prompt_with_arguments", "Has two", lambda given: f"arg1={given['arg1']}, {given}", both),
    ]


async def main(port: int) -> None:
    """Serve until the process is ended."""
    end = ChatDelta(finish_reason="stop", usage=Usage(1, 1))
    flow_offer.RunDocuments, flow_offer.flow_prompts = Texts, prompts
    folder = Path(tempfile.mkdtemp())
    settings = Settings(port=port, mcp=True, agents=True, agents_dir=folder, agent_tools=())
    state = State(settings, Router([FakeProvider(ChatDelta(content="hello"), end)]))
    simple = "This is a simple text response for testing."
    state.registry.add(Says("test_simple_text", "Answers with a text", text=simple))
    state.registry.add(Reports("test_tool_with_progress", "Takes a while"))
    state.registry.add(Fails("test_error_handling", "Fails"))
    state.registry.add(Says("json_schema_2020_12_tool", "Has a large schema", SCHEMA, text="ok"))
    app = make_app(state)
    async with listening(app, state.settings) as url:
        for name in ("test_trigger_tool_change", "test_trigger_prompt_change"):
            state.registry.add(Changes(name, "Changes flows", told=app[AGENTS].other_flows))
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
