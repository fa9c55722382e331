"""What hassfest and HACS ask of a custom integration, checked without a network and without their code.

hassfest is no part of any package, so its rules are written down here, and in integration_rules.py, as far as
they concern this integration; the names of the quality scale's rules are read from the Home Assistant that is
installed. Prints one line for each complaint; the real checkers run in the GitHub workflow.
"""

import json
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

import integration_rules as rules

ROOT = Path(__file__).resolve().parents[1]
INTEGRATION = ROOT / "custom_components" / "picoqwen"
DOCS = ROOT / "docs" / "home-assistant.md"
REQUIRED_KEYS = {"domain", "name", "codeowners", "documentation", "integration_type", "iot_class", "version"}
KNOWN_KEYS = REQUIRED_KEYS | {
    *("after_dependencies", "config_flow", "dependencies", "issue_tracker", "loggers", "quality_scale"),
    *("requirements", "zeroconf"),
}
KNOWN_VALUES = {
    "integration_type": {"device", "hub", "service"},
    "iot_class": {"cloud_polling", "cloud_push", "local_polling", "local_push", "calculated"},
}
HACS_KEYS = {
    *("name", "content_in_root", "country", "filename", "hacs", "hide_default_branch", "homeassistant"),
    *("persistent_directory", "render_readme", "zip_release"),
}
TRANSLATION_KEYS = {
    *("config", "config_subentries", "entity", "exceptions", "issues", "selector", "services"),
    *("system_health", "title"),
}
STEP_KEYS = {"title", "description", "data", "data_description", "sections", "submit"}
# A rule of the quality scale that says "done", and what can be seen of it.
EVIDENCE: dict[str, tuple[str, str]] = {
    "action-setup": ("__init__.py", r"async def async_setup\(.*\n(.*\n)*?.*async_setup_services"),
    "config-flow": ("manifest.json", r'"config_flow": true'),
    "diagnostics": ("diagnostics.py", r"async_get_config_entry_diagnostics"),
    "discovery": ("config_flow.py", r"async_step_hassio\((.*\n)*.*async_step_zeroconf\("),
    "inject-websession": ("__init__.py", r"async_get_clientsession"),
    "reauthentication-flow": ("config_flow.py", r"async_step_reauth\("),
    "reconfiguration-flow": ("config_flow.py", r"async_step_reconfigure\("),
    "repair-issues": ("issues.py", r"async_create_issue"),
    "runtime-data": ("__init__.py", r"entry\.runtime_data = "),
    "config-entry-unloading": ("__init__.py", r"async def async_unload_entry"),
    "test-before-setup": ("__init__.py", r"async_config_entry_first_refresh"),
}
# A rule about documentation, and the heading under which it is kept.
HEADINGS = {
    "docs-actions": "Actions",
    "docs-configuration-parameters": "Agents",
    "docs-data-update": "Entities",
    "docs-examples": "Examples",
    "docs-high-level-description": "Pico-Qwen in Home Assistant",
    "docs-installation-instructions": "Install",
    "docs-installation-parameters": "Install",
    "docs-known-limitations": "Known limits",
    "docs-removal-instructions": "Remove",
    "docs-supported-devices": "What you need",
    "docs-supported-functions": "What it does",
    "docs-troubleshooting": "When something is wrong",
    "docs-use-cases": "Examples",
}


def complaints() -> list[str]:
    """Everything that hassfest or HACS would not let pass."""
    declared = (each(INTEGRATION) for each in (rules.code, rules.services, rules.icons, rules.texts))
    files = (manifest(), hacs(), brand(), translations(), actions(), quality_scale())
    return [complaint for found in (*files, *declared) for complaint in found]


def manifest() -> Iterator[str]:
    """The manifest's keys and their order."""
    keys = list(content := _json("manifest.json"))
    yield from (f"manifest.json: {key} is missing" for key in sorted(REQUIRED_KEYS - set(keys)))
    yield from (f"manifest.json: {key} is not known" for key in sorted(set(keys) - KNOWN_KEYS))
    if keys[:2] != ["domain", "name"] or keys[2:] != sorted(keys[2:]):
        yield "manifest.json: domain and name come first, then the others by the alphabet"
    if content.get("domain") != INTEGRATION.name:
        yield f"manifest.json: the domain has to be {INTEGRATION.name}"
    if not re.fullmatch(r"\d+\.\d+\.\d+", content.get("version", "")):
        yield f"manifest.json: version {content.get('version')!r} is none"
    for key, allowed in KNOWN_VALUES.items():
        if content.get(key) not in allowed:
            yield f"manifest.json: {key} {content.get(key)!r} is not one of {', '.join(sorted(allowed))}"
    for key in ("documentation", "issue_tracker"):
        if not str(content.get(key)).startswith("https://"):
            yield f"manifest.json: {key} has to be an address with https"
    if str(content.get("documentation")).startswith("https://www.home-assistant.io/integrations"):
        yield "manifest.json: documentation has to be the integration's own page"
    if not all(re.fullmatch(r"@[A-Za-z0-9-]+", each) for each in content.get("codeowners", [])):
        yield "manifest.json: a code owner is an account of GitHub, with @"
    for service in content.get("zeroconf", []):
        if not re.fullmatch(r"_[a-z0-9-]{1,15}\._(tcp|udp)\.local\.", service):
            yield f"manifest.json: {service!r} is no service type"


