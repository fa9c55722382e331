"""Generation that cannot go wrong: random schemas, what a constraint costs and saves; a primed home."""

import argparse
import json
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
    figures: dict[str, Any] = {**constraints.cost(), **constraints.random_schemas(arguments.schemas)}
    figures |= shared.figures() | primed.figures(peer=not arguments.no_peer)
    print()
    for name, value in figures.items():
        print(f"{name:32} {value:>10}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
