"""What hassfest asks of a custom integration's code and declarations; what it asks of files is in
check_integration.py.

Its facts are those of the Home Assistant that is installed: which components and platforms there are, and
what its selectors take. Each function yields one line for each complaint.
"""

import ast
import json
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import homeassistant.components
import voluptuous as vol
import yaml
from homeassistant.const import Platform
from homeassistant.helpers.selector import validate_selector
from voluptuous.humanize import humanize_error

COMPONENTS = Path(homeassistant.components.__file__).parent
PLATFORMS = frozenset(str(platform) for platform in Platform)
# What everybody may use without naming it in the manifest; hassfest knows more than are used here.
INTERNAL = frozenset(("automation", "conversation", "homeassistant", "script", "system_health"))
KEY = re.compile(r"(?!.+[_-]{2})(?![_-])[a-z0-9_-]+(?<![_-])")
ADDRESS = re.compile(r"\b(?:https?|ftps?|scp|mqtts?|socket|socks5|wss?)://|\bwww\.", re.IGNORECASE)
DISCOVERIES = ("hassio", "zeroconf", "bluetooth", "dhcp", "homekit", "mqtt", "ssdp", "usb")
FIELD_KEYS = {"name", "description", "example", "default", "required", "advanced", "selector"}


def code(folder: Path) -> Iterator[str]:
    """What is imported is named in the manifest and exists, and set-up from YAML is refused in words."""
    manifest = json.loads((folder / "manifest.json").read_text())
    first, later = manifest.get("dependencies", []), manifest.get("after_dependencies", [])
    for name in sorted({*first, *later}):
        if name == manifest.get("domain") or not (COMPONENTS / name / "manifest.json").is_file():
            yield f"manifest.json: there is no integration {name!r} to depend on"
        if name in first and name in later:
            yield f"manifest.json: {name} is both in dependencies and after_dependencies"
    own = {path.stem for path in folder.glob("*.py")}
    allowed = PLATFORMS | INTERNAL | own | {*first, *later} | (set(manifest) & {"zeroconf", "ssdp", "dhcp"})
    for path in sorted(folder.glob("*.py")):
        for name in sorted(_used_in(path.read_text()) - allowed):
            yield f"{path.name}: uses {name}, which is not in dependencies or after_dependencies"
    start = (folder / "__init__.py").read_text()
    if re.search(r"^(async )?def (async_)?setup\(", start, re.MULTILINE) and "CONFIG_SCHEMA = " not in start:
        yield "__init__.py: an integration that has async_setup needs a CONFIG_SCHEMA"
    flow = (folder / "config_flow.py").read_text()
    if any(f"async_step_{each}(" in flow for each in DISCOVERIES) and "async_set_unique_id(" not in flow:
        yield "config_flow.py: what is discovered needs a unique id"


@cache
def _used_in(source: str) -> frozenset[str]:
    """The components that a module imports; kept, because many copies are checked in tests."""
    return frozenset(_used(ast.parse(source)))


