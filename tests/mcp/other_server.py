"""An MCP server that is not ours, as a process: the package's own, over Streamable HTTP or pipes.

python other_server.py PORT (0: pipes). Its tool `change` takes `first` away and brings `second`, whose schema
has another field, and tells of it.
"""

import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("other")


@server.tool()
def first(text: str) -> str:
    """Says it once."""
    return text


@server.tool()
async def change(context: Context) -> str:
    """Other tools from now on."""

    def second(text: str, times: int) -> str:
        """Says it often."""
        return text * times

    server.remove_tool("first")
    server.add_tool(second)
    await context.notify_tools_changed()
    await context.request_context.session.send_tool_list_changed()
    return "changed"


if __name__ == "__main__":
    if port := int(sys.argv[1]):
        server.run("streamable-http", host="127.0.0.1", port=port)
    else:
        server.run("stdio")
