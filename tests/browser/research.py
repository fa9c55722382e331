"""The real server with agents, over a web of 30 pages on this machine: python -m tests.browser.research.

Flows, tools, searching and reading are the product; what the model says is scripted, since a model that can
follow a form is too large to come with the tests. The web and the script are those of `script/bench agents`.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from benchmarks.agent_web import pages, scripted
from picoqwen_core.config import Settings
from picoqwen_core.messages import ChatDelta, ChatRequest
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.browser.stand_in import Scripted


class Researcher(Scripted):
    """Fills in the forms of the flow `research`."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """What the flow asks for, from the text that it gives."""
        async for delta in scripted(request):
            yield delta


async def main() -> None:
    """Serve until killed."""
    async with pages() as host:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(
                port=0,
                agents=True,
                agents_dir=Path(folder),
                web_search_engine="searxng",
                searxng_url=f"http://{host}",
                allowed_hosts=(host,),
            )
            async with listening(make_app(State(settings, Router([Researcher()]))), settings) as url:
                print(f"ready on {url}", flush=True)
                await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
