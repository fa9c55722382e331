"""What the Supervisor asks of an app's config.yaml, and how it rates its security.

Facts from https://developers.home-assistant.io/docs/apps/configuration and, where that is silent, from
supervisor/apps/validate.py and supervisor/apps/utils.py of https://github.com/home-assistant/supervisor.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

ELEMENT = re.compile(
    r"(bool|email|url|port|device(\(.+\))?|str(\(\d*,\d*\))?|password(\(\d*,\d*\))?"
    r"|int(\(-?\d*,-?\d*\))?|float(\(-?[\d.]*,-?[\d.]*\))?|match\(.+\)|list\([^|]+(\|[^|]+)*\))\??"
)
VOLUMES = (
    "data config ssl addons local_apps backup share media homeassistant_config app_config all_app_configs"
).split()
RISKY = set(
    "BPF CHECKPOINT_RESTORE DAC_READ_SEARCH NET_ADMIN NET_RAW PERFMON "
    "SYS_ADMIN SYS_MODULE SYS_PTRACE SYS_RAWIO".split()
)
DEPTH = 2


def _text(value: object) -> bool:
    return isinstance(value, str) and value.strip() == value != ""


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _all(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(check(each) for each in value)


def _ports(value: Any) -> bool:
    return all(
        re.fullmatch(r"\d{1,5}/(tcp|udp)", port) and (host is None or 0 < host < 1 << 16)
        for port, host in value.items()
    )


def _option(element: Any, depth: int = 0) -> bool:
    if isinstance(element, str):
        return ELEMENT.fullmatch(element) is not None
    if isinstance(element, list):
        return len(element) == 1 and not isinstance(element[0], list) and _option(element[0], depth)
    return depth < DEPTH and all(_text(key) and _option(each, depth + 1) for key, each in element.items())


REQUIRED = {
    "name": _text,
    "version": _matches(r"\d+\.\d+\.\d+([-.+]\w+)*"),
    "slug": _matches(r"[-_.A-Za-z0-9]+"),
    "description": _text,
    "arch": _all(_one_of("aarch64", "amd64")),
}
OPTIONAL = {
    "url": _matches(r"https?://\S+"),
    "image": _matches(r"([a-zA-Z\-.:\d{}]+/)*[\-\w{}]+/[\-\w{}]+"),
    "startup": _one_of("initialize", "system", "services", "application", "once"),
    "boot": _one_of("auto", "manual", "manual_only"),
    "init": lambda value: value is False,  # s6-overlay 3 is the init
    "stage": _one_of("stable", "experimental", "deprecated"),
    "homeassistant": _matches(r"20\d\d\.\d+\.\d+"),
    "ports": _ports,
    "ports_description": lambda value: all(_text(each) for each in value.values()),
    "ingress": lambda value: isinstance(value, bool),
    "homeassistant_api": lambda value: isinstance(value, bool),
    "ingress_port": lambda value: value == 0 or 0 < value < 1 << 16,
    "panel_icon": _matches(r"mdi:[a-z0-9-]+"),
    "panel_title": _text,
    "discovery": _all(_text),
    "watchdog": _matches(r"(?:https?|\[PROTO:\w+\]|tcp)://\[HOST\]:(\[PORT:\d+\]|\d+).*"),
    "timeout": lambda value: 10 <= value <= 300,
    "map": _all(_matches(rf"({'|'.join(VOLUMES)})(:(rw|ro))?")),
    "backup": _one_of("hot", "cold"),
    "backup_exclude": _all(_text),
    "options": lambda value: isinstance(value, dict),
    "schema": lambda value: all(_option(each) for each in value.values()),
}


def faults(config: Mapping[str, Any]) -> list[str]:
    """What the Supervisor would refuse, or drop without a word; empty where all is well."""
    found = [f"{name} is missing" for name in REQUIRED if name not in config]
    for name, value in config.items():
        check = {**REQUIRED, **OPTIONAL}.get(name)
        if check is None:
            found.append(f"{name} is not known")
        elif not check(value):
            found.append(f"{name} cannot be {value!r}")
    return found


def validated(options: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What the Supervisor writes into options.json. Raises ValueError where it would not start the app.

    As supervisor/apps/options.py has it: an option is optional by the ? of its type, a list by that of what
    it holds, and groups and lists of groups must be there, so that they need a default. What it looks up
    ("!secret NAME") is taken as text here.
    """
    for name in set(schema) - set(options):
        element = schema[name]
        inner = element[0] if isinstance(element, list) else element
        if not (isinstance(inner, str) and inner.endswith("?")):
            raise ValueError(f"missing option {name!r}")
    return {name: _given(value, schema[name], name) for name, value in options.items() if name in schema}


