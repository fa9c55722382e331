"""The app's files agree with each other, with the server, and with what the Supervisor expects."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import picoqwen_core
from picoqwen_core.config import SECTIONS, Settings, load_settings
from tests.addon.supervisor_rules import validated

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "addon"
CONFIG = yaml.safe_load((ADDON / "config.yaml").read_text())
SERVICE = ADDON / "rootfs" / "etc" / "s6-overlay" / "s6-rc.d" / "picoqwen"


def test_every_option_is_explained_in_the_translation_and_the_documentation() -> None:
    translation = yaml.safe_load((ADDON / "translations" / "en.yaml").read_text())
    documented = re.findall(r"^(####? )`(\w+)`$", (ADDON / "DOCS.md").read_text(), re.MULTILINE)
    groups = [schema for schema in CONFIG["schema"].values() if isinstance(schema, dict)]

    assert sorted(name for mark, name in documented if mark == "### ") == sorted(CONFIG["schema"])
    grouped = sorted(name for group in groups for name in group)
    assert sorted(name for mark, name in documented if mark == "#### ") == grouped
    assert set(CONFIG["options"]) <= set(CONFIG["schema"])
    assert set(translation["network"]) == set(CONFIG["ports"])
    assert _translated(translation["configuration"]) == _asked_for(CONFIG["schema"])


def _asked_for(schema: dict[str, Any]) -> dict[str, Any]:
    """The names of options, and of the fields of those that have any."""
    found: dict[str, Any] = {}
    for name, element in schema.items():
        inner = element[0] if isinstance(element, list) else element
        found[name] = _asked_for(inner) if isinstance(inner, dict) else {}
    return found


def _translated(texts: dict[str, Any]) -> dict[str, Any]:
    """The same of a translation."""
    return {name: _translated(text.get("fields", {})) for name, text in texts.items()}


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "nl"])
def test_every_language_says_what_the_english_one_says(language: str) -> None:
    english = _texts(yaml.safe_load((ADDON / "translations" / "en.yaml").read_text()))
    translated = _texts(yaml.safe_load((ADDON / "translations" / f"{language}.yaml").read_text()))

    assert translated.keys() == english.keys()
    for place, text in english.items():
        assert translated[place].strip()
        # What people have to type is the same in every language, down to the numbers.
        typed = re.compile(
            r"https?://\S+[\w/]|/(?:share|config|opt)/[\w./-]+\w|\b(?:\w+_(?:first|rung|home|page|search)|k8v4)\b"
            r"|\([a-z_]+\)|\b(?:int8|f16|f32|openai|anthropic|auto|debug|searxng|[A-Z]\w*(?:Q|AI|MCP)\w*|\d+)\b"
        )
        assert set(typed.findall(text)) <= set(typed.findall(translated[place])), place
    sentences = [place for place in english if place.endswith(".description")]
    assert all(translated[place] != english[place] for place in sentences)


def _texts(tree: dict[str, Any], place: str = "") -> dict[str, str]:
    """The texts of a translation by the path of their keys."""
    texts: dict[str, str] = {}
    for key, value in tree.items():
        inner = f"{place}.{key}".lstrip(".")
        texts |= _texts(value, inner) if isinstance(value, dict) else {inner: value}
    return texts


def test_every_option_is_one_that_the_server_reads() -> None:
    groups = {name: element for name, element in CONFIG["schema"].items() if isinstance(element, dict)}
    known = {field.name for field in fields(Settings)}

    assert set(CONFIG["schema"]) - set(groups) <= known
    for name, group in groups.items():
        assert set(group) <= set(SECTIONS[name]) & known


def test_what_people_set_passes_the_supervisor_and_reaches_the_server(tmp_path: Path) -> None:
    chosen = {
        "log_level": "debug",
        "resources": {"threads": 2, "kv_cache": "f16"},
        "upstreams": [
            {
                "name": "claude",
                "kind": "anthropic",
                "base_url": "https://api.anthropic.com/v1",
                "model": "claude-haiku-4-5",
                "api_key": "secret",
            }
        ],
        "hybrid": {"privacy": "pseudonyms", "budget_per_day": 0.5},
        "agents": {"agents": True, "agent_tools": ["calculator"], "allowed_hosts": ["wiki.local:80"]},
    }
    options = tmp_path / "options.json"
    options.write_text(json.dumps(validated({**CONFIG["options"], **chosen}, CONFIG["schema"])))
    settings = load_settings(options=options, environment={})

    assert (settings.log_level, settings.threads, settings.kv_cache) == ("debug", 2, "f16")
    assert (settings.upstreams[0].kind, settings.privacy) == ("anthropic", "pseudonyms")
    assert (settings.agents, settings.agent_tools) == (True, ("calculator",))
    assert settings.allowed_hosts == ("wiki.local:80",)


def test_untouched_options_are_those_of_the_server(tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text(json.dumps(validated(CONFIG["options"], CONFIG["schema"])))
    assert load_settings(options=options, environment={}) == Settings()


def test_the_app_has_the_version_of_the_server_and_names_it_in_its_changelog() -> None:
    assert CONFIG["version"] == picoqwen_core.__version__
    assert f"## {CONFIG['version']}\n" in (ADDON / "CHANGELOG.md").read_text()


def test_the_apparmor_profile_bears_the_name_of_the_app() -> None:
    profile = (ADDON / "apparmor.txt").read_text()

    assert re.findall(r"^profile (\S+) ", profile, re.MULTILINE) == [CONFIG["slug"]]
    assert profile.count("{") == profile.count("}")


def test_the_image_copies_only_what_is_there() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    sources = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE)

    assert sources
    assert all((ROOT / source).exists() for source in sources)
    assert "--require-hashes" in dockerfile


def test_the_service_starts_the_server_with_the_options_as_a_user_of_its_own() -> None:
    run = (SERVICE / "run").read_text()

    assert (SERVICE / "type").read_text() == "longrun\n"
    assert (SERVICE.parent / "user" / "contents.d" / "picoqwen").exists()
    assert run.endswith("-m picoqwen_core serve --options /data/options.json\n")
    assert all((SERVICE / name).stat().st_mode & 0o111 for name in ("run", "finish"))


def test_the_image_sets_what_the_app_needs_and_nothing_that_the_server_does_not_know() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    given = dict(re.findall(r"(PICOQWEN_\w+)=(\S+)", dockerfile))
    settings = load_settings(environment=given | {"PICOQWEN_API_KEY_FILE": ""})

    assert settings.port == CONFIG["ingress_port"]
    # What people ask who are logged in comes from there, and from nowhere else.
    assert settings.ingress_address == "172.30.32.2"
    assert CONFIG["ingress"] is True
    assert str(settings.models_dir) == "/config/models"
    assert given["PICOQWEN_API_KEY_FILE"] == "/data/api_key"
    assert {"app_config:rw", "share:ro"} == set(CONFIG["map"])


def test_the_profile_lets_the_server_write_where_the_image_tells_it_to() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    service = (ADDON / "apparmor.txt").read_text().partition("profile service ")[2]
    writable = {
        path
        for path, rights in re.findall(r"^\s+(/\w+/)\*\* (\w+),$", service, re.MULTILINE)
        if "w" in rights
    }
    folders = re.findall(r"PICOQWEN_\w+=(/\w+/)", dockerfile)

    assert len(folders) == 5
    assert set(folders) <= writable


def test_every_package_that_the_image_loads_is_one_that_it_installs() -> None:
    # Building imports every module.
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "server.txt").read_text(), re.MULTILINE)
    installed = {_plain(name) for name in pinned}
    of_module = importlib.metadata.packages_distributions()

    for path in (ROOT / "picoqwen_core").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "picoqwen_core").with_suffix("").parts)
        for name in _imported(path) - {"picoqwen_core"}:
            packages = {_plain(each) for each in of_module.get(name, [name])}
            assert packages & installed, f"{module} imports {name}"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(path: Path) -> set[str]:
    """The packages that importing this file imports, the standard library's left out."""
    body = ast.parse(path.read_text()).body
    names = [each.name for node in body if isinstance(node, ast.Import) for each in node.names]
    names += [node.module or "" for node in body if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


def test_the_supervisor_finds_one_app_in_the_repository() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*config.yaml", "*config.yml", "*config.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    found = [path for path in tracked if Path(path).stem == "config"]

    assert found == ["addon/config.yaml"]
    assert yaml.safe_load((ROOT / "repository.yaml").read_text())["name"] == CONFIG["name"]
