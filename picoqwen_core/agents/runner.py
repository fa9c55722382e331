"""Carries out runs of flows: each a task with an owner, its events for who listens, its state on disk."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import Any

from picoqwen_core.agents.flow import Flow, Shared
from picoqwen_core.agents.limits import Limits
from picoqwen_core.agents.orchestrator import AgentOrchestrator
from picoqwen_core.agents.policy import Trust
from picoqwen_core.agents.run import ConfirmationNeeded, Run
from picoqwen_core.agents.run_store import RunStore
from picoqwen_core.agents.tool import Source
from picoqwen_core.errors import BusyError, LimitReached, PicoQwenError, RequestError

_LOGGER = logging.getLogger(__name__)
_MOST_RUNNING = 8


class FlowRun:
    """One run of a flow while it goes on."""

    def __init__(self, flow: Flow, run: Run, shared: Shared, at: str | None, started: float) -> None:
        self.flow, self.run, self.shared, self.at, self.started = flow, run, shared, at, started
        self.events: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self.state = "running"
        self.error = ""
        self._final: dict[str, Any] | None = None
        self.task: asyncio.Task[None] | None = None
        run.emit = self.events.put_nowait

    def result(self) -> dict[str, Any]:
        """The run as the API shows it; once it has ended, always the same."""
        if self._final is not None:
            return self._final
        found = {
            "id": self.run.id,
            "flow": self.flow.name,
            "state": self.state,
            "started": self.started,
            "input": self.shared["input"],
            "output": str(self.shared.get("output", "")),
            "sources": [{"title": each.title, "url": each.url} for each in self.run.sources],
            "steps": self.run.steps,
            "usage": self.run.meter.to_json(),
            "limits_hit": self.run.limits_hit,
        }
        found |= {"error": self.error} if self.error else {}
        self._final = None if self.state == "running" else found
        return found

    def checkpoint(self) -> dict[str, Any]:
        """All that is needed to go on in another process."""
        return {
            "at": self.at,
            "shared": self.shared,
            "trust": self.run.trust.to_json(),
            "used": self.run.meter.to_json(),
        }


class Runner:
    """All runs of one server."""

    def __init__(self, orchestrator: AgentOrchestrator, store: RunStore) -> None:
        self.orchestrator, self.store = orchestrator, store
        # Told of each run that has ended.
        self.ended: list[Callable[[FlowRun], None]] = []
        self._running: dict[str, FlowRun] = {}

    async def interrupt(self) -> None:
        """Break all runs off; each can go on later."""
        running = list(self._running.values())
        for each in running:
            each.state = "interrupted"
            if each.task is not None:
                each.task.cancel()
        await asyncio.gather(*(each.task for each in running if each.task), return_exceptions=True)

    async def stop(self) -> None:
        """Break all runs off and close the file."""
        await self.interrupt()
        self.store.close()

    def start(
        self,
        name: str,
        text: str,
        owner: str,
        limits: Mapping[str, float] | None = None,
        model: str | None = None,
    ) -> FlowRun:
        """Begin a run. Raises RequestError for a flow that there is not, BusyError for too many."""
        flow = self.orchestrator.flow(name)
        lower = lowered(flow.limits, limits or {})
        run = self.orchestrator.begin(text, limits=lower, owner=owner, model=model)
        return self._begin(FlowRun(flow, run, {"input": text, "_model": model}, None, time.time()))

    async def resume(self, id_: str, owner: str) -> FlowRun:
        """Go on with a run that was broken off, from its last whole step. Raises RequestError, BusyError."""
        stored, checkpoint = await asyncio.to_thread(self.store.checkpoint, id_, owner)
        flow = self.orchestrator.flow(stored["flow"])
        if checkpoint["at"] not in flow.nodes:
            raise RequestError(f"flow {flow.name!r} has changed: it has no node {checkpoint['at']!r} now")
        trust = Trust.from_json(checkpoint["trust"])
        model = checkpoint["shared"].get("_model")
        run = self.orchestrator.begin("", limits=flow.limits, owner=owner, trust=trust, model=model)
        run.id, run.steps, run.limits_hit = stored["id"], stored["steps"], stored["limits_hit"]
        run.sources = [Source(each["url"], each["title"]) for each in stored["sources"]]
        run.meter.take(checkpoint["used"])
        return self._begin(FlowRun(flow, run, checkpoint["shared"], checkpoint["at"], stored["started"]))

    async def cancel(self, id_: str, owner: str) -> dict[str, Any]:
        """End a run. Raises RequestError where the owner has none of that id."""
        running = self._running.get(id_)
        if running is not None and running.run.owner == owner and running.task is not None:
            running.task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running.task])
        return await asyncio.to_thread(self.store.one, id_, owner)

    async def events(self, running: FlowRun) -> AsyncGenerator[Mapping[str, Any]]:
        """What happens, to the end; a listener that leaves ends the run."""
        assert running.task is not None
        try:
            while (event := await running.events.get()) is not None:
                yield event
        finally:
            running.task.cancel()
            await asyncio.wait([running.task])

    def _begin(self, running: FlowRun) -> FlowRun:
        if len(self._running) >= _MOST_RUNNING:
            raise BusyError(f"{_MOST_RUNNING} flows run already; try again later")
        self._running[running.run.id] = running
        running.events.put_nowait({"type": "started", "id": running.run.id, "flow": running.flow.name})
        running.task = asyncio.create_task(self._carry_out(running), name=f"flow {running.run.id}")
        return running

    async def _carry_out(self, running: FlowRun) -> None:
        async def keep(following: str | None, shared: Shared) -> None:  # noqa: ARG001
            running.at = following
            await asyncio.to_thread(
                self.store.save, running.result(), running.run.owner, running.checkpoint()
            )

        try:
            await self.orchestrator.run(running.flow, running.run, running.shared, at=running.at, keep=keep)
            running.state = "limited" if running.run.limits_hit else "done"
        except LimitReached as err:
            running.state = "limited"
            running.run.limit(err.limit, str(err))
        except (PicoQwenError, ConfirmationNeeded) as err:
            running.state, running.error = "failed", str(err)
            running.events.put_nowait({"type": "error", "message": str(err)})
        except asyncio.CancelledError:
            running.state = "interrupted" if running.state == "interrupted" else "cancelled"
            raise
        except Exception:
            _LOGGER.exception("flow %s failed", running.flow.name)
            running.state, running.error = "failed", "the server failed; its log says more"
            running.events.put_nowait({"type": "error", "message": running.error})
        finally:
            self._running.pop(running.run.id, None)
            checkpoint = running.checkpoint() if running.state == "interrupted" else None
            self.store.save(running.result(), running.run.owner, checkpoint)
            running.events.put_nowait({"type": "done", **running.result()})
            running.events.put_nowait(None)
            for tell in self.ended:
                tell(running)


def lowered(limits: Limits, wanted: Mapping[str, float]) -> Limits:
    """The limits, lowered to what is wanted; nothing raises them."""
    return Limits(
        steps=int(min(limits.steps, wanted.get("steps", limits.steps))),
        tokens=int(min(limits.tokens, wanted.get("tokens", limits.tokens))),
        seconds=min(limits.seconds, wanted.get("seconds", limits.seconds)),
        cost=min(limits.cost, wanted.get("cost", limits.cost)),
    )