def _given(value: Any, element: Any, name: str) -> Any:
    """One value as its type asks for it, and in that type. Raises ValueError or TypeError."""
    if isinstance(element, list):
        if not isinstance(value, list):
            raise TypeError(f"{name!r} is no list")
        return [_given(each, element[0], name) for each in value]
    if isinstance(element, dict):
        if not isinstance(value, dict):
            raise TypeError(f"{name!r} is no group")
        return validated(value, element)
    kind, limits = _parts(element)
    try:
        return _KINDS[kind](value, limits)
    except (TypeError, ValueError):
        raise ValueError(f"{name!r} is {value!r}, asked for is {element}") from None


def _parts(element: str) -> tuple[str, str]:
    """A type's name, and what stands in its parentheses."""
    kind, _, limits = element.removesuffix("?").partition("(")
    return kind, limits.removesuffix(")")


def _ensured(value: Any, holds: object) -> Any:
    if not holds:
        raise ValueError(value)
    return value


def _within(value: float, limits: str) -> bool:
    least, _, most = limits.partition(",")
    return float(least or "-inf") <= value <= float(most or "inf")


def _number(value: Any, limits: str, kind: type) -> Any:
    return _ensured(kind(value), _within(kind(value), limits))


def _truth(value: Any, _: str) -> bool:
    """Words as people write them, and whatever Python takes for true; but None is a missing option."""
    words = {**dict.fromkeys(("1", "true", "yes", "on", "enable"), True)}
    words |= dict.fromkeys(("0", "false", "no", "off", "disable"), False)
    if isinstance(value, str):
        return words[_ensured(value.lower(), value.lower() in words)]
    return bool(_ensured(value, value is not None))


def _string(value: Any, limits: str) -> str:
    return str(_ensured(value, isinstance(value, str) and _within(len(value), limits)))


def _address(value: Any, _: str) -> str:
    parts = urlsplit(_ensured(value, isinstance(value, str)))
    return str(_ensured(value, parts.scheme and parts.netloc))


_KINDS: dict[str, Callable[[Any, str], Any]] = {
    "bool": _truth,
    "int": lambda value, limits: _number(value, limits, int),
    "float": lambda value, limits: _number(value, limits, float),
    "str": _string,
    "password": _string,
    "url": _address,
    "match": lambda value, limits: _ensured(
        str(value), value is not None and re.match(limits, str(value)) is not None
    ),
    "list": lambda value, limits: _ensured(str(value), str(value) in limits.split("|")),
}


def is_in_backup(path: PurePath, excluded: Sequence[str]) -> bool:
    """Whether a file or folder below an app's own folder is kept, by its path as the Supervisor sees it.

    As supervisor/apps/app.py has it: a pattern is compared with the end of the whole path, and a folder that
    is left out takes with it what it holds.
    """
    return not any(each.match(pattern) for each in (path, *path.parents) for pattern in excluded)


def form(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options as the Supervisor describes them to Home Assistant's page, which shows groups as folds."""
    return [_field(name, element) for name, element in schema.items()]


def _field(name: str, element: Any) -> dict[str, Any]:
    """One field; as supervisor/apps/options.py has it."""
    if isinstance(element, list):
        return {**_field(name, element[0]), "multiple": True}
    if isinstance(element, dict):
        return {
            "name": name,
            "type": "schema",
            "optional": True,
            "multiple": False,
            "schema": form(element),
        }
    kind, limits = _parts(element)
    wanted = {"optional": True} if element.endswith("?") else {"required": True}
    types = {"bool": "boolean", "int": "integer", "float": "float", "list": "select"}
    field: dict[str, Any] = {"name": name, **wanted, "type": types.get(kind, "string")}
    if kind == "list":
        field["options"] = limits.split("|")
    elif kind != "match":
        given = zip(("lengthMin", "lengthMax"), limits.split(","), strict=False)
        field |= {end: float(limit) for end, limit in given if limit}
    if kind in ("password", "url"):
        field["format"] = kind
    return field


def rating(config: Mapping[str, Any], *, has_profile: bool) -> int:
    """The security rating from 1 to 8; has_profile: whether an apparmor.txt lies beside the config."""
    points = 5
    if config.get("apparmor") is False:
        points -= 1
    elif has_profile:
        points += 1
    if config.get("ingress"):
        points += 2
    elif config.get("auth_api"):
        points += 1
    privileges = set(config.get("privileged", ()))
    points -= bool(privileges & RISKY) or bool(config.get("kernel_modules"))
    points -= {"manager": 1, "admin": 2}.get(config.get("hassio_role", "default"), 0)
    points -= bool(config.get("host_network"))
    points -= 2 * bool(config.get("host_pid"))
    points -= bool(config.get("host_uts")) and "SYS_ADMIN" in privileges
    if config.get("docker_api") or config.get("full_access"):
        points = 1
    return max(1, min(8, points))
