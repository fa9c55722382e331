"""The checker finds what it says it looks for: each test spoils a copy of the integration."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Home Assistant cannot be imported beside the other tests, so that all copies are checked in one process.
CHECK = """
import json, sys
from pathlib import Path
import check_integration
found = {}
for each in sys.argv[1:]:
    check_integration.INTEGRATION = Path(each)
    found[Path(each).parent.name] = check_integration.complaints()
print(json.dumps(found))
"""


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def with_unknown_section(folder: Path) -> None:
    path = folder / "translations" / "en.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "options_flow": {}}))


SPOILED: list[tuple[Callable[[Path], None], str]] = [
    (replace("manifest.json", '"version": "0.1.0"', '"version": "new"'), "version 'new' is none"),
    (replace("manifest.json", '"codeowners"', '"owners"'), "codeowners is missing"),
    (replace("manifest.json", "_picoqwen._tcp.local.", "picoqwen"), "is no service type"),
    (replace("manifest.json", '"domain": "picoqwen"', '"domain": "qwen"'), "the domain has to be"),
    (replace("translations/de.json", '"title": "Neuer', '"title": " Neuer'), "blanks around it"),
    (replace("translations/fr.json", '"api_key": "La', '"key": "La'), "each field needs a description"),
    (replace("translations/it.json", '"entry_type"', '"type"'), "entry_type and initiate_flow"),
    (replace("services.yaml", "prime:", "primer:"), "know different actions"),
    (replace("services.yaml", "    stop:", "    halt:"), "its fields and their texts differ"),
    (replace("quality_scale.yaml", "brands:", "brand:"), "brands is missing"),
    (replace("quality_scale.yaml", "action-setup: done", "action-setup: yes"), "is no status"),
    (
        replace("quality_scale.yaml", "    comment: The integration has no triggers.\n", ""),
        "an exemption needs a reason",
    ),
    (replace("sensor.py", "PARALLEL_UPDATES = 0", ""), "but sensor.py has none"),
    (replace("config_flow.py", "async_step_reconfigure(", "async_step_other("), "does not show it"),
    (replace("manifest.json", "local_push", "pushed"), "iot_class 'pushed' is not one of"),
    (replace("manifest.json", '"@PieBru"', '"PieBru"'), "a code owner is an account"),
    (replace("manifest.json", '"https://github.com/PieBru/pico-qwen",', '"here",'), "address with https"),
    (
        replace("manifest.json", "github.com/PieBru/pico-qwen", "www.home-assistant.io/integrations/ollama"),
        "the integration's own page",
    ),
    (replace("translations/en.json", '"title": "', '"title": "HTTPS://EXAMPLE.COM '), "an address"),
    (replace("manifest.json", '"hassio"', '"hassioo"'), "no integration 'hassioo' to depend on"),
    (replace("manifest.json", '    "ai_task",\n', '    "automation",\n'), "is both in dependencies"),
    (
        replace(
            "home.py",
            "from homeassistant.core",
            "import homeassistant.components.hue\nfrom homeassistant.core",
        ),
        "home.py: uses hue, which is not in dependencies",
    ),
    (replace("__init__.py", "CONFIG_SCHEMA = ", "SCHEMA = "), "needs a CONFIG_SCHEMA"),
    (replace("config_flow.py", "self.async_set_unique_id(", "self.async_find("), "needs a unique id"),
    (
        replace(
            "services.yaml",
            "        number:\n          min: 0\n          max: 5",
            "        numbr:\n          min: 0\n          max: 5",
        ),
        "generate.temperature: its selector",
    ),
    (replace("services.yaml", "            - cloud_first\n", ""), "cloud_first has no text"),
    (
        replace("services.yaml", "      default: false", "      default:"),
        "generate.raw: default has no value",
    ),
    (
        replace("services.yaml", "      required: true", "      needed: true"),
        "generate.prompt: needed is not known",
    ),
    (replace("icons.json", '"mdi:', '"hass:'), "is no icon of Material Design"),
    (replace("icons.json", '"sensor"', '"sensors"'), "icons.json:"),
    (replace("translations/en.json", '"local_only"', '"Local Only"'), "'Local Only' is no key"),
    (
        replace("translations/en.json", '"Here only"', '"Here {where}"'),
        "a placeholder is not filled in here",
    ),
    (replace("translations/en.json", "{action} failed", "{0} failed"), "'0' is no placeholder"),
    (
        replace("translations/en.json", '"message": "The server does', '"text": "The server does'),
        "en.json:",
    ),
    (lambda folder: (folder / "brand" / "icon.png").unlink(), "brand/icon.png"),
    (with_unknown_section, "en.json: options_flow is not known"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is complained of, of the integration as it is and of each spoiled copy, by its number."""
    base = tmp_path_factory.mktemp("copies")
    folders = []
    for number, spoil in enumerate((lambda _: None, *(each for each, _ in SPOILED))):
        folders.append(base / str(number) / "picoqwen")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "custom_components" / "picoqwen", folders[-1], ignore=ignored)
        spoil(folders[-1])
    command = [sys.executable, "-c", CHECK, *map(str, folders)]
    done = subprocess.run(
        command, cwd=ROOT / "script", capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told


def test_the_integration_is_in_order(found: dict[str, list[str]]) -> None:
    assert found["0"] == []


@pytest.mark.parametrize("number", range(1, len(SPOILED) + 1))
def test_what_is_spoiled_is_found(found: dict[str, list[str]], number: int) -> None:
    assert SPOILED[number - 1][1] in "\n".join(found[str(number)])
