"""Our client as the conformance suite starts it: connects to an address and calls each tool."""

import asyncio
import os
import sys

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.mcp_client import McpClients
from picoqwen_core.agents.registry import Registry
from picoqwen_core.mcp_servers import McpServer
from tests.mcp.conftest import until

ARGUMENTS = {"peer__add_numbers": {"a": 5, "b": 3}}


async def main(url: str) -> int:
    """0 where every tool answered."""
    registry = Registry()
    clients = McpClients((McpServer("peer", url=url),), registry)
    clients.start()
    try:
        await until(lambda: clients.connections[0].state == "ready")
        results = [await call_tool(tool, ARGUMENTS.get(tool.name, {})) for tool in registry]
    finally:
        await clients.stop()
    print(os.environ.get("MCP_CONFORMANCE_SCENARIO"), [result.text for result in results])
    return int(any(result.error for result in results))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[-1])))
