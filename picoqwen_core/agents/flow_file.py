"""Flows that a user writes in YAML: read, checked, made into nodes. docs/agents.md explains the format."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import voluptuous as vol

from picoqwen_core.agents.flow import DEFAULT, Flow, Node, Shared
from picoqwen_core.agents.limits import Limits
from picoqwen_core.agents.quoting import RULE, quoted
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.tool import ToolResult
from picoqwen_core.errors import ConfigError, ToolError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_FIELD = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)\}")
_CONDITION = re.compile(r"([a-z][a-z0-9_.]*)\s*(>=|<=|==|!=|>|<)\s*(.+)\Z")
_END = "end"
_MOST_BYTES = 100_000
_OPERATORS = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.match(value) or value in {_END, DEFAULT}:
        raise vol.Invalid(f"must be a name of a-z, 0-9 and _, got {value!r}")
    return value


_NODE = vol.Schema(
    {
        vol.Exclusive("tool", "work"): str,
        vol.Exclusive("ask", "work"): str,
        vol.Optional("arguments", default=dict): {str: object},
        vol.Optional("system", default=""): str,
        vol.Optional("schema"): {str: object},
        vol.Optional("for_each"): str,
        vol.Optional("parallel", default=1): vol.All(int, vol.Range(1, 8)),
        vol.Optional("retries", default=0): vol.All(int, vol.Range(0, 5)),
        vol.Optional("max_tokens", default=400): vol.All(int, vol.Range(1, 4000)),
        vol.Optional("save"): _name,
        vol.Optional("when", default=list): [{vol.Required("if"): str, vol.Required("go"): str}],
        vol.Optional("next", default=_END): str,
    }
)
_FLOW = vol.Schema(
    {
        vol.Required("name"): _name,
        vol.Optional("description", default=""): str,
        vol.Optional("input", default="text"): str,
        vol.Required("start"): _name,
        vol.Optional("output"): str,
        vol.Optional("limits", default=dict): {
            vol.Optional("steps"): vol.All(int, vol.Range(1, 100)),
            vol.Optional("tokens"): vol.All(int, vol.Range(1, 1_000_000)),
            vol.Optional("seconds"): vol.All(vol.Any(int, float), vol.Range(1, 3600)),
            vol.Optional("cost"): vol.All(vol.Any(int, float), vol.Range(0, 100)),
        },
        vol.Required("nodes"): vol.All({_name: _NODE}, vol.Length(1, 40)),
    }
)


def read_flows(folder: Path) -> list[Flow]:
    """The flows of a folder's *.yaml, by name. Raises ConfigError naming the file and what is wrong in it."""
    return [read_flow(path) for path in files_in(folder)] if folder.is_dir() else []


def files_in(place: Path) -> list[Path]:
    """The files of flows in a folder, by name; a file is itself."""
    return sorted((*place.glob("*.yaml"), *place.glob("*.yml"))) if place.is_dir() else [place]


