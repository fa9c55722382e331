"""The real server over a provider that answers by script.

python -m tests.browser.stand_in PORT [--key KEY] [--newer] [--ingress]: --newer is a page of another version;
with --ingress PORT is that of Home Assistant's ingress, and the server has one of its own and asks for a key.

What a model does seldom is had at once: pieces that come slowly, thinking, Markdown that attacks the page, a
full queue, a model that breaks off. Everything but the provider is the product.
"""

import argparse
import asyncio
import gzip
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from picoqwen_core.config import Settings
from picoqwen_core.errors import BusyError, EngineUnavailable
from picoqwen_core.messages import ChatDelta, ChatRequest, InstalledModel, Served, Usage
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.router import Router
from picoqwen_core.server import page
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.browser.ingress import SUPERVISOR, ingress

ATTACK = (
    '<img src=x onerror="window.hacked=1"> <script>window.hacked=1</script>\n\n'
    "[link](javascript:window.hacked=1) ![picture](https://evil.example/x.png) **bold** `code`\n\n"
    "| a | b |\n|---|---|\n| 1 | <b>2</b> |\n\n```js\n</code><script>window.hacked=1</script>\n```\n"
    "\n- one\n- two"
)

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
RICH = f"""## What it can do

A paragraph with **strong**, *soft*, ~~gone~~ and `code` words, a [link](https://example.org) and {LONG_WORD}.

1. First this,
2. then that:
   - with a part
   - and another

> Somebody said so.

```python
def answer(question: str, patience: float = 42.0) -> str:
    \"\"\"A line that is much too long for a phone and has to scroll in its own pane.\"\"\"
    return "yes" if patience else "no"
```

| Model | Size | Memory | Speed on a Raspberry Pi 5 | Good for |
|---|---:|---:|---:|---|
| Qwen3 0.6B | 0.6 GB | 1.2 GB | 18 tokens/s | short answers |
| Qwen3 4B | 2.5 GB | 3.1 GB | 3 tokens/s | nearly everything else |

---

### And so on
"""
RTL = "مرحبا! تم إطفاء **مصباح المطبخ**.\n\n- أولا\n- ثانيا\n\n```\nlight.turn_off\n```"


class Scripted:
    """Answers by the words of the last message."""

    name = "scripted"

    def __init__(self) -> None:
        self.health = ProviderHealth("ready")
        self.models = (InstalledModel("scripted", 1_000_000, True), InstalledModel("other", 2_000_000, True))
        self.is_busy = True

    def is_available(self) -> bool:
        """Always."""
        return True

    def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """The answer that the last message asks for."""
        said = request.messages[-1].content
        if request.response_format is not None:
            # A step of an agent that thinks.
            yield ChatDelta('{"thought": "It is **November**.", "more_needed": false}')
            yield ChatDelta(finish_reason="stop", usage=Usage(12, 4, 3))
            return
        if said == "busy once" and self.is_busy:
            self.is_busy = False
            raise BusyError("the queue is full")
        for delta in self._deltas(said, request):
            if said in ("slowly", "fall"):
                await asyncio.sleep(0.05)
            yield delta
            if said == "fall" and "word20 " in delta.content:
                # As when the machine loses its power.
                os._exit(1)
        if said == "break":
            raise EngineUnavailable("the engine was killed")
        served = Served("shed", "large-model", 0.0021, ("local failed",)) if said == "who" else None
        yield ChatDelta(finish_reason="stop", usage=Usage(12, 400, 3), served=served)

    def _deltas(self, said: str, request: ChatRequest) -> list[ChatDelta]:
        if said in ("slowly", "fall"):
            return [ChatDelta(f"word{index} ") for index in range(400)]
        if said == "attack":
            return [ChatDelta(ATTACK)]
        if said == "rich":
            return [ChatDelta(RICH)]
        if said.startswith("echo "):
            # In pieces that cut everything that can be cut.
            text = said.removeprefix("echo ")
            return [ChatDelta(text[at : at + 7]) for at in range(0, len(text), 7)]
        if said == "long":
            return [ChatDelta(f"Line {index} of a long answer.\n\n" + "word " * 18) for index in range(1000)]
        if said.startswith("rtl"):
            return [ChatDelta(RTL)]
        if said == "think":
            return [ChatDelta(reasoning="a deep thought"), ChatDelta("thought through")]
        system = [message.content for message in request.messages if message.role == "system"]
        return [
            ChatDelta(f"You said: {said}. "),
            ChatDelta(f"turns {len(request.messages)}; system {system}"),
        ]


async def main(port: int, api_key: str | None, by_ingress: bool) -> None:
    """Serve until killed."""
    folder = Path(tempfile.mkdtemp(prefix="agents-"))
    settings = Settings(
        port=0 if by_ingress else port,
        api_key="nobody knows it" if by_ingress else api_key,
        ingress_address=SUPERVISOR,
        agents=True,
        agents_dir=folder,
        agent_tools=(),
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(
            listening(make_app(State(settings, Router([Scripted()]))), settings)
        )
        if by_ingress:
            url = await stack.enter_async_context(ingress(url, port))
        print(f"ready on {url}", flush=True)
        await asyncio.Event().wait()


def be_newer() -> None:
    """Serve the page as one of another version: its service worker differs."""
    worker = page.assets()["service-worker.js"]
    body = worker.body.replace(b'"picoqwen-" + "', b'"picoqwen-" + "newer-')
    newer = replace(worker, body=body, packed=gzip.compress(body), etag="newer")
    page.assets = lambda: {**kept, "service-worker.js": newer}


if __name__ == "__main__":
    kept = dict(page.assets())
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--key")
    parser.add_argument("--newer", action="store_true")
    parser.add_argument("--ingress", action="store_true")
    given = parser.parse_args()
    if given.newer:
        be_newer()
    asyncio.run(main(given.port, given.key, given.ingress))
