"""Prints the notes of a release, where everything says its version: script/release_notes.py X.Y.Z.

The release workflow runs it with the Python of its machine: it needs nothing but the standard library. What
has to be done for a release stands in CONTRIBUTING.md; the workflow itself in .github/workflows/release.yml.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Where a version stands: the app's, which the Supervisor takes for the image's tag, the server's, and the
# integration's.
PLACES = {
    "addon/config.yaml": r'^version: "(.*)"$',
    "picoqwen_core/__init__.py": r'^__version__ = "(.*)"$',
    "custom_components/picoqwen/manifest.json": r'^ *"version": "(.*)",?$',
}
# The form of a version's heading; what stands below the first is the release's text.
CHANGELOGS = {
    "CHANGELOG.md": r"## \[{version}\] - \d{{4}}-\d\d-\d\d",
    "addon/CHANGELOG.md": r"## {version}",
}


def complaints(version: str, root: Path = ROOT) -> Iterator[str]:
    """What does not say this version, one line each."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"{version!r} is no version: three numbers, as in 1.2.3"
        return
    for name, pattern in PLACES.items():
        found = re.findall(pattern, (root / name).read_text(), re.MULTILINE)
        if found != [version]:
            yield f"{name}: says {', '.join(found) or 'no version'}, not {version}"
    for name, pattern in CHANGELOGS.items():
        heading = pattern.format(version=re.escape(version))
        if not section((root / name).read_text(), heading):
            yield f"{name}: nothing stands below a heading {_example(pattern, version)!r}"


def section(changelog: str, heading: str) -> str:
    """What stands below the heading, up to the next one of its level; empty where there is none."""
    _, *rest = re.split(rf"^{heading}$", changelog, maxsplit=1, flags=re.MULTILINE)
    return re.split(r"^## ", rest[0], maxsplit=1, flags=re.MULTILINE)[0].strip() if rest else ""


def _example(pattern: str, version: str) -> str:
    return pattern.format(version=version).replace("\\d{4}-\\d\\d-\\d\\d", "YYYY-MM-DD").replace("\\", "")


def main() -> None:
    """Print the notes, or end with what is not in order."""
    version = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
    if found := list(complaints(version)):
        sys.exit("\n".join(found))
    heading = CHANGELOGS["CHANGELOG.md"].format(version=re.escape(version))
    print(section((ROOT / "CHANGELOG.md").read_text(), heading))


if __name__ == "__main__":
    main()
