"""research: search, read, analyse; until the confidence is above 0.8 or the rounds are used up; then write.

All searches are fixed before the first page is read, so that nothing that stands on a page can search for
anything.
"""

from typing import Any

from picoqwen_core.agents.flow import DEFAULT, Flow, Node, Shared
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.thinkers import AnalysisAgent, SynthesisAgent, WebSearchAgent, object_of
from picoqwen_core.agents.tool import Source
from picoqwen_core.errors import PicoQwenError

CONFIDENT = 0.8
_PAGES_A_ROUND = 3


def make(rounds: int = 3) -> Flow:
    """The flow with at most so many rounds."""
    agent = WebSearchAgent()
    nodes = (
        Node(
            "plan",
            lambda run, shared: _plan(run, shared["input"], rounds, agent.search_provider),
            post=_planned,
            edges={DEFAULT: "search"},
        ),
        Node(
            "search",
            agent.search,
            prep=lambda shared: shared["queries"][shared["round"]],
            post=_found,
            edges={DEFAULT: "read"},
            retries=1,
            fallback=_failed,
        ),
        Node(
            "read",
            lambda run, page: agent.read(run, Source(*page)),
            prep=lambda shared: shared["pages"],
            post=_read,
            edges={DEFAULT: "analyze"},
            many="parallel",
        ),
        Node("analyze", _analyze, post=_analyzed, edges={"again": "search", "enough": "synthesize"}),
        Node("synthesize", _synthesize, post=_written),
    )
    return Flow(
        "research",
        "Searches the web, reads pages, and answers with sources; searches again until it is sure.",
        "plan",
        {node.name: node for node in nodes},
        input="a question",
        tools=("web_search", "read_page"),
    )


async def _plan(run: Run, question: str, rounds: int, search: str) -> list[str]:
    """The question itself and other words for it; each may be searched for once pages were read."""
    schema = object_of(
        queries={
            "type": "array",
            "minItems": 1,
            "maxItems": rounds,
            "items": {"type": "string", "maxLength": 80},
        }
    )
    queries = [question[:300]]
    try:
        system = "Write short web searches for the question, each with other words."
        found = await run.llm.json(system, f"Question: {question}", schema, 400)
        queries += [each.strip()[:300] for each in found["queries"] if isinstance(each, str) and each.strip()]
    except PicoQwenError as err:
        run.step("plan_failed", reason=str(err)[:200])
    queries = list(dict.fromkeys(queries))[:rounds]
    for query in queries:
        run.trust.plan(search, {"query": query})
    return queries


def _planned(run: Run, shared: Shared, queries: list[str]) -> str:  # noqa: ARG001
    shared |= {"queries": queries, "round": 0, "facts": [], "seen": [], "contradiction": False, "errors": []}
    return DEFAULT


def _failed(query: str, error: PicoQwenError) -> list[Source]:  # noqa: ARG001
    """A search that failed has found nothing; the run goes on with its next one."""
    return []


def _found(run: Run, shared: Shared, sources: list[Source]) -> str:
    new = [each for each in sources if each.url not in shared["seen"]][:_PAGES_A_ROUND]
    shared["pages"] = [[each.url, each.title] for each in new]
    shared["seen"] += [each.url for each in new]
    shared["round"] += 1
    run.sources += [each for each in new if each not in run.sources]
    return DEFAULT


def _read(run: Run, shared: Shared, texts: list[str]) -> str:  # noqa: ARG001
    shared["texts"] = [[*page, text] for page, text in zip(shared["pages"], texts, strict=True) if text]
    return DEFAULT


async def _analyze(run: Run, shared: Shared) -> dict[str, Any]:
    agent = AnalysisAgent()
    facts = list(shared["facts"])
    for url, title, text in shared["texts"]:
        facts += await agent.facts(run, shared["input"], text, Source(url, title))
    confidence, contradiction = await agent.weigh(run, shared["input"], facts)
    return {"facts": facts, "confidence": confidence, "contradiction": contradiction}


def _analyzed(run: Run, shared: Shared, result: dict[str, Any]) -> str:
    shared |= result
    shared["texts"] = []
    if shared["confidence"] > CONFIDENT:
        return "enough"
    if shared["round"] < len(shared["queries"]):
        return "again"
    rounds = shared["round"]
    run.limit(
        "rounds", f"after {rounds} rounds the confidence is {shared['confidence']:.2f}, not above {CONFIDENT}"
    )
    return "enough"


async def _synthesize(run: Run, shared: Shared) -> tuple[str, list[Source]]:
    contradiction = bool(shared["contradiction"])
    return await SynthesisAgent().write(run, shared["input"], shared["facts"], contradiction=contradiction)


def _written(run: Run, shared: Shared, result: tuple[str, list[Source]]) -> str:
    shared["output"], run.sources = result[0], list(result[1])
    return DEFAULT
