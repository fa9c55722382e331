"""Agents that are one question or a few: searching, thinking step by step, analysing, putting together.

Made for models of 0.6 to 4 billion weights: one small question at a time, answered in a given form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from picoqwen_core.agents.quoting import RULE, quoted
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.tool import Source
from picoqwen_core.errors import ToolError

# What may be written at most fits into the tokens that are given, also where each letter is a token: an
# answer that is cut off is no JSON, and small models go on for as long as they may.
_THOUGHT = {"type": "string", "maxLength": 240}
_FACT = {"type": "string", "maxLength": 180}
_FACT_TOKENS, _WEIGHT_TOKENS = 600, 40
_MOST_READ = 3500


def object_of(**properties: Any) -> dict[str, Any]:
    """The schema of an object with all of these."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class WebSearchAgent:
    """Searches, reads, and answers with sources. `search_provider` and `reader` are names of tools."""

    search_provider: str = "web_search"
    reader: str = "read_page"
    pages: int = 3

    async def search(self, run: Run, query: str) -> list[Source]:
        """What is found. Raises ToolError where the search fails."""
        result = await run.call(self.search_provider, {"query": query})
        if result.error:
            raise ToolError(result.text, untrusted=result.untrusted)
        return list(result.sources)

    async def read(self, run: Run, source: Source) -> str:
        """The text of a page, "" where it cannot be read."""
        result = await run.call(self.reader, {"url": source.url})
        return "" if result.error else result.text

    async def answer(self, run: Run, question: str) -> tuple[str, list[Source]]:
        """One search, a few pages, one answer."""
        found = (await self.search(run, question[:300]))[: self.pages]
        facts = []
        for source in found:
            if text := await self.read(run, source):
                facts += await AnalysisAgent().facts(run, question, text, source)
        return await SynthesisAgent().write(run, question, facts, contradiction=False)


@dataclass(frozen=True, slots=True)
class AnalysisAgent:
    """Takes from pages what answers a question, and says how sure that makes it."""

    most_facts: int = 3

    async def facts(self, run: Run, question: str, text: str, source: Source) -> list[dict[str, str]]:
        """The facts of one page, each with where it stands; none where the model gives none."""
        schema = object_of(facts={"type": "array", "maxItems": self.most_facts, "items": _FACT})
        system = f"List facts from the text that help to answer the question; none if it does not. {RULE}"
        user = f"{quoted(text[:_MOST_READ], source.url)}\n\nQuestion: {question}"
        try:
            found = await run.llm.json(system, user, schema, _FACT_TOKENS)
        except ToolError as err:
            run.step("no_facts", url=source.url, reason=str(err)[:200])
            return []
        facts = [each for each in found["facts"] if isinstance(each, str) and each.strip()]
        return [
            {"fact": each.strip(), "url": source.url, "title": source.title}
            for each in facts[: self.most_facts]
        ]

    async def weigh(self, run: Run, question: str, facts: Sequence[dict[str, str]]) -> tuple[float, bool]:
        """How sure the facts make the answer, 0 to 1, and whether they contradict each other."""
        if not facts:
            return 0.0, False
        schema = object_of(
            confidence={"type": "integer", "minimum": 0, "maximum": 100}, contradiction={"type": "boolean"}
        )
        system = f"How sure can the question be answered by these facts, from 0 to 100? {RULE}"
        user = f"{_listed(facts)}\n\nQuestion: {question}"
        try:
            found = await run.llm.json(system, user, schema, _WEIGHT_TOKENS)
            sure = min(100.0, max(0.0, float(found["confidence"]))) / 100
            return sure, bool(found["contradiction"])
        except (ToolError, TypeError, ValueError) as err:
            run.step("not_weighed", reason=str(err)[:200])
            return 0.0, False


@dataclass(frozen=True, slots=True)
class SynthesisAgent:
    """Writes the answer from facts, with its sources."""

    max_tokens: int = 400

    async def write(
        self, run: Run, question: str, facts: Sequence[dict[str, str]], *, contradiction: bool
    ) -> tuple[str, list[Source]]:
        """The answer and the pages that its facts are from. Without facts it says so, and asks no model."""
        if not facts:
            return "I found nothing that answers this.", []
        system = f"Answer the question from the numbered facts only, in a few sentences. {RULE}"
        if contradiction:
            system += " The facts contradict each other: say so, and what each source says."
        user = f"{_listed(facts)}\n\nQuestion: {question}"
        text = await run.llm.text(system, user, self.max_tokens, run.emit)
        sources = {fact["url"]: Source(fact["url"], fact["title"]) for fact in facts}
        return text, list(sources.values())


@dataclass(frozen=True, slots=True)
class SequentialThinkingAgent:
    """Thinks in steps, reflects on them, then answers.

    ruminate: reflects after every thought and goes on until it has nothing to add, or max_steps are used up.
    """

    max_steps: int = 5
    reflection_prompt: str = "Look at the thoughts above. Name the weakest one, or say that all hold."
    ruminate: bool = False

    async def answer(self, run: Run, question: str) -> str:
        """The answer after the thoughts."""
        thoughts: list[str] = []
        for number in range(1, self.max_steps + 1):
            thought, more = await self._think(run, question, thoughts)
            if thought in thoughts:
                break
            thoughts.append(thought)
            run.step("thought", number=number, text=thought)
            if self.ruminate:
                thoughts.append(await self._reflect(run, question, thoughts))
            if not more:
                break
        else:
            run.limit("thoughts", f"the limit of {self.max_steps} thoughts is reached")
        if not self.ruminate:
            thoughts.append(await self._reflect(run, question, thoughts))
        system = "Answer the question. Use the thoughts, and mend what the reflection found weak."
        return await run.llm.text(system, _thought(question, thoughts), emit=run.emit)

    async def _think(self, run: Run, question: str, thoughts: Sequence[str]) -> tuple[str, bool]:
        schema = object_of(thought=_THOUGHT, more_needed={"type": "boolean"})
        system = "Think about the question one step at a time. Write only the next thought."
        found = await run.llm.json(system, _thought(question, thoughts), schema)
        return str(found["thought"]).strip(), bool(found["more_needed"])

    async def _reflect(self, run: Run, question: str, thoughts: Sequence[str]) -> str:
        text = await run.llm.text(self.reflection_prompt, _thought(question, thoughts), 120)
        run.step("reflection", text=text)
        return text


def _thought(question: str, thoughts: Sequence[str]) -> str:
    lines = [f"{number}. {thought}" for number, thought in enumerate(thoughts, 1)]
    return "\n".join((f"Question: {question}", *(("Thoughts:", *lines) if lines else ())))


def _listed(facts: Sequence[dict[str, str]]) -> str:
    lines = [f"[{number}] {fact['fact']} ({fact['url']})" for number, fact in enumerate(facts, 1)]
    return quoted("\n".join(lines))
