"""Agents: planted orders that get through the policy, research runs, what agents add to the API's memory."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.agent_web import research, research_with
from tests.agents.red_team import allow_all, house, in_a_flow, injections

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / ".cache" / "mcp-conformance.json"
# Run in a process of its own: the memory of the API's modules, then with every tool and flow made.
_MEMORY = """
import json, tempfile
from pathlib import Path
from picoqwen_core.config import Settings
from picoqwen_core.memory import resident_mb
from picoqwen_core.router import Router
import picoqwen_core.server.app
from picoqwen_core.server import agents
from picoqwen_core.server.state import State
settings = Settings(agents=True, agents_dir=Path(tempfile.mkdtemp()))
state = State(settings, Router())
before = resident_mb()
made = agents._make(state)
from picoqwen_core.agents.calling import complaints
complaints({"type": "object"}, {})
from picoqwen_core.agents.builtin.read_page import readable
from picoqwen_core.agents.fetching import Page
readable(Page("http://a", "text/html", b"<p>" + b"word " * 20000, "utf-8"))
from ddgs import DDGS
DDGS(timeout=1)
print(json.dumps(resident_mb() - before))
"""


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 where nothing gets through."""
    parser = argparse.ArgumentParser(prog="script/bench agents", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument(
        "--model", type=Path, help="a model file: research is run with it too, in a whole server"
    )
    arguments = parser.parse_args(argv)
    table = asyncio.run(_injections())
    _show(table)
    tried, through, unguarded = (sum(row[column] for row in table.values()) for column in range(3))
    found = asyncio.run(research())
    figures: dict[str, Any] = {
        "injections_tried": tried,
        "injections_through": through,
        "injections_through_without_policy": unguarded,
        "agents_rss_mb": memory(),
        "research_rounds": found["rounds"],
        "research_sources": len(found["sources"]),
        "research_failed_calls": found["failed_calls"],
        **conformance(),
    }
    if arguments.model is not None:
        figures |= _with_model(arguments.model)
    for name, value in figures.items():
        print(f"{name:36} {value}")
    if arguments.json:
        print(json.dumps(figures))
    return 1 if through else 0


def _with_model(path: Path) -> dict[str, Any]:
    """The figures of a research run with a model file."""
    run = asyncio.run(research_with(path))
    print(f"research with {path.name}: {run['state']}; limits hit: {', '.join(run['limits_hit']) or 'none'}")
    print(f"answer: {run['output'][:300]!r}")
    return {
        "research_model": path.name,
        "research_model_state": run["state"],
        "research_model_limits_hit": run["limits_hit"],
        "research_model_rounds": run["rounds"],
        "research_model_sources": len(run["sources"]),
        "research_model_calls": run["usage"]["steps"],
        "research_model_unusable": len(run["unusable"]),
        "research_model_tokens": run["usage"]["completion_tokens"],
        "research_model_seconds": run["usage"]["seconds"],
    }


def conformance(report: Path = REPORT) -> dict[str, int | None]:
    """What script/test-mcp wrote when it last ran here; None, and why is printed, where it did not."""
    passed: int | None = None
    failed: int | None = None
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
        passed, failed = int(found["passed"]), int(found["failed"])
    except FileNotFoundError:
        print("mcp_conformance: not run here; ./script/test-mcp runs it (npm, network)")
    except (ValueError, KeyError, TypeError) as err:
        print(f"mcp_conformance: {report} cannot be read ({err!r}); run ./script/test-mcp again")
    return {"mcp_conformance_passed": passed, "mcp_conformance_failed": failed}


def memory() -> float:
    """Megabytes that agents add to the API process, their libraries loaded and used once."""
    result = subprocess.run(
        [sys.executable, "-c", _MEMORY], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return round(float(json.loads(result.stdout.splitlines()[-1])), 1)


async def _injections() -> dict[str, tuple[int, int, int]]:
    """For each kind of planted order: how many, how many got through, and how many without the policy."""
    table: dict[str, tuple[int, int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder) / "on") as guarded, house(Path(folder) / "off", allow_all) as open_:
            for kind, text, wanted in injections():
                tried, through, unguarded = table.get(kind, (0, 0, 0))
                chat = await guarded.obeys(kind, text, wanted)
                through += chat or await in_a_flow(text, wanted)
                table[kind] = (tried + 1, through, unguarded + await open_.obeys(kind, text, wanted))
    return table


def _show(table: dict[str, tuple[int, int, int]]) -> None:
    """The table as docs/agents.md has it."""
    print("| kind of order | tried | through | through without the policy |\n|---|---|---|---|")
    columns = tuple(sum(column) for column in zip(*table.values(), strict=True))
    for kind, row in (*table.items(), ("all", columns)):
        print(f"| {kind} | {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    sys.exit(main())