def _used(tree: ast.AST) -> set[str]:
    """The components that a module imports, but for what is only imported for types."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        found |= {each.split(".")[2] for each in names if each.startswith("homeassistant.components.")}
        found |= _used(node)
    return found


def services(folder: Path) -> Iterator[str]:
    """Every field has a selector that Home Assistant takes, and texts for what it offers to choose."""
    described = yaml.safe_load((folder / "services.yaml").read_text())
    known = json.loads((folder / "translations" / "en.json").read_text()).get("selector", {})
    for action, about in described.items():
        yield from _bad_keys("services.yaml", (action, *about.get("fields", {})))
        yield from (
            f"services.yaml: {action}: {key} is not known" for key in set(about) - {"fields", "target"}
        )
        for name, field in about.get("fields", {}).items():
            where = f"services.yaml: {action}.{name}"
            yield from (f"{where}: {key} is not known" for key in sorted(set(field) - FIELD_KEYS))
            yield from (
                f"{where}: {key} has no value" for key in ("default", "example") if field.get(key, 0) is None
            )
            try:
                validate_selector(field.get("selector"))
            except Exception as err:  # whatever a wrong selector raises, it is wrong
                yield f"{where}: its selector is not one that Home Assistant takes: {err}"
                continue
            yield from _untold(where, field["selector"].get("select") or {}, known)


def _untold(where: str, select: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    """The options of a choice that have no text."""
    key = select.get("translation_key")
    if key is not None:
        options = {each if isinstance(each, str) else each["value"] for each in select["options"]}
        told = set(known.get(key, {}).get("options", {}))
        yield from (f"{where}: {each} has no text in selector.{key}" for each in sorted(options ^ told))


def icons(folder: Path) -> Iterator[str]:
    """Icons are those of Material Design, of entities that there are, and say something by their state."""
    tree = json.loads((folder / "icons.json").read_text())
    try:
        _ICONS(tree)
    except vol.Invalid as err:
        yield f"icons.json: {humanize_error(tree, err)}"


def texts(folder: Path) -> Iterator[str]:
    """English has the form that the frontend reads; the other languages have the keys of English."""
    tree = json.loads((folder / "translations" / "en.json").read_text())
    try:
        _TEXTS(tree)
    except vol.Invalid as err:
        yield f"en.json: {humanize_error(tree, err)}"


def _bad_keys(where: str, keys: Any) -> Iterator[str]:
    yield from (f"{where}: {key!r} is no key" for key in keys if not KEY.fullmatch(key))


def _key(value: Any) -> Any:
    if not isinstance(value, str) or not KEY.fullmatch(value):
        raise vol.Invalid(f"{value!r} is no key: a to z, 0 to 9, - and _ within")
    return value


def _icon(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"mdi:[a-z0-9-]+", value):
        raise vol.Invalid(f"{value!r} is no icon of Material Design")
    return value


def _telling(value: dict[str, Any]) -> dict[str, Any]:
    """A state's icon that is the default says nothing, and one without a default leaves the others bare."""
    if "state" in value and "default" not in value:
        raise vol.Invalid("icons of states need a default")
    for state, icon in value.get("state", {}).items():
        if icon == value["default"]:
            raise vol.Invalid(f"the icon of {state!r} is the default")
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str) or not value or value != value.strip():
        raise vol.Invalid(f"{value!r} is no text without blanks around it")
    if ADDRESS.search(value) or re.search(r"<[^>]+>|\[%|'{\w+}'", value):
        raise vol.Invalid(f"an address, markup, a reference or a quoted placeholder is in {value!r}")
    for _, name, _, _ in string.Formatter().parse(value):
        if name and not name.isidentifier():
            raise vol.Invalid(f"{name!r} is no placeholder")
    return value


def _plain(value: Any) -> Any:
    if "{" in _text(value):
        raise vol.Invalid("a placeholder is not filled in here")
    return value


def _flow(more: dict[Any, Any]) -> vol.Schema:
    fields = {str: _text}
    step = {"title": _text, "description": _text, "data": fields, "data_description": fields, "submit": _text}
    return vol.Schema({vol.Required("step"): {str: step}, "error": fields, "abort": fields, **more})


_ENTITY_ICON = vol.All(
    vol.Schema(
        {
            "default": _icon,
            "state": {_key: _icon},
            "state_attributes": {_key: {vol.Required("default"): _icon, "state": {_key: _icon}}},
        }
    ),
    _telling,
)
_ICONS = vol.Schema(
    {
        "entity": {vol.In(PLATFORMS): {_key: _ENTITY_ICON}},
        "services": {_key: {vol.Required("service"): _icon, "sections": {_key: _icon}}},
    }
)
_ENTITY = {
    "name": _text,
    "state": {_key: _plain},
    "state_attributes": {_key: {"name": _plain, "state": {_key: _plain}}},
    "unit_of_measurement": _plain,
}
_NAMED = {vol.Required("name"): _text, vol.Required("description"): _text}
_START = {vol.Required("user"): _text, str: _text}
_TEXTS = vol.Schema(
    {
        "title": _text,
        "config": _flow({"flow_title": _text}),
        "config_subentries": {
            _key: _flow({vol.Required("entry_type"): _text, vol.Required("initiate_flow"): _START})
        },
        "entity": {vol.In(PLATFORMS): {_key: _ENTITY}},
        "exceptions": {_key: {vol.Required("message"): _text}},
        "issues": {_key: {vol.Required("title"): _text, vol.Required("description"): _text}},
        "selector": {_key: {"options": {_key: _text}}},
        "services": {_key: {**_NAMED, "fields": {_key: {**_NAMED, "example": _text}}}},
        "system_health": {"info": {_key: _text}},
    }
)
