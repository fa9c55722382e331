"""The app's files agree with each other, with the server, and with what the Supervisor expects."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import picoqwen_core
from picoqwen_core.config import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "addon"
CONFIG = yaml.safe_load((ADDON / "config.yaml").read_text())
SERVICE = ADDON / "rootfs" / "etc" / "s6-overlay" / "s6-rc.d" / "picoqwen"


def test_every_option_is_explained_in_the_translation_and_the_documentation() -> None:
    translation = yaml.safe_load((ADDON / "translations" / "en.yaml").read_text())
    documented = re.findall(r"^### `(\w+)`$", (ADDON / "DOCS.md").read_text(), re.MULTILINE)

    assert set(translation["configuration"]) == set(CONFIG["schema"])
    assert sorted(documented) == sorted(CONFIG["schema"])
    assert set(CONFIG["options"]) <= set(CONFIG["schema"])
    assert set(translation["network"]) == set(CONFIG["ports"])
    for name, schema in CONFIG["schema"].items():
        of_fields = set(schema[0]) if isinstance(schema, list) and isinstance(schema[0], dict) else set()
        assert set(translation["configuration"][name].get("fields", {})) == of_fields


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "nl"])
def test_every_language_says_what_the_english_one_says(language: str) -> None:
    english = _texts(yaml.safe_load((ADDON / "translations" / "en.yaml").read_text()))
    translated = _texts(yaml.safe_load((ADDON / "translations" / f"{language}.yaml").read_text()))

    assert translated.keys() == english.keys()
    for place, text in english.items():
        assert translated[place].strip()
        # What people have to type is the same in every language, down to the numbers.
        typed = re.compile(
            r"https?://\S+[\w/]|/share/[\w./-]+\w|\b(?:\w+_(?:first|rung|home)|4096|int8|f16|f32)\b"
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
    assert set(CONFIG["schema"]) <= {field.name for field in fields(Settings)}


def test_the_app_has_the_version_of_the_server_and_names_it_in_its_changelog() -> None:
    assert CONFIG["version"] == picoqwen_core.__version__
    assert f"## {CONFIG['version']}\n" in (ADDON / "CHANGELOG.md").read_text()


def test_the_apparmor_profile_bears_the_name_of_the_app() -> None:
    profile = (ADDON / "apparmor.txt").read_text()

    assert re.findall(r"^profile (\S+) ", profile, re.MULTILINE) == [CONFIG["slug"]]
    assert profile.count("{") - profile.count("run/{") == profile.count("}") - profile.count("service}/")


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
    # Building imports every module, but those that the Dockerfile names: they need what is installed by hand.
    left_out = re.findall(r"'(providers\.\w+)'", (ADDON / "Dockerfile").read_text())
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "server.txt").read_text(), re.MULTILINE)
    installed = {_plain(name) for name in pinned}
    of_module = importlib.metadata.packages_distributions()

    for path in (ROOT / "picoqwen_core").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "picoqwen_core").with_suffix("").parts)
        for name in _imported(path) - {"picoqwen_core"}:
            packages = {_plain(each) for each in of_module.get(name, [name])}
            assert packages & installed or module in left_out, f"{module} imports {name}"


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
