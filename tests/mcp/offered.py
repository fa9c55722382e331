"""A real server with /mcp, for script/test-mcp: prints its address. Its tools are those that the suite wants.

What answers is scripted; the endpoint, its transport and its sessions are those of the product.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picoqwen_core.agents.tool import Described, ToolContext, ToolResult
from picoqwen_core.config import Settings
from picoqwen_core.errors import ToolError
from picoqwen_core.messages import ChatDelta, Usage
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.server.conftest import FakeProvider

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
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


async def main(port: int) -> None:
    """Serve until the process is ended."""
    end = ChatDelta(finish_reason="stop", usage=Usage(1, 1))
    state = State(Settings(port=port, mcp=True), Router([FakeProvider(ChatDelta(content="hello"), end)]))
    simple = "This is a simple text response for testing."
    state.registry.add(Says("test_simple_text", "Answers with a text", text=simple))
    state.registry.add(Fails("test_error_handling", "Fails"))
    state.registry.add(Says("json_schema_2020_12_tool", "Has a large schema", SCHEMA, text="ok"))
    async with listening(make_app(state), state.settings) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
