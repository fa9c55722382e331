"""picoqwen flow: runs flows on a running server, and looks after their runs.

picoqwen flow list                    the flows that the server has
picoqwen flow run research 'TEXT'     run one, with its steps as they happen
picoqwen flow runs                    the last runs
picoqwen flow show | resume | cancel ID
picoqwen flow check FILE ...          whether flows of one's own are right; needs no server
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HELP = "run flows of a running server, and look after their runs"
_DEFAULT_URL = "http://127.0.0.1:8080"
_LIMITS = (("steps", int, "calls of the model"), ("tokens", int, "tokens"), ("seconds", float, "seconds"))
_MOST_RUNS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and which server."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    server = argparse.ArgumentParser(add_help=False)
    server.add_argument("--url", default=_DEFAULT_URL, help=f"the server ({_DEFAULT_URL})")
    server.add_argument("--api-key", help="the server's key")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", parents=[server], help="the flows that the server has")
    run_ = actions.add_parser("run", parents=[server], help="run a flow")
    run_.add_argument("name", help="the flow")
    run_.add_argument("input", help="what it is to work on")
    run_.add_argument("--model", help="the model that works on it; left out: the server's first")
    for name, kind, what in _LIMITS:
        run_.add_argument(f"--{name}", type=kind, help=f"at most so many {what}")
    run_.add_argument("--cost", type=float, help="at most so many dollars")
    runs = actions.add_parser("runs", parents=[server], help="the last runs")
    runs.add_argument("--limit", type=int, default=20, help=f"so many of them (20), {_MOST_RUNS} at most")
    for name, what in (
        ("show", "one run, with its steps"),
        ("resume", "go on with a run that was broken off"),
        ("cancel", "end a run"),
    ):
        actions.add_parser(name, parents=[server], help=what).add_argument("id", help="the run")
    check = actions.add_parser("check", help="whether flows of one's own are right; needs no server")
    check.add_argument("files", nargs="+", type=Path, help="YAML files, or folders of them")


def run(arguments: argparse.Namespace) -> None:
    """Do it; exit code 1 where a run or a file has failed."""
    _ACTIONS[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> None:
    for flow in _server(arguments).get("/api/v1/flows")["flows"]:
        lacks = f" (cannot run: lacks {', '.join(flow['lacks'])})" if flow["lacks"] else ""
        print(f"{flow['name']:<14} {flow['description']}{lacks}")


def _run(arguments: argparse.Namespace) -> None:
    names = (*(name for name, _, _ in _LIMITS), "cost")
    limits = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    body = {"input": arguments.input, "stream": True, "model": arguments.model, "limits": limits}
    _follow(_server(arguments).events(f"/api/v1/flows/{_quoted(arguments.name)}/runs", body))


def _resume(arguments: argparse.Namespace) -> None:
    path = f"/api/v1/flows/runs/{_quoted(arguments.id)}/resume"
    _follow(_server(arguments).events(path, {"stream": True}))


def _runs(arguments: argparse.Namespace) -> None:
    for each in _server(arguments).get(f"/api/v1/flows/runs?limit={arguments.limit}")["runs"]:
        words = " ".join(each["input"].split())
        print(f"{each['id']}  {each['state']:<11}  {each['flow']:<14} {words[:60]}")


def _show(arguments: argparse.Namespace) -> None:
    found = _server(arguments).get(f"/api/v1/flows/runs/{_quoted(arguments.id)}")
    print(f"{found['flow']}: {found['input']}")
    for step in found["steps"]:
        _tell({"type": "step", **step})
    _end(found)


def _cancel(arguments: argparse.Namespace) -> None:
    found = _server(arguments).delete(f"/api/v1/flows/runs/{_quoted(arguments.id)}")
    print(f"{found['id']} is {found['state']}")


def _check(arguments: argparse.Namespace) -> None:
    from picoqwen_core.agents.flow_file import files_in, read_flow  # noqa: PLC0415
    from picoqwen_core.errors import ConfigError  # noqa: PLC0415

    wrong: list[str] = []
    for path in (each for given in arguments.files for each in files_in(given)):
        try:
            flow = read_flow(path)
        except ConfigError as err:
            wrong.append(str(err))
            continue
        tools = f"; tools: {', '.join(flow.tools)}" if flow.tools else ""
        print(f"{path}: {flow.name}, {len(flow.nodes)} nodes{tools}")
    if wrong:
        raise ConfigError("\n".join(wrong))


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "list": _list,
    "run": _run,
    "runs": _runs,
    "show": _show,
    "resume": _resume,
    "cancel": _cancel,
    "check": _check,
}


def _follow(events: Iterable[dict[str, Any]]) -> None:
    """Show a run to its end. Raises RequestError where it failed, EngineUnavailable where it broke off."""
    from picoqwen_core.errors import EngineUnavailable, RequestError  # noqa: PLC0415

    id_ = ""
    try:
        for event in events:
            id_ = event.get("id", id_)
            _tell(event)
            if event["type"] == "done":
                if event["state"] not in ("done", "limited"):
                    raise RequestError(event.get("error") or f"run {id_} is {event['state']}")
                return
    except EngineUnavailable as err:
        if not id_:
            raise
        raise _broken_off(id_, err) from err
    raise _broken_off(id_, None)


def _broken_off(id_: str, err: Exception | None) -> Exception:
    from picoqwen_core.errors import EngineUnavailable  # noqa: PLC0415

    why = f" ({err})" if err is not None else ""
    return EngineUnavailable(f"run {id_} was broken off{why}; `picoqwen flow resume {id_}` goes on with it")


def _tell(event: dict[str, Any]) -> None:
    """One event on the terminal; pieces of the answer are shown whole at the end."""
    kind = event["type"]
    if kind == "started":
        print(f"run {event['id']}")
    elif kind == "step":
        print(f"  {event['step']}. {event['name']}", flush=True)
    elif kind == "tool" and event["state"] != "called":
        values = ", ".join(str(value)[:80] for value in event["arguments"].values())
        print(f"     {event['tool']}({values}): {event['state']}")
    elif kind == "limit":
        print(f"  limit: {event['message']}")
    elif kind == "done":
        _end(event)


def _end(found: dict[str, Any]) -> None:
    print(f"\n{found['output'] or '(no output)'}")
    for number, source in enumerate(found["sources"], 1):
        print(f"[{number}] {source['title']} {source['url']}")
    used = found["usage"]
    tokens = used["prompt_tokens"] + used["completion_tokens"]
    hit = f"; limits hit: {', '.join(found['limits_hit'])}" if found["limits_hit"] else ""
    print(
        f"({found['state']}: {used['steps']:.0f} calls, {tokens:.0f} tokens, {used['seconds']:.1f} s, "
        f"${used['cost']:.4f}{hit})"
    )


def _server(arguments: argparse.Namespace) -> Any:
    from picoqwen_core.terminal import Server  # noqa: PLC0415

    return Server(arguments.url, arguments.api_key)


def _quoted(text: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return quote(text, safe="")
