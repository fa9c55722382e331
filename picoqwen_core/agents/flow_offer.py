"""Flows as MCP clients see them beside the tools: runs as documents, and a prompt for each flow."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from picoqwen_core.agents.flow_tool import PREFIX, flow_tools
from picoqwen_core.agents.offered import Document, Prompt
from picoqwen_core.agents.run_store import RunStore
from picoqwen_core.agents.runner import Runner
from picoqwen_core.errors import RequestError

_BASE = "picoqwen://runs/"
_LISTED, _COMPLETED = 50, 100
_INPUT = "input"


class RunDocuments:
    """Each run of a flow, with its output, its sources and what limits it hit."""

    template = _BASE + "{id}"
    about = "A run of a flow: its input, its output and its sources."

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def newest(self, owner: str) -> Sequence[Document]:
        """The last runs of an owner."""
        return [_listed(run) for run in self._store.newest(owner, _LISTED)]

    def read(self, uri: str, owner: str) -> Document:
        """A run as text. Raises RequestError where the owner has none of that URI."""
        if not uri.startswith(_BASE):
            raise RequestError(f"there is no resource {uri[:100]!r}; a run is {self.template}")
        run = self._store.one(uri.removeprefix(_BASE), owner)
        listed = _listed(run)
        return Document(listed.uri, listed.name, listed.description, text=_text(run))

    def ids(self, start: str, owner: str) -> Sequence[str]:
        """Ids of runs that begin so."""
        return [run["id"] for run in self._store.newest(owner, _COMPLETED) if run["id"].startswith(start)]


def flow_prompts(runner: Runner) -> Iterator[Prompt]:
    """A prompt for each flow that can be called."""
    for tool in flow_tools(runner):
        yield Prompt(
            tool.name.removeprefix(PREFIX),
            tool.description,
            _Start(tool.name),
            {_INPUT: _what(tool.parameters)},
        )


class _Start:
    def __init__(self, tool: str) -> None:
        self._tool = tool

    def __call__(self, values: Mapping[str, str]) -> str:
        return (
            f"Call the tool {self._tool} with this input and answer from its result, with its sources. "
            f"Input: {values[_INPUT]}"
        )


def _what(schema: Mapping[str, Any]) -> str:
    return str(schema["properties"][_INPUT]["description"])


def _listed(run: Mapping[str, Any]) -> Document:
    words = " ".join(run["input"].split())[:80]
    return Document(
        f"{_BASE}{run['id']}", f"{run['flow']}: {words}", f"A run of {run['flow']}, {run['state']}."
    )


def _text(run: Mapping[str, Any]) -> str:
    """What a person would want to read of a run."""
    parts = [f"# {run['flow']}: {run['input']}", run["output"] or f"(no output; {run['state']})"]
    if run.get("error"):
        parts.append(f"It failed: {run['error']}")
    if run["limits_hit"]:
        parts.append(f"Limits that were hit: {', '.join(run['limits_hit'])}")
    if run["sources"]:
        parts.append("\n".join(f"- {each['title']} {each['url']}".rstrip() for each in run["sources"]))
    return "\n\n".join(parts)
