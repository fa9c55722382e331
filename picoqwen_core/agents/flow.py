"""Flows in PocketFlow's vocabulary: nodes that prepare, execute and post, joined by named edges.

`prep` reads the shared state, `exec` does the work and does not see it, `post` writes what came of it and
names the edge to follow. The shared state is JSON, so that it is stored after each node and a run goes on
from there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from picoqwen_core.agents.limits import Limits
from picoqwen_core.agents.run import Run
from picoqwen_core.errors import ConfigError, LimitReached, PicoQwenError

type Shared = dict[str, Any]
# Told after each node: the node that comes next, None at the end.
type Keep = Callable[[str | None, Shared], Awaitable[None]]

DEFAULT = "default"
MOST_VISITS, MOST_ITEMS = 60, 50


def nothing_more(run: Run, shared: Shared, result: Any) -> str:  # noqa: ARG001 - as every post
    """A post that writes nothing and goes on."""
    return DEFAULT


async def keep_nothing(following: str | None, shared: Shared) -> None:
    """For runs that need not outlast the process."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a flow.

    many: "batch" executes each item of what prep gives in turn, "parallel" `at_once` of them together.
    retries: further tries after an error, `wait` seconds apart and doubling; then `fallback` gives the
    result, where there is one. edges: where each action leads; an action without an edge ends the flow.
    """

    name: str
    exec: Callable[[Run, Any], Awaitable[Any]]
    prep: Callable[[Shared], Any] = lambda shared: shared
    post: Callable[[Run, Shared, Any], str | None] = nothing_more
    edges: Mapping[str, str] = field(default_factory=dict)
    many: Literal["", "batch", "parallel"] = ""
    retries: int = 0
    wait: float = 0.5
    at_once: int = 3
    fallback: Callable[[Any, PicoQwenError], Any] | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Nodes by name, and where to start; the shared value `output` is what comes out.

    input: what a run is given, in words. tools: those that it calls. source: what it was made of, where that
    is a file.
    """

    name: str
    description: str
    start: str
    nodes: Mapping[str, Node]
    input: str = "text"
    tools: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    source: str = ""

    def __post_init__(self) -> None:
        where = f"flow {self.name!r}"
        for name, node in self.nodes.items():
            for action, target in node.edges.items():
                if target not in self.nodes:
                    raise ConfigError(f"{where}: edge {action!r} of {name!r} leads to no node: {target!r}")
        if self.start not in self.nodes:
            raise ConfigError(f"{where}: start is {self.start!r}; the nodes are: {', '.join(self.nodes)}")


async def run_flow(
    flow: Flow, run: Run, shared: Shared, *, at: str | None = None, keep: Keep = keep_nothing
) -> None:
    """Go from node to node, from `at` or the start, to the end.

    Raises LimitReached, the errors of a node whose tries are used up, and CancelledError.
    """
    name: str | None = at or flow.start
    await keep(name, shared)
    while name is not None:
        visits = shared["_visits"] = shared.get("_visits", 0) + 1
        if visits > MOST_VISITS:
            raise LimitReached.of("nodes", MOST_VISITS)
        node, begun = flow.nodes[name], time.monotonic()
        result = await _executed(node, run, node.prep(shared))
        action = node.post(run, shared, result) or DEFAULT
        run.step(name, action=action, seconds=round(time.monotonic() - begun, 3))
        name = node.edges.get(action)
        await keep(name, shared)


async def _executed(node: Node, run: Run, prepared: Any) -> Any:
    if not node.many:
        return await _tried(node, run, prepared)
    items = list(prepared)
    if len(items) > MOST_ITEMS:
        run.limit("items", f"{node.name} was given {len(items)} items; the first {MOST_ITEMS} are done")
        items = items[:MOST_ITEMS]
    if node.many == "batch":
        return [await _tried(node, run, item) for item in items]
    gate = asyncio.Semaphore(node.at_once)

    async def one(item: Any) -> Any:
        async with gate:
            return await _tried(node, run, item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except* PicoQwenError as errors:
        raise _first(errors) from errors
    return [task.result() for task in tasks]


async def _tried(node: Node, run: Run, prepared: Any) -> Any:
    for attempt in range(node.retries + 1):
        try:
            return await node.exec(run, prepared)
        except LimitReached:
            raise
        except PicoQwenError as err:
            if attempt == node.retries:
                if node.fallback is None:
                    raise
                return node.fallback(prepared, err)
            await asyncio.sleep(min(node.wait * 2**attempt, run.meter.seconds_left()))
    return None


def _first(errors: BaseExceptionGroup[PicoQwenError]) -> PicoQwenError:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, PicoQwenError)
    return found
