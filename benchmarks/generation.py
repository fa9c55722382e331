"""Generation that cannot go wrong: random schemas, what a constraint costs and saves; a primed home."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from benchmarks import constraints, primed, shared

SCHEMAS = 5000


def main(argv: list[str] | None = None) -> None:
    """Print the figures, and with --json one object on the last line."""
    parser = argparse.ArgumentParser(prog="script/bench generation", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--schemas", type=int, default=SCHEMAS, help=f"random schemas to try ({SCHEMAS})")
    parser.add_argument("--no-peer", action="store_true", help="without llama-server, so without its ratio")
    arguments = parser.parse_args(argv)
    figures: dict[str, Any] = {}
    parts: tuple[Callable[[], dict[str, Any]], ...] = (
        constraints.cost,
        lambda: primed.figures(peer=not arguments.no_peer),
        lambda: constraints.random_schemas(arguments.schemas),
        shared.figures,
    )
    for measure in parts:
        # Each as soon as it is known: all of them take minutes.
        found = measure()
        for name, value in found.items():
            print(f"{name:40} {value:>10}", flush=True)
        figures |= found
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
