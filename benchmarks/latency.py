"""From a sentence to the changed state, through a real Home Assistant; and the memory of the server."""

import argparse
import asyncio
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from itertools import cycle, islice

import psutil

from house_runner.errors import HouseError
from house_runner.house import House, HouseOptions, open_house

CHANGE_SECONDS = 5
MEGABYTE = 1_000_000

# Sentence, entity and the state (or attribute and value) that it must lead to; each undoes what came before.
ROUND = [
    ("turn on the kitchen lamp", "light.kitchen_lamp", "on"),
    ("turn off the kitchen lamp", "light.kitchen_lamp", "off"),
    ("switch the coffee machine on", "switch.coffee_machine", "on"),
    ("switch the coffee machine off", "switch.coffee_machine", "off"),
    ("turn on the desk lamp please", "light.desk_lamp", "on"),
    ("could you turn the desk lamp off", "light.desk_lamp", "off"),
    ("turn on the ceiling fan", "fan.ceiling_fan", "on"),
    ("turn the ceiling fan off", "fan.ceiling_fan", "off"),
    ("pause the Hi-Fi", "media_player.hifi", "paused"),
    ("resume the Hi-Fi", "media_player.hifi", "playing"),
    ("close the bedroom curtains", "cover.bedroom_curtains", "closed"),
    ("open the bedroom curtains", "cover.bedroom_curtains", "open"),
    ("lock the garage side door", "lock.garage_side_door", "locked"),
    ("unlock the garage side door", "lock.garage_side_door", "unlocked"),
    ("turn on the fairy lights", "light.fairy_lights", "on"),
    ("turn off the fairy lights", "light.fairy_lights", "off"),
    ("start Rusty", "vacuum.rusty", "cleaning"),
    ("send Rusty back to its dock", "vacuum.rusty", "docked"),
    ("switch on the fountain", "switch.fountain", "on"),
    ("switch off the fountain", "switch.fountain", "off"),
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One request; `ms` is None where the entity that was meant did not change."""

    sentence: str
    ms: float | None
    correct: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The figures; `correct` counts requests that changed just what they meant, as they meant it."""

    sentence_to_state_p50_ms: float
    sentence_to_state_p90_ms: float
    api_rss_mb: float
    worker_rss_mb: float
    requests: int
    correct: int


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 where every request was answered."""
    parser = argparse.ArgumentParser(prog="script/bench latency", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--requests", type=int, default=60, help="how many sentences to say (60)")
    arguments = parser.parse_args(argv)
    try:
        samples, report = asyncio.run(measure(arguments.requests))
    except HouseError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    print_table(samples, report)
    if arguments.json:
        print(json.dumps(asdict(report)))
    return 0


async def measure(requests: int) -> tuple[list[Sample], Report]:
    """Say `requests` sentences one after the other in a house of their own."""
    async with open_house(HouseOptions()) as house:
        await house.conversation.say("is the kitchen lamp on?")  # the first sentence ever loads intents
        samples = [await _say(house, *row) for row in islice(cycle(ROUND), requests)]
        api = psutil.Process(house.server.process.pid)
        times = sorted(sample.ms for sample in samples if sample.ms is not None)
        if not times:
            raise HouseError("no sentence changed the state that it meant")
        return samples, Report(
            sentence_to_state_p50_ms=round(statistics.median(times), 1),
            sentence_to_state_p90_ms=round(times[int(len(times) * 0.9)], 1),
            api_rss_mb=round(api.memory_info().rss / MEGABYTE, 1),
            worker_rss_mb=round(sum(child.memory_info().rss for child in api.children()) / MEGABYTE, 1),
            requests=requests,
            correct=sum(sample.correct for sample in samples),
        )


async def _say(house: House, sentence: str, entity_id: str, state: str) -> Sample:
    """Time one sentence from sending conversation/process to the state_changed event of `entity_id`."""
    watcher = house.conversation.watcher
    await watcher.begin()
    answer = asyncio.create_task(
        house.client.call(
            "conversation/process", text=sentence, language="en", agent_id=house.conversation.agent_id
        )
    )
    ms = await watcher.until_changed(entity_id, CHANGE_SECONDS)
    await answer
    changes = {change.entity_id: change.after for change in await watcher.finish()}
    return Sample(sentence, ms, changes == {entity_id: state})


def print_table(samples: list[Sample], report: Report) -> None:
    """One line for each sentence (the median of its repetitions), then the figures."""
    print(f"{'sentence':36} {'ms':>7}  correct")
    for sentence in dict.fromkeys(sample.sentence for sample in samples):
        rows = [sample for sample in samples if sample.sentence == sentence]
        times = [row.ms for row in rows if row.ms is not None]
        median = f"{statistics.median(times):7.1f}" if times else "      -"
        print(f"{sentence:36} {median}  {sum(row.correct for row in rows)} of {len(rows)}")
    print()
    for name, value in asdict(report).items():
        print(f"{name:28} {value:>8}")


if __name__ == "__main__":
    sys.exit(main())
