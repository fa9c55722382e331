"""Flows: nodes, edges, retries, many items, limits, YAML, and going on after a crash."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from picoqwen_core.agents.flow import DEFAULT, Flow, Node, Shared, run_flow
from picoqwen_core.agents.flow_file import parse_flow, read_flows
from picoqwen_core.agents.limits import Limits
from picoqwen_core.agents.orchestrator import AgentOrchestrator, all_flows
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.run_store import RunStore
from picoqwen_core.agents.runner import Runner, lowered
from picoqwen_core.agents.tool import Annotations, Source, ToolResult
from picoqwen_core.errors import ConfigError, LimitReached, RequestError, ToolError
from tests.agents.scripted import ScriptedModel, begin, tool


def counting(fail: int = 0) -> tuple[list[Any], Any]:
    seen: list[Any] = []

    async def work(run: Run, item: Any) -> Any:
        seen.append(item)
        if len(seen) <= fail:
            raise ToolError("not yet")
        return item * 2

    return seen, work


def flow_of(*nodes: Node) -> Flow:
    return Flow("test", "", nodes[0].name, {node.name: node for node in nodes})


def run_of(**more: Any) -> Run:
    return begin(ScriptedModel(""), **more)[1]


async def test_edges_are_followed_by_the_action_that_post_names() -> None:
    def post(run: Run, shared: Shared, result: int) -> str:
        shared["n"] = result
        return "again" if result < 10 else DEFAULT

    _, work = counting()
    shared: Shared = {"n": 1}
    run = run_of()
    await run_flow(flow_of(Node("double", work, lambda s: s["n"], post, {"again": "double"})), run, shared)
    assert shared["n"] == 16
    assert [step["action"] for step in run.steps] == ["again", "again", "again", "default"]


async def test_a_node_is_tried_again_and_then_falls_back() -> None:
    seen, work = counting(fail=2)
    await run_flow(flow_of(Node("a", work, lambda s: 1, retries=2, wait=0)), run_of(), {})
    assert len(seen) == 3
    _, work = counting(fail=9)
    with pytest.raises(ToolError, match="not yet"):
        await run_flow(flow_of(Node("a", work, lambda s: 1, retries=1, wait=0)), run_of(), {})
    node = Node(
        "a", work, lambda s: 1, lambda r, s, result: s.update(x=result), fallback=lambda item, err: "plan b"
    )
    shared: Shared = {}
    await run_flow(flow_of(node), run_of(), shared)
    assert shared["x"] == "plan b"


@pytest.mark.parametrize("many", ["batch", "parallel"])
async def test_many_items_keep_their_order(many: Any) -> None:
    _, work = counting()
    node = Node("a", work, lambda s: [1, 2, 3], lambda r, s, result: s.update(x=result), many=many)
    shared: Shared = {}
    await run_flow(flow_of(node), run_of(), shared)
    assert shared["x"] == [2, 4, 6]


async def test_items_beyond_the_limit_are_left_and_that_is_said() -> None:
    seen, work = counting()
    run = run_of()
    await run_flow(flow_of(Node("a", work, lambda s: range(60), many="batch")), run, {})
    assert (len(seen), run.limits_hit) == (50, ["items"])


async def test_a_circle_of_nodes_comes_to_an_end() -> None:
    _, work = counting()
    with pytest.raises(LimitReached, match="60 nodes"):
        await run_flow(flow_of(Node("a", work, lambda s: 1, edges={DEFAULT: "a"})), run_of(), {})


def test_an_edge_into_nothing_is_refused() -> None:
    _, work = counting()
    with pytest.raises(ConfigError, match="leads to no node: 'b'"):
        flow_of(Node("a", work, edges={DEFAULT: "b"}))


WEATHER = {
    "name": "brief",
    "start": "find",
    "nodes": {
        "find": {"tool": "web_search", "arguments": {"query": "{input} news"}, "next": "judge"},
        "judge": {
            "ask": "Is this enough? {find}",
            "schema": {"type": "object", "required": ["confidence"]},
            "when": [{"if": "judge.confidence > 0.8", "go": "write"}],
            "next": "pages",
        },
        "pages": {
            "tool": "read_page",
            "for_each": "find.urls",
            "parallel": 2,
            "arguments": {"url": "{item}"},
            "next": "write",
        },
        "write": {"ask": "Summarise {find.text} for {input}"},
    },
}
SEARCH = Annotations(read_only=True, destructive=False, open_world=True, sends="words")
READ = Annotations(read_only=True, destructive=False, open_world=True, sends="url")
HITS = ToolResult(
    "1. a page", sources=(Source("https://a.example/1", "A"), Source("https://a.example/2", "B"))
)


@pytest.mark.parametrize(("confidence", "pages"), [(0.9, 0), (0.5, 2)])
async def test_a_flow_of_yaml_branches_by_its_condition(confidence: float, pages: int) -> None:
    search, read = tool("web_search", SEARCH, result=HITS), tool("read_page", READ, result=ToolResult("text"))
    model = ScriptedModel({"confidence": confidence}, "A summary.")
    _, run, _ = begin(model, search, read, question="lamps")
    shared: Shared = {"input": "lamps"}

    await run_flow(parse_flow(WEATHER, "brief.yaml"), run, shared)

    assert shared["output"] == "A summary."
    assert search.calls == [{"query": "lamps news"}]
    assert len(read.calls) == pages
    assert "<data" in model.requests[-1].messages[-1].content


async def test_a_flow_of_yaml_cannot_carry_what_it_read_outside() -> None:
    page, out = (
        tool("page", result=ToolResult("4711")),
        tool("send", Annotations(destructive=False, open_world=True)),
    )
    nodes = {
        "page": {"tool": "page", "next": "send"},
        "send": {"tool": "send", "arguments": {"text": "{page.text}"}},
    }
    flow = parse_flow({"name": "leak", "start": "page", "nodes": nodes}, "leak.yaml")
    _, run, _ = begin(ScriptedModel(""), page, out)
    with pytest.raises(ToolError, match="send was not called"):
        await run_flow(flow, run, {"input": "x"})
    assert out.calls == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"start": "nowhere"}, "start is 'nowhere'"),
        ({"name": "Not a name"}, "name: must be a name"),
        ({"colour": "red"}, "colour: extra keys"),
        ({"nodes": {"find": {"tool": "a", "ask": "b"}}}, "same group|either"),
        ({"nodes": {"find": {}}}, "nodes.find: needs either `tool` or `ask`"),
        ({"nodes": {"find": {"ask": "a", "next": "b"}}}, "leads to 'b', which is no node"),
        ({"nodes": {"find": {"ask": "a"}, "b": {"ask": "c"}}}, "no edge leads to b"),
        ({"nodes": {"find": {"ask": "a", "when": [{"if": "sure", "go": "end"}]}}}, "it is written as in"),
        ({"nodes": {"find": {"ask": "a", "retries": 99}}}, "nodes.find.retries"),
        ({"limits": {"steps": 0}}, "limits.steps"),
    ],
)
def test_what_is_wrong_in_a_flow_is_said(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        parse_flow({**WEATHER, **change}, "brief.yaml")
    assert str(caught.value).startswith("brief.yaml: ")


def test_flows_are_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("name: one\nstart: a\nnodes:\n  a: {ask: '{input}'}\n")
    assert [flow.name for flow in read_flows(tmp_path)] == ["one"]
    assert read_flows(tmp_path / "none") == []
    (tmp_path / "two.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match=r"two\.yaml: cannot be read"):
        read_flows(tmp_path)


def runner_for(store: RunStore, model: ScriptedModel, *tools: Any) -> Runner:
    return Runner(
        AgentOrchestrator(model.chat, Registry(tools), all_flows([parse_flow(WEATHER, "f")])), store
    )


async def test_a_run_that_a_crash_broke_off_goes_on_after_its_last_whole_step(tmp_path: Path) -> None:
    search = tool("web_search", SEARCH, result=HITS)
    read = tool("read_page", READ, result=ToolResult("text"))

    def crash(request: Any) -> Any:
        raise asyncio.CancelledError

    first = runner_for(RunStore(tmp_path / "runs.db"), ScriptedModel(crash), search, read)
    running = first.start("brief", "lamps", "anna")
    running.state = "interrupted"  # what is on disk when the process dies before it can write more
    with pytest.raises(asyncio.CancelledError):
        await running.task

    second = runner_for(
        RunStore(tmp_path / "runs.db"), ScriptedModel({"confidence": 1}, "Done."), search, read
    )
    again = await second.resume(running.run.id, "anna")
    events = [event async for event in second.events(again)]

    assert events[-1]["state"] == "done"
    assert events[-1]["output"] == "Done."
    assert len(search.calls) == 1
    assert again.run.trust.tainted
    with pytest.raises(RequestError, match="only an interrupted one goes on"):
        await second.resume(running.run.id, "anna")
    with pytest.raises(RequestError, match="no run"):
        second.store.one(running.run.id, "ben")


def test_what_ran_when_the_process_died_is_found_interrupted(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.db")
    store.save({"id": "1", "state": "running", "started": 0.0}, "anna", {"at": "find"})
    store.close()
    assert RunStore(tmp_path / "runs.db").newest("anna", 5)[0]["state"] == "interrupted"


async def test_a_run_is_cancelled() -> None:
    async def forever(request: Any) -> Any:
        await asyncio.Event().wait()
        yield

    runner = Runner(AgentOrchestrator(forever, Registry(), all_flows([])), RunStore(None))
    running = runner.start("think", "why", "anna")
    await asyncio.sleep(0)
    assert (await runner.cancel(running.run.id, "anna"))["state"] == "cancelled"
    assert [event["type"] async for event in runner.events(running)][-1] == "done"


def test_limits_are_lowered_and_never_raised() -> None:
    assert lowered(Limits(steps=10), {"steps": 99, "seconds": 1}) == Limits(steps=10, seconds=1)


async def test_thinking_goes_step_by_step_reflects_and_says_its_limit() -> None:
    number = iter(range(99))
    model = ScriptedModel(
        lambda request: (
            {"thought": f"t{next(number)}", "more_needed": True} if request.response_format else "text"
        )
    )
    orchestrator, run, _ = begin(model)
    orchestrator.flows = all_flows([])
    assert await orchestrator.run(orchestrator.flow("ruminate"), run, {"input": "why"}) == "text"
    assert run.limits_hit == ["thoughts"]
    assert [step["name"] for step in run.steps].count("reflection") == 6