def hacs() -> Iterator[str]:
    """hacs.json, and that there is one integration."""
    content = json.loads((ROOT / "hacs.json").read_text())
    yield from (f"hacs.json: {key} is not known" for key in sorted(set(content) - HACS_KEYS))
    if not content.get("name"):
        yield "hacs.json: name is missing"
    if [path.parent.name for path in ROOT.glob("custom_components/*/manifest.json")] != [INTEGRATION.name]:
        yield "custom_components: there has to be exactly one integration"


def brand() -> Iterator[str]:
    """The icon in both sizes."""
    for name, size in (("icon.png", 256), ("icon@2x.png", 512)):
        path = INTEGRATION / "brand" / name
        header = path.read_bytes()[:24] if path.is_file() else b""
        if header[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", header[16:24]) != (size, size):
            yield f"brand/{name}: has to be a PNG of {size} x {size}"


def translations() -> Iterator[str]:
    """Every language: known sections, complete steps, clean texts."""
    for path in sorted((INTEGRATION / "translations").glob("*.json")):
        tree = json.loads(path.read_text())
        yield from (f"{path.name}: {key} is not known" for key in sorted(set(tree) - TRANSLATION_KEYS))
        for where, text in _texts(tree):
            if text != text.strip() or re.search(r"https?://|</?[a-z]+>|\[%key|'{\w+}'", text):
                yield f"{path.name}: {where}: blanks around it, an address, markup or a quoted placeholder"
        flows = {"config": tree["config"], **tree.get("config_subentries", {})}
        for name, flow in flows.items():
            for step, parts in flow["step"].items():
                yield from (f"{path.name}: {name}.{step}: {k} is not known" for k in set(parts) - STEP_KEYS)
                if set(parts.get("data", ())) != set(parts.get("data_description", ())):
                    yield f"{path.name}: {name}.{step}: each field needs a description"
        for name, flow in tree.get("config_subentries", {}).items():
            if not flow.get("entry_type") or "user" not in flow.get("initiate_flow", {}):
                yield f"{path.name}: {name}: entry_type and initiate_flow.user are needed"


def actions() -> Iterator[str]:
    """services.yaml, its texts and its icons are about the same actions."""
    described = yaml.safe_load((INTEGRATION / "services.yaml").read_text())
    texts, icons = _json("translations/en.json")["services"], _json("icons.json")["services"]
    if not described.keys() == texts.keys() == icons.keys():
        yield "services.yaml, the translations and icons.json know different actions"
    for name, action in described.items():
        if set(action.get("fields", ())) != set(texts.get(name, {}).get("fields", ())):
            yield f"services.yaml: {name}: its fields and their texts differ"


def quality_scale() -> Iterator[str]:
    """Every rule has a status, every exemption a reason, and what is done can be seen."""
    rules = yaml.safe_load((INTEGRATION / "quality_scale.yaml").read_text())["rules"]
    known = _known_rules()
    yield from (f"quality_scale.yaml: {rule} is missing" for rule in sorted(known - set(rules)))
    yield from (f"quality_scale.yaml: {rule} is not known" for rule in sorted(set(rules) - known))
    headings = set(re.findall(r"^#+ (.+)$", DOCS.read_text(), re.MULTILINE))
    for rule, entry in rules.items():
        status = entry["status"] if isinstance(entry, Mapping) else entry
        if status not in ("done", "exempt", "todo"):
            yield f"quality_scale.yaml: {rule}: {status!r} is no status"
        if status == "exempt" and not (isinstance(entry, Mapping) and entry.get("comment")):
            yield f"quality_scale.yaml: {rule}: an exemption needs a reason"
        if status == "done":
            yield from _unseen(rule, headings)


def _unseen(rule: str, headings: set[str]) -> Iterator[str]:
    if rule in EVIDENCE:
        file, pattern = EVIDENCE[rule]
        if not re.search(pattern, (INTEGRATION / file).read_text()):
            yield f"quality_scale.yaml: {rule} is done, but {file} does not show it"
    if rule in HEADINGS and HEADINGS[rule] not in headings:
        yield f"quality_scale.yaml: {rule} is done, but {DOCS.name} has no {HEADINGS[rule]!r}"
    if rule == "parallel-updates":
        for platform in re.findall(r"Platform\.(\w+)", (INTEGRATION / "__init__.py").read_text()):
            if "PARALLEL_UPDATES = " not in (INTEGRATION / f"{platform.lower()}.py").read_text():
                yield f"quality_scale.yaml: parallel-updates is done, but {platform.lower()}.py has none"


def _known_rules() -> set[str]:
    """The rules that integrations of the installed Home Assistant give a status."""
    spec = find_spec("homeassistant")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("Home Assistant is not installed: run script/setup test")
    components = Path(spec.submodule_search_locations[0]) / "components"
    return set(yaml.safe_load((components / "anthropic" / "quality_scale.yaml").read_text())["rules"])


def _json(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((INTEGRATION / name).read_text())
    return content


def _texts(tree: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield where, tree
        return
    for key, below in tree.items():
        yield from _texts(below, f"{where}.{key}" if where else key)


if __name__ == "__main__":
    found = complaints()
    sys.exit("\n".join(found) if found else 0)
