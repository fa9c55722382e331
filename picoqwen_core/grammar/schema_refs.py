"""What a schema's references lead to: which objects may be closed, and whether a value can be complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from picoqwen_core.errors import SchemaError

type Path = tuple[str, ...]

_COMBINING = ("allOf", "anyOf", "oneOf", "$ref")
_OF_OBJECTS = ("properties", "patternProperties", "additionalProperties", *_COMBINING)


@dataclass(frozen=True, slots=True)
class Nodes:
    """closed: the paths of objects that list all properties they may have, though they do not say so."""

    closed: frozenset[Path]


def reachable(schema: Any) -> Nodes:
    """Visit each part from the root, through references; what is combined with others stays open.

    Closing one part of an `allOf` would forbid what the other parts list, and in a `oneOf` it would make
    choices exclude each other that do not.
    """
    found: dict[Path, bool] = {}
    waiting: list[tuple[Path, bool]] = [((), False)]
    while waiting:
        path, merged = waiting.pop()
        # Once more where a part that stood alone turns out to be combined too.
        if path in found and (found[path] or not merged):
            continue
        found[path] = merged
        node = at(schema, path)
        if isinstance(node, dict):
            waiting += _next(node, path, merged)
    return Nodes(frozenset(p for p, merged in found.items() if not merged and _closable(at(schema, p))))


def at(schema: Any, path: Path) -> Any:
    """The part at a path of keywords, names and indices; SchemaError where there is none."""
    node = schema
    for step in path:
        try:
            node = node[int(step)] if isinstance(node, list) else node[step]
        except (KeyError, IndexError, ValueError, TypeError) as err:
            raise SchemaError(f"'$ref' to {'/'.join(('#', *path))!r:.100} leads nowhere") from err
    return node


def target(reference: str) -> Path:
    """The path of a local reference."""
    steps = unquote(reference.removeprefix("#")).split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _next(node: Mapping[str, Any], path: Path, merged: bool) -> list[tuple[Path, bool]]:
    """The parts of a node, and whether each is combined with something."""
    beside = sum(keyword in node for keyword in _OF_OBJECTS) > 1
    parts: list[tuple[Path, bool]] = []
    for keyword in ("properties", "patternProperties"):
        parts += [((*path, keyword, name), merged) for name in node.get(keyword, ())]
    for keyword in ("allOf", "anyOf", "oneOf"):
        joined = (
            merged or beside or keyword == "oneOf" or (keyword == "allOf" and len(node.get(keyword, ())) > 1)
        )
        parts += [((*path, keyword, str(index)), joined) for index in range(len(node.get(keyword, ())))]
    for keyword in ("items", "prefixItems"):
        if isinstance(inner := node.get(keyword), list):
            parts += [((*path, keyword, str(index)), merged) for index in range(len(inner))]
    for keyword in ("items", "additionalProperties", "additionalItems"):
        if isinstance(node.get(keyword), dict):
            parts.append(((*path, keyword), merged))
    if "$ref" in node:
        parts.append((target(node["$ref"]), merged or beside))
    return parts


def _closable(node: Any) -> bool:
    if not isinstance(node, dict) or not isinstance(node.get("properties"), dict):
        return False
    if any(keyword in node for keyword in (*_COMBINING, "additionalProperties", "patternProperties")):
        return False
    # What it demands beyond the properties it lists can only be others.
    listed = node["properties"]
    return set(node.get("required", ())) <= set(listed) and node.get("minProperties", 0) <= len(listed)


def endless(schema: Any) -> Path | None:
    """The path of the reference by which every value would have to contain itself, if there is one."""
    references = _references(schema)
    finite: set[Path] = set()
    grown = True
    while grown:
        grown = False
        for place in references.values():
            if place not in finite and _ends(at(schema, place), finite):
                finite.add(place)
                grown = True
    if _ends(schema, finite):
        return None
    return next((path for path, place in references.items() if place not in finite), ())


def _references(schema: Any) -> dict[Path, Path]:
    """Where each reference that can be reached stands, and what it leads to."""
    found: dict[Path, Path] = {}
    seen: set[Path] = set()
    waiting: list[Path] = [()]
    while waiting:
        path = waiting.pop()
        node = at(schema, path)
        if path in seen or not isinstance(node, dict):
            continue
        seen.add(path)
        if "$ref" in node:
            found[path] = target(node["$ref"])
        waiting += [part for part, _ in _next(node, path, merged=False)]
    return found


def _ends(node: Any, finite: set[Path]) -> bool:
    """Whether some value of this schema is complete, if those of the finite references are."""
    if not isinstance(node, dict) or "enum" in node or "const" in node:
        return True
    if "$ref" in node and target(node["$ref"]) not in finite:
        return False
    for keyword in ("anyOf", "oneOf"):
        if node.get(keyword) and not any(_ends(each, finite) for each in node[keyword]):
            return False
    if not all(_ends(each, finite) for each in node.get("allOf", ())):
        return False
    if "type" in node and node["type"] not in ("object", "array"):
        return True
    properties = node.get("properties", {})
    if not all(_ends(properties.get(name), finite) for name in node.get("required", ())):
        return node.get("type") is None
    least = node.get("minItems", 0)
    first, items = node.get("prefixItems", []), node.get("items")
    needed = [*first[:least], *([items] if isinstance(items, dict) and least > len(first) else [])]
    return all(_ends(each, finite) for each in needed) or "type" not in node
