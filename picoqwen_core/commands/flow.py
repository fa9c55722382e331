"""picoqwen flow: run a flow of a running server, with its steps as they happen."""

import argparse
from typing import Any

HELP = "run a flow of a running server, or list its flows"
_DEFAULT_URL = "http://127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which flow, its input, which server."""
    parser.add_argument("name", nargs="?", help="the flow; left out: list them")
    parser.add_argument("input", nargs="?", help="what it is to work on")
    parser.add_argument("--url", default=_DEFAULT_URL, help=f"the server ({_DEFAULT_URL})")
    parser.add_argument("--api-key", help="the server's key")
    parser.add_argument("--model", help="the model that works on it; left out: the server's first")
    for name, what in (("steps", "calls of the model"), ("seconds", "seconds"), ("tokens", "tokens")):
        parser.add_argument(f"--{name}", type=float, help=f"at most so many {what}")


def run(arguments: argparse.Namespace) -> None:
    """Print the steps and the answer; exit code 1 where the run failed."""
    from picoqwen_core.errors import ConfigError, RequestError  # noqa: PLC0415
    from picoqwen_core.terminal import Server  # noqa: PLC0415

    server = Server(arguments.url, arguments.api_key)
    if arguments.name is None:
        for flow in server.get("/api/v1/flows")["flows"]:
            print(f"{flow['name']:<14} {flow['description']}")
        return
    if not arguments.input:
        raise ConfigError(f"say what {arguments.name} is to work on: picoqwen flow {arguments.name} 'TEXT'")
    limits = {name: getattr(arguments, name) for name in ("steps", "tokens", "seconds")}
    body: dict[str, Any] = {"input": arguments.input, "stream": True, "model": arguments.model}
    body["limits"] = {
        name: value if name == "seconds" else int(value)
        for name, value in limits.items()
        if value is not None
    }
    for event in server.events(f"/api/v1/flows/{arguments.name}/runs", body):
        _show(event)
        if event["type"] == "done" and event["state"] == "failed":
            raise RequestError(event.get("error", "the run failed"))


def _show(event: dict[str, Any]) -> None:
    """One event on the terminal; pieces of the answer are shown whole at the end."""
    kind = event["type"]
    if kind == "step":
        print(f"  {event['step']}. {event['name']}")
    elif kind == "tool" and event["state"] != "called":
        values = ", ".join(str(value)[:80] for value in event["arguments"].values())
        print(f"     {event['tool']}({values}): {event['state']}")
    elif kind == "limit":
        print(f"  limit: {event['message']}")
    elif kind == "done":
        print(f"\n{event['output']}")
        for number, source in enumerate(event["sources"], 1):
            print(f"[{number}] {source['title']} {source['url']}")
