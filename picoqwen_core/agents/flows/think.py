"""think and ruminate: a question thought through in steps. search: one web search and an answer."""

from picoqwen_core.agents.flow import DEFAULT, Flow, Node, Shared
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.thinkers import SequentialThinkingAgent, WebSearchAgent


def think() -> Flow:
    """Thoughts, one reflection, an answer."""
    return _thinking("think", "Thinks in steps, reflects, then answers.", SequentialThinkingAgent())


def ruminate() -> Flow:
    """A reflection after every thought."""
    agent = SequentialThinkingAgent(max_steps=6, ruminate=True)
    return _thinking("ruminate", "Turns a question over and over: a reflection after every thought.", agent)


def search() -> Flow:
    """One search, a few pages, one answer."""

    async def exec_(run: Run, shared: Shared) -> str:
        text, run.sources = await WebSearchAgent().answer(run, shared["input"])
        return text

    node = Node("search", exec_, post=_written)
    description = "Searches the web once, reads a few pages, and answers with sources."
    return Flow("search", description, "search", {"search": node}, "a question", ("web_search", "read_page"))


def _thinking(name: str, description: str, agent: SequentialThinkingAgent) -> Flow:
    node = Node("think", lambda run, shared: agent.answer(run, shared["input"]), post=_written)
    return Flow(name, description, "think", {"think": node}, input="a question")


def _written(run: Run, shared: Shared, text: str) -> str:  # noqa: ARG001
    shared["output"] = text
    return DEFAULT