def read_flow(path: Path) -> Flow:
    """One flow. Raises ConfigError naming the file and what is wrong in it."""
    import yaml  # noqa: PLC0415

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: larger than {_MOST_BYTES} bytes")
        return parse_flow(yaml.safe_load(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from err


def parse_flow(data: Any, where: str) -> Flow:
    """A flow from what stands in its file. Raises ConfigError."""
    try:
        checked = _FLOW(data)
        nodes = {name: _node(name, node, checked["nodes"]) for name, node in checked["nodes"].items()}
        flow = Flow(
            checked["name"],
            checked["description"],
            checked["start"],
            nodes,
            checked["input"],
            tuple(dict.fromkeys(node["tool"] for node in checked["nodes"].values() if "tool" in node)),
            Limits(**checked["limits"]),
            json.dumps(data, sort_keys=True, default=str),
        )
    except vol.MultipleInvalid as err:
        first = err.errors[0]
        path = ".".join(map(str, first.path)) or "the file"
        raise ConfigError(f"{where}: {path}: {first.msg}") from err
    except vol.Invalid as err:
        raise ConfigError(f"{where}: {'.'.join(map(str, err.path))}: {err.msg}") from err
    except ConfigError as err:
        raise ConfigError(f"{where}: {err}") from err
    if unreached := set(nodes) - _reached(flow):
        raise ConfigError(f"{where}: no edge leads to {', '.join(sorted(unreached))}")
    return flow


def _reached(flow: Flow) -> set[str]:
    found, todo = set[str](), [flow.start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += flow.nodes[name].edges.values()
    return found


def _node(name: str, data: Mapping[str, Any], nodes: Mapping[str, Any]) -> Node:
    if ("tool" in data) == ("ask" in data):
        raise vol.Invalid("needs either `tool` or `ask`", ["nodes", name])
    conditions = [(_condition(each["if"], name), each["go"]) for each in data["when"]]
    targets = [*(go for _, go in conditions), data["next"]]
    for target in targets:
        if target != _END and target not in nodes:
            raise vol.Invalid(
                f"leads to {target!r}, which is no node; nodes: {', '.join(nodes)}, {_END}", ["nodes", name]
            )
    save = data.get("save", name)

    def prep(shared: Shared) -> Any:
        if "for_each" not in data:
            return shared
        items = _value(data["for_each"], shared)
        if not isinstance(items, list):
            raise ToolError(f"{name}: for_each is {data['for_each']!r}, which is no list")
        return [{**shared, "item": item} for item in items]

    def post(run: Run, shared: Shared, result: Any) -> str:  # noqa: ARG001
        shared[save] = result
        shared["output"] = result if isinstance(result, str) else str(result)
        return str(next((go for holds, go in conditions if holds(shared)), data["next"]))

    many = "" if "for_each" not in data else "parallel" if data["parallel"] > 1 else "batch"
    edges = {target: target for target in targets if target != _END}
    work = _tool(data) if "tool" in data else _ask(data)
    return Node(name, work, prep, post, edges, many, data["retries"], at_once=data["parallel"])  # type: ignore[arg-type]


def _tool(data: Mapping[str, Any]) -> Any:
    async def call(run: Run, shared: Shared) -> Any:
        arguments = _filled(data["arguments"], shared)
        # What only the author and the user have written is a plan, however late it is carried out.
        if _only_input(data["arguments"]):
            run.trust.fix(data["tool"], arguments)
        result: ToolResult = await run.call(data["tool"], arguments)
        if result.error:
            raise ToolError(result.text, untrusted=result.untrusted)
        run.sources += [each for each in result.sources if each not in run.sources]
        urls = [each.url for each in result.sources]
        return {"text": result.text, "urls": urls, **(result.data or {})}

    return call


def _ask(data: Mapping[str, Any]) -> Any:
    async def ask(run: Run, shared: Shared) -> Any:
        user = _FIELD.sub(lambda match: _shown(match.group(1), shared), data["ask"])
        system = f"{data['system']} {RULE}".strip()
        if "schema" in data:
            return await run.llm.json(system, user, data["schema"], data["max_tokens"])
        return await run.llm.text(system, user, data["max_tokens"], run.emit)

    return ask


def _shown(path: str, shared: Shared) -> str:
    """A value in a prompt; what the user did not write stands between marks."""
    value = _value(path, shared)
    text = str(value.get("text", value) if isinstance(value, dict) else value)
    return text if path == "input" else quoted(text, path)


def _filled(value: Any, shared: Shared) -> Any:
    """Arguments with their fields filled in; a field that stands alone keeps its type."""
    if isinstance(value, dict):
        return {key: _filled(each, shared) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    if match := _FIELD.fullmatch(value):
        return _value(match.group(1), shared)
    return _FIELD.sub(lambda found: str(_value(found.group(1), shared)), value)


def _only_input(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_only_input, value.values()))
    return not isinstance(value, str) or all(each == "input" for each in _FIELD.findall(value))


def _value(path: str, shared: Shared) -> Any:
    """shared["a"]["b"] of a.b. Raises ToolError where there is none."""
    found: Any = shared
    for part in path.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError) as err:
            raise ToolError(f"there is no value {path!r}") from err
    return found


def _condition(text: str, node: str) -> Any:
    match = _CONDITION.match(text)
    if match is None:
        raise vol.Invalid(f"`if` is {text!r}; it is written as in: sure.confidence > 0.8", ["nodes", node])
    path, sign, literal = match.groups()
    wanted = _literal(literal.strip())

    def holds(shared: Shared) -> bool:
        found = _value(path, shared)
        try:
            return bool(_OPERATORS[sign](found, wanted))
        except TypeError as err:
            raise ToolError(f"{text!r} compares {type(found).__name__} with {type(wanted).__name__}") from err

    return holds


def _literal(text: str) -> Any:
    words = {"true": True, "false": False}
    if text in words:
        return words[text]
    try:
        return float(text)
    except ValueError:
        return text.strip("\"'")
