"""A server whose control group runs out of memory: each step of degradation, and the way back.

script/test-memory makes the group, with root, and starts this inside of it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.served import MEGABYTE, SMALL_MODEL, Server, ask, session

# Of 900 MB, less than the 6 % below which steps are taken, and enough to live on.
_LEFT_MB = 36
_HOG = "import sys, time; held = bytearray(int(sys.argv[1])); print('held', flush=True); time.sleep(600)"
_UP_AND_DOWN = [0, 1, 2, 3, 4, 3, 2, 1, 0]


@dataclass(slots=True)
class Report:
    """levels: as health said them; refused: what the small model said at the last step; the rest: whether
    the built-in model answered there, and both afterwards."""

    limit_mb: int
    levels: list[int] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    refused: str = ""
    built_in_answered: bool = False
    all_answered_afterwards: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether each step was taken and taken back, and was what it should be."""
        answered = self.built_in_answered and self.all_answered_afterwards
        return self.levels == _UP_AND_DOWN and "insufficient_memory" in self.refused and answered


class Group:
    """The control group that this process is in, of either version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def limit(self) -> int:
        """Bytes that it may take."""
        return self._number("memory.max", "memory.limit_in_bytes")

    @property
    def used(self) -> int:
        """Bytes that it takes."""
        return self._number("memory.current", "memory.usage_in_bytes")

    def _number(self, *names: str) -> int:
        path = next(self._folder / name for name in names if (self._folder / name).exists())
        return int(path.read_text(encoding="ascii"))


class Hog:
    """Processes that take what is left, but for a little."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._processes: list[subprocess.Popen[str]] = []

    def take(self) -> None:
        """Take all but a little; returns once it is taken."""
        size = self._group.limit - self._group.used - _LEFT_MB * MEGABYTE
        if size <= 0:
            return
        command = [sys.executable, "-S", "-c", _HOG, str(size)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        if process.stdout is not None:
            process.stdout.readline()

    def give_back(self) -> None:
        """Give all of it back."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []


async def run(group: Group) -> Report:
    """Up to the last step, and back."""
    report, server, hog = Report(group.limit // MEGABYTE), Server(), Hog(group)
    try:
        await server.start()
        await _small(server)
        await _until(server, report, lambda: report.levels == [0])
        hog.take()
        await _until(server, report, lambda: report.levels[-1] == 3)
        # What the small model gave back.
        hog.take()
        await _until(server, report, lambda: report.levels[-1] == 4)
        report.refused = await _small(server)
        report.built_in_answered = await _commanded(server)
        hog.give_back()
        await _until(server, report, lambda: report.levels[-1] == 0)
        report.all_answered_afterwards = "choices" in await _small(server) and await _commanded(server)
    except TimeoutError:
        print(f"error: stuck after {report.levels}", file=sys.stderr)
    finally:
        hog.give_back()
        await server.stop()
        server.remove()
    return report


async def _until(server: Server, report: Report, reached: Callable[[], bool]) -> None:
    """Note each step that health tells, until one is reached."""
    async with session(1) as client, asyncio.timeout(60):
        while not (report.levels and reached()):
            async with client.get(f"{server.url}/api/v1/health") as response:
                told = await response.json()
            if report.levels[-1:] != [told["memory_level"]]:
                report.levels.append(told["memory_level"])
                report.steps.append(told["memory_step"])
            await asyncio.sleep(0.05)


async def _small(server: Server) -> str:
    body: dict[str, Any] = {"model": SMALL_MODEL, "max_tokens": 2}
    async with session() as client:
        asked = {**body, "messages": [{"role": "user", "content": "hello"}]}
        async with client.post(f"{server.url}/api/v1/chat", json=asked) as response:
            return await response.text()


async def _commanded(server: Server) -> bool:
    async with session() as client:
        return await ask(client, server.url) > 0


def main() -> None:
    """Print the report; exit code 1 where a step was missing."""
    parser = argparse.ArgumentParser(prog="script/test-memory", description=__doc__)
    parser.add_argument("group", type=Path, help="the folder of this process's control group")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = asyncio.run(run(Group(arguments.group)))
    told = {**asdict(report), "sound": report.is_sound}
    print(json.dumps(told) if arguments.json else "\n".join(f"{name:<24} {told[name]}" for name in told))
    sys.exit(0 if report.is_sound else 1)


if __name__ == "__main__":
    main()
