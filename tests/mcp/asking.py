"""Our client as the conformance suite starts it: connects to an address and calls each tool."""

import asyncio
import json
import os
import sys
from typing import Any

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.mcp_client import McpClients
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.tool import Tool
from picoqwen_core.mcp_servers import McpServer
from tests.mcp.conftest import until

VALUES = {"string": "a", "integer": 5, "number": 5, "boolean": True, "object": {}, "array": []}


def calls(tool: Tool, tools: Registry) -> list[dict[str, Any]]:
    """The arguments of each call of a tool: what the suite wants, or a value for all that is required."""
    name = tool.name.removeprefix("peer__")
    if name == "json_schema_echo":
        # What came of another tool's schema on its way through our client.
        return [{"schema": dict(each.parameters)} for each in tools if each is not tool]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    wanted = [each["arguments"] for each in context.get("toolCalls", ()) if each["name"] == name]
    properties = tool.parameters.get("properties", {})
    needed = tool.parameters.get("required", list(properties))
    return wanted or [{key: VALUES.get(properties[key].get("type"), "a") for key in needed}]


async def main(url: str) -> int:
    """0 where every tool was called; what came of it is for the suite to judge."""
    registry = Registry()
    clients = McpClients((McpServer("peer", url=url),), registry)
    clients.start()
    try:
        await until(lambda: clients.connections[0].state == "ready")
        results = [await called(tool, given) for tool in registry for given in calls(tool, registry)]
    finally:
        await clients.stop()
    print(os.environ.get("MCP_CONFORMANCE_SCENARIO"), results)
    return 0


async def called(tool: Any, given: dict[str, Any]) -> str:
    """What a call gave; one that does not fit the schema is sent all the same, as the suite means it."""
    result = await call_tool(tool, given)
    if result.text.startswith(f"{tool.name} was not called"):
        return str(await tool.call(tool.remote, given))
    return result.text


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[-1])))
