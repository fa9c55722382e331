"""A chat in which the server's own tools may be used, and the user's word on a call (`confirm`).

The user is asked in the server's words. Only a further request, with the id that the answer carried beside
its text, allows the call; nothing that a model says can.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aiohttp import web

from picoqwen_core.agents.loop import Outcome, result_message
from picoqwen_core.agents.pending import SECONDS
from picoqwen_core.agents.policy import Trust
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.tool import failure
from picoqwen_core.errors import RequestError
from picoqwen_core.messages import ChatDelta, ChatRequest, ToolCall, Usage
from picoqwen_core.server.access import CALLER
from picoqwen_core.server.agents import Agents, agents_of


async def agent_answer(
    request: web.Request, parsed: ChatRequest, names: list[str] | None, confirm: Mapping[str, Any] | None
) -> AsyncGenerator[ChatDelta]:
    """The deltas of an answer that an agent gives; its steps are deltas with an `event`.

    names: the tools it may use, None for all. Raises RequestError before the first delta where the request
    cannot be met.
    """
    agents, owner = agents_of(request), request[CALLER]
    if parsed.tools:
        raise RequestError("server_tools: cannot be used together with tools, which belong to the caller")
    if parsed.messages[-1].role != "user":
        raise RequestError("messages: with server_tools the last one must be the user's")
    queue: asyncio.Queue[ChatDelta | None] = asyncio.Queue()
    chosen = agents.orchestrator.tools.specs(names)
    if confirm is None:
        run = _begin(agents, owner, _trust(agents, parsed, names), queue)
        work = _converse(agents, run, replace(parsed, tools=chosen), queue)
    else:
        waiting = agents.pending.take(confirm["id"], owner)
        run = _begin(agents, owner, waiting.trust, queue)
        work = _confirmed(agents, run, waiting.request, waiting.call, queue, approved=confirm["approve"])
    task = asyncio.create_task(work, name=f"agent {run.id}")
    try:
        while (delta := await queue.get()) is not None:
            yield delta
        await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])


def _begin(agents: Agents, owner: str, trust: Trust, queue: asyncio.Queue[ChatDelta | None]) -> Run:
    def emit(event: Mapping[str, Any]) -> None:
        text = event["text"] if event["type"] == "delta" else ""
        queue.put_nowait(ChatDelta(content=text) if text else ChatDelta(event=event))

    return agents.orchestrator.begin("", emit=emit, owner=owner, can_ask=True, trust=trust)


def _trust(agents: Agents, parsed: ChatRequest, names: list[str] | None) -> Trust:
    """What the conversation so far, and what the tools say of themselves, may have brought in."""
    trust = Trust(parsed.messages[-1].content)
    for tool in agents.orchestrator.tools.chosen(names):
        if tool.described_by:
            trust.taint(f"what {tool.described_by} says of its tools")
    if parsed.home is not None:
        trust.taint("the home's names")
    for message in parsed.messages:
        if message.role == "tool" or (message.role == "assistant" and message.content not in agents.clean):
            trust.taint("an earlier answer")
    return trust


async def _converse(
    agents: Agents,
    run: Run,
    request: ChatRequest,
    queue: asyncio.Queue[ChatDelta | None],
    first: tuple[ToolCall, ...] = (),
) -> None:
    try:
        outcome = await agents.orchestrator.answer(run, request, first)
        if outcome.state == "confirm":
            _ask(agents, run, request, outcome, queue)
        elif not run.trust.tainted:
            agents.clean.add(outcome.text)
        usage = Usage(run.meter.prompt_tokens, run.meter.completion_tokens)
        queue.put_nowait(ChatDelta(finish_reason="stop", usage=usage, served=run.llm.served))
    finally:
        queue.put_nowait(None)


def _ask(
    agents: Agents, run: Run, request: ChatRequest, outcome: Outcome, queue: asyncio.Queue[ChatDelta | None]
) -> None:
    assert outcome.call is not None
    rest = replace(request, messages=outcome.messages)
    waiting = agents.pending.add(run.owner, outcome.call, rest, run.trust)
    event = {
        "type": "confirm",
        "id": waiting.id,
        "tool": outcome.call.name,
        "arguments": dict(outcome.call.arguments),
        "expires_in": SECONDS,
    }
    queue.put_nowait(ChatDelta(content=outcome.question))
    queue.put_nowait(ChatDelta(event=event))


async def _confirmed(
    agents: Agents,
    run: Run,
    request: ChatRequest,
    call: ToolCall,
    queue: asyncio.Queue[ChatDelta | None],
    *,
    approved: bool,
) -> None:
    """Go on after the user's word: with what the call gave, or with the refusal."""
    try:
        if approved:
            result = await run.call_allowed(run.tools.get(call.name), call.arguments)
        else:
            result = failure("the user does not want this call; do not make it again")
    except BaseException:
        queue.put_nowait(None)
        raise
    messages = (*request.messages, result_message(call, result))
    await _converse(agents, run, replace(request, messages=messages), queue)
