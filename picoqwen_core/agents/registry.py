"""Which tools there are: the table of those that come with the server, and the registry of those in use."""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module

from picoqwen_core.agents.tool import Tool, spec_of
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ConfigError, RequestError
from picoqwen_core.messages import ToolSpec

# The tools that come with the server: the name, and the file whose make() gives it, imported when it is used.
BUILT_IN: dict[str, str] = {
    "web_search": "web_search",
    "read_page": "read_page",
    "calculator": "calculator",
    "date_time": "date_time",
    "convert_units": "convert_units",
    "notes": "notes",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")
# Between a server's name and its tool's.
NAMESPACE = "__"


class Registry:
    """The tools in use, by name. Other servers' come and go while it is read."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools = _named(tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(tuple(self._tools.values()))

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def add(self, tool: Tool) -> None:
        """Take a tool in. Raises ConfigError for a name that is taken or cannot be one."""
        self._tools = _named((*self, tool))

    def replace(self, namespace: str, tools: Iterable[Tool]) -> None:
        """Let these be all the tools of a server; their names begin with `namespace__`.

        Raises ConfigError where one does not, and changes nothing then.
        """
        prefix = f"{namespace}{NAMESPACE}"
        kept = [tool for tool in self if not tool.name.startswith(prefix)]
        new = tuple(tools)
        for tool in new:
            if not tool.name.startswith(prefix):
                raise ConfigError(f"tool {tool.name!r}: a tool of {namespace!r} is named {prefix}...")
        self._tools = _named((*kept, *new))

    def get(self, name: str) -> Tool:
        """The tool of that name. Raises RequestError naming those there are."""
        if name not in self._tools:
            raise RequestError(f"there is no tool {name!r}; there is: {', '.join(self._tools) or 'none'}")
        return self._tools[name]

    def chosen(self, names: Iterable[str] | None) -> tuple[Tool, ...]:
        """The tools of these names, or all. Raises RequestError for one that there is not."""
        return tuple(self) if names is None else tuple(self.get(name) for name in dict.fromkeys(names))

    def specs(self, names: Iterable[str] | None = None) -> tuple[ToolSpec, ...]:
        """The tools as a model is told of them."""
        return tuple(spec_of(tool) for tool in self.chosen(names))


def built_in(names: Iterable[str], box: Toolbox) -> tuple[Tool, ...]:
    """The tools of these names that come with the server. Raises ConfigError for one that does not."""
    return tuple(_make(name, box) for name in dict.fromkeys(names))


def _named(tools: Iterable[Tool]) -> dict[str, Tool]:
    named: dict[str, Tool] = {}
    for tool in tools:
        if not _NAME.fullmatch(tool.name):
            raise ConfigError(f"tool {tool.name!r}: a name is 1 to 128 of a-z, 0-9, _ and -")
        if tool.name in named:
            raise ConfigError(f"tool {tool.name!r}: there are two of that name")
        named[tool.name] = tool
    return named


def _make(name: str, box: Toolbox) -> Tool:
    if name not in BUILT_IN:
        raise ConfigError(f"tool {name!r} does not come with the server; there is: {', '.join(BUILT_IN)}")
    tool: Tool = import_module(f"picoqwen_core.agents.builtin.{BUILT_IN[name]}").make(box)
    return tool
