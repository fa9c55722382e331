"""requirements/: all that the demo house's components ask for is pinned, and no file names an index."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import yaml

from house_runner.paths import HOUSE, ROOT

REQUIREMENTS = ROOT / "requirements"
# Newer than Home Assistant's pin, which exists as source only; see run.in.
REPLACED = {"pymicro-vad", "pyspeex-noise"}


def test_every_requirement_of_the_house_is_pinned() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (REQUIREMENTS / "run.txt").read_text(), re.MULTILINE))
    names = {normal(name): version for name, version in pinned.items()}

    for requirement in needed_by(components_of_the_house() | {"ai_task", "todo", "vacuum", "valve"}):
        name, _, version = requirement.partition("==")
        assert normal(name) in names, requirement
        assert normal(name) in REPLACED or names[normal(name)] == version


def test_requirements_carry_hashes_and_name_no_index() -> None:
    for path in REQUIREMENTS.glob("*.txt"):
        lines = path.read_text().splitlines()
        assert not any("://" in line for line in lines)
        pins = [number for number, line in enumerate(lines) if "==" in line and line[0] != " "]
        assert pins
        assert all(lines[number + 1].startswith("    --hash=sha256:") for number in pins)


def components_of_the_house() -> set[str]:
    text = (HOUSE / "config" / "configuration.yaml").read_text().replace("!include", "")
    return set(yaml.safe_load(text)) - {"demo_house"}


def needed_by(components: set[str]) -> set[str]:
    """The requirements of the components and of everything they depend on."""
    spec = find_spec("homeassistant")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0]) / "components"
    todo, seen, requirements = set(components), set(), set()
    while todo:
        component = todo.pop()
        seen.add(component)
        manifest = root / component / "manifest.json"
        if manifest.is_file():
            content = json.loads(manifest.read_text())
            requirements |= set(content.get("requirements", ()))
            todo |= set(content.get("dependencies", ())) - seen
    return requirements


def normal(name: str) -> str:
    return name.lower().replace("_", "-")
