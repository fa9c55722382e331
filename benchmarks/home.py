"""How well a home is understood without a larger model: hand-written requests, and generated ones."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yaml

from house_runner.errors import HouseError
from house_runner.server import Server
from house_runner.spoken.requests import FOLDER, SpokenHome, read_all
from house_runner.spoken.runner import Said, running_server, say_all
from picoqwen_core.home.gloss import LANGUAGES
from training.evaluate import BUILT_IN, Greedy, interval, measure

MEGABYTE = 1_000_000
TIMED_REQUESTS = 200
_TARGET: dict[str, Any] = {"name": {}, "area": {}, "floor": {}, "domain": {}, "device_class": {}}
_TOOLS = {"HassTurnOn": _TARGET, "HassTurnOff": _TARGET, "HassLightSet": {**_TARGET, "brightness": {}}}


def main(argv: list[str] | None = None) -> int:
    """Measure and print; with --json one object on the last line. A figure that was not measured is null."""
    parser = argparse.ArgumentParser(prog="script/bench home", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--homes", nargs="*", default=[], help="only these homes of tests/home_requests")
    parser.add_argument("--generated", type=int, default=2000, help="how many generated requests (2000)")
    parser.add_argument(
        "--failures", action="store_true", help="print what went wrong; never of the blind half"
    )
    parser.add_argument(
        "--set", choices=("known", "fresh"), default="known", help="fresh: only tests/home_requests/fresh"
    )
    arguments = parser.parse_args(argv)
    fresh = arguments.set == "fresh"
    folder = FOLDER / "fresh" if fresh else FOLDER
    homes = [home for home in read_all(folder) if not arguments.homes or home.name in arguments.homes]
    try:
        said = asyncio.run(
            say_all(homes, tell=lambda each: arguments.failures and not (fresh and each.half == "blind"))
        )
        speed = {} if fresh else asyncio.run(_speed(homes[0]))
    except HouseError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    if fresh:
        figures = _by_half(said)
    else:
        _table(said)
        figures = {**_handwritten(said), **_generated(arguments.generated), **speed, "requests": len(said)}
    for name, value in figures.items():
        print(f"{name:28} {value}")
    if arguments.json:
        print(json.dumps(figures))
    return 0


def _share(rights: Sequence[bool]) -> float | None:
    return round(sum(rights) / len(rights), 4) if rights else None


def _handwritten(said: Sequence[Said]) -> dict[str, float | None]:
    def of(wanted: str) -> list[bool]:
        return [each.verdict.right for each in said if each.request.wanted == wanted]

    figures = {
        "accuracy_handwritten": _share([each.verdict.right for each in said]),
        "wrong_action_rate": _share([each.verdict.wrong_action for each in said]),
        "questions_accuracy": _share(of("answer")),
        "escalation_accuracy": _share(of("elsewhere")),
    }
    for language in sorted({each.language for each in said}):
        rights = [each.verdict.right for each in said if each.language == language]
        figures[f"accuracy_handwritten_{language}"] = _share(rights)
    return figures


def _by_half(said: Sequence[Said]) -> dict[str, float | None]:
    """The fresh requests: those that may be read while the code is mended, and those that may not."""
    figures: dict[str, float | None] = {}
    for half in ("dev", "blind"):
        its = [each for each in said if each.request.half == half]
        print(f"\nfresh requests, the {half} half")
        _table(its)
        figures |= {f"{half}_{name}": value for name, value in _handwritten(its).items()}
        figures[f"{half}_requests"] = len(its)
    return figures


def _generated(count: int) -> dict[str, float | None]:
    """The generator's validation split: in English, in the other languages, and in small and large homes.

    What the server does, rules and model together, and beside it the model alone. In other languages the
    requests are of the public templates that the rules read too.
    """
    complete = cache(Greedy(BUILT_IN))
    figures: dict[str, float | None] = {}
    for language in ("en", *LANGUAGES):
        requests = count if language == "en" else count // 4
        measured = measure(requests, language, complete=complete)
        figures[f"accuracy_generated_{language}"] = round(measured["accuracy"], 4)
        figures[f"wrong_action_generated_{language}"] = round(measured["wrong_action_rate"], 4)
        alone = measure(requests, language, complete=complete, who="model")
        figures[f"accuracy_generated_model_alone_{language}"] = round(alone["accuracy"], 4)
    small, large = (measure(count, "en", size, complete=complete)["accuracy"] for size in (20, 1000))
    figures["accuracy_drop_1000_entities"] = round(small - large, 4)
    return {**figures, "file_mb": BUILT_IN.stat().st_size / MEGABYTE}


def _table(said: Sequence[Said]) -> None:
    rights: dict[str, list[bool]] = defaultdict(list)
    for each in said:
        rights[f"{each.request.category}"].append(each.verdict.right)
        rights[f"home {each.home}"].append(each.verdict.right)
        rights["all"].append(each.verdict.right)
    print(f"{'hand-written':<20}{'requests':>9}{'right':>8}   95 % interval")
    for name, row in rights.items():
        low, high = interval(sum(row), len(row))
        print(f"{name:<20}{len(row):>9}{sum(row) / len(row):>8.1%}   {low:.1%} to {high:.1%}")


async def _speed(home: SpokenHome) -> dict[str, float]:
    """From the sentence to the whole answer over HTTP, and the memory of the worker afterwards."""
    sentences = [turn.say for request in home.requests for turn in request.turns[:1]]
    context, times = _context(home), []
    with tempfile.TemporaryDirectory(prefix="picoqwen-", ignore_cleanup_errors=True) as folder:
        async with running_server(Path(folder)) as server, aiohttp.ClientSession() as session:
            for number in range(TIMED_REQUESTS):
                started = time.perf_counter()
                await _ask(session, server, sentences[number % len(sentences)], context)
                times.append((time.perf_counter() - started) * 1000)
            workers = psutil.Process(server.process.pid).children()
            memory = sum(worker.memory_info().rss for worker in workers) / MEGABYTE
    times = sorted(times[TIMED_REQUESTS // 10 :])
    return {
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(len(times) * 0.95)], 1),
        "worker_rss_mb": round(memory, 1),
    }


async def _ask(session: aiohttp.ClientSession, server: Server, sentence: str, home: dict[str, Any]) -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"properties": properties}}}
        for name, properties in _TOOLS.items()
    ]
    body = {"messages": [{"role": "user", "content": sentence}], "home": home, "tools": tools}
    async with asyncio.timeout(60), session.post(f"{server.url}/api/v1/chat", json=body) as response:
        response.raise_for_status()
        await response.json()


def _context(home: SpokenHome) -> dict[str, Any]:
    """The home as the integration would send it, everything off."""
    house = yaml.safe_load(home.house.read_text(encoding="utf-8"))
    entities = [
        {"id": id_, "name": row["name"], "state": "off", "domain": id_.split(".")[0], "area": area["name"]}
        for area in house["areas"]
        for id_, row in area["entities"].items()
    ]
    areas = [{"id": area["name"], "name": area["name"]} for area in house["areas"]]
    return {"entities": entities, "areas": areas, "floors": [], "language": home.language}


if __name__ == "__main__":
    sys.exit(main())
