"""What Home Assistant and HACS want of the files, checked where their own checkers cannot run."""

import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
INTEGRATION = ROOT / "custom_components" / "picoqwen"
LANGUAGES = ("de", "es", "fr", "it", "nl")


def load(path: str) -> Any:
    return json.loads((INTEGRATION / path).read_text())


def flat(tree: Any, key: str = "") -> dict[str, str]:
    if isinstance(tree, str):
        return {key: tree}
    return {name: text for part, below in tree.items() for name, text in flat(below, f"{key}.{part}").items()}


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"{(\w+)}", text))


def texts(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [text for part in tree.values() for text in texts(part)]


def test_the_manifest_has_its_keys_in_order_and_needs_nothing_installed() -> None:
    manifest = load("manifest.json")
    keys = list(manifest)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])
    assert {"codeowners", "documentation", "issue_tracker", "version"} <= set(keys)
    assert manifest["requirements"] == []


def test_hacs_json_has_only_keys_that_hacs_knows() -> None:
    assert set(json.loads((ROOT / "hacs.json").read_text())) == {"name", "homeassistant"}
    assert [path.parent.name for path in (ROOT / "custom_components").glob("*/manifest.json")] == ["picoqwen"]


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_text_has_an_address_or_markup(language: str) -> None:
    for text in texts(load(f"translations/{language}.json")):
        assert text == text.strip()
        assert not re.search(r"https?://|<[a-z]|\[%key", text), text


def test_the_languages_are_there() -> None:
    assert {path.stem for path in (INTEGRATION / "translations").iterdir()} == {"en", *LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_texts_of_english_with_their_placeholders(language: str) -> None:
    english, other = (flat(load(f"translations/{name}.json")) for name in ("en", language))
    assert set(english) == set(other)
    for key, text in english.items():
        assert placeholders(text) == placeholders(other[key]), key


def test_every_field_of_an_action_is_described() -> None:
    actions = yaml.safe_load((INTEGRATION / "services.yaml").read_text())
    described = load("translations/en.json")["services"]
    assert {name: set(action["fields"]) for name, action in actions.items()} == {
        name: set(action["fields"]) for name, action in described.items()
    }
    assert set(load("icons.json")["services"]) == set(actions)


def found(pattern: str, *names: str) -> set[str]:
    """What a pattern captures in the source of the integration, or of some of its files."""
    paths = [INTEGRATION / f"{name}.py" for name in names] or sorted(INTEGRATION.glob("*.py"))
    return {key for path in paths for key in re.findall(pattern, path.read_text())}


def test_every_exception_that_is_raised_has_a_text() -> None:
    raised = found(r'translation_domain=DOMAIN,\s*translation_key="(\w+)"') | found(
        r'_(?:task_)?error\("(\w+)"'
    )
    spoken = found(r'"(spoken_\w+)"')
    assert raised | spoken == set(load("translations/en.json")["exceptions"])


def test_every_issue_that_is_raised_has_a_text() -> None:
    assert found(r'_show\(\s*hass,\s*entry,\s*"(\w+)"', "issues") == set(
        load("translations/en.json")["issues"]
    )


@pytest.mark.parametrize("platform", ["binary_sensor", "button", "event", "select", "sensor", "update"])
def test_every_entity_has_a_name_and_an_icon(platform: str) -> None:
    keys = found(r'translation_key="(\w+)"', platform) - set(load("translations/en.json")["exceptions"])
    assert keys == set(load("translations/en.json")["entity"][platform])
    assert keys == set(load("icons.json")["entity"][platform])


@pytest.mark.parametrize(("name", "size"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_the_icon_has_the_size_that_home_assistant_shows(name: str, size: int) -> None:
    header = (INTEGRATION / "brand" / name).read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (size, size)


def test_the_integration_never_imports_the_engine() -> None:
    for path in INTEGRATION.glob("*.py"):
        assert "picoqwen_core" not in path.read_text(), path


def test_the_comparison_counts_what_there_is() -> None:
    table = (ROOT / "docs" / "comparison.md").read_text()
    assert f"| translated exceptions (texts) | {len(load('translations/en.json')['exceptions'])} |" in table
    assert f"| languages | {len(LANGUAGES) + 1} |" in table
