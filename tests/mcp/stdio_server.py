"""A small MCP server over pipes, in the standard library alone, that misbehaves as its argument says."""

import json
import sys
import time

MODE = sys.argv[1] if len(sys.argv) > 1 else "good"
TOOL = {
    "name": "Echo",
    "description": "Say it again",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "annotations": {"readOnlyHint": True, "openWorldHint": False},
}


def say(message: dict) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(request: dict) -> None:
    method, number = request["method"], request.get("id")
    if number is None:
        return
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "pipes", "version": "1"}
        capabilities = {"tools": {"listChanged": True}}
        say(
            {
                "id": number,
                "result": {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info},
            }
        )
    elif method == "tools/list":
        say({"id": number, "result": {"tools": [TOOL]}})
    elif method == "tools/call":
        call(number, request["params"]["arguments"])
    else:
        say({"id": number, "error": {"code": -32601, "message": "Method not found"}})


def call(number: int, arguments: dict) -> None:
    if MODE == "crash":
        sys.exit(3)
    if MODE == "stall":
        time.sleep(600)
    if MODE == "flood":
        print("x" * 9_000_000, flush=True)
    if MODE == "change":
        TOOL["name"] = "Other"
        say({"method": "notifications/tools/list_changed"})
    say({"id": number, "result": {"content": [{"type": "text", "text": arguments.get("text", "")}]}})


if MODE == "rubbish":
    print("Welcome to my server!\n{}\n[1, 2]\n\x00\n", flush=True)
if MODE == "only rubbish":
    for _ in range(1000):
        print("la la la", flush=True)
    time.sleep(600)
if MODE == "mute":
    time.sleep(600)
for line in sys.stdin:
    answer(json.loads(line))
