"""Adds up the JUnit files of several pytest runs: script/sum_tests.py FOLDER FAILED_STEPS prints one line."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def main(folder: Path, failed_steps: str) -> int:
    """Print `N passed, N failed`, naming what failed; 1 where anything did."""
    passed = failed = skipped = 0
    for path in sorted(folder.glob("*.xml")):
        for suite in ET.parse(path).getroot().iter("testsuite"):  # noqa: S314  # our own file
            wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            failed += wrong
            skipped += int(suite.get("skipped", 0))
            passed += int(suite.get("tests", 0)) - wrong - int(suite.get("skipped", 0))
    line = f"{passed} passed, {failed} failed"
    if skipped:
        line += f", {skipped} skipped"
    if failed_steps.split():
        line += f" (not in order: {', '.join(failed_steps.split())})"
    print(line)
    return 1 if failed_steps.split() or failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
