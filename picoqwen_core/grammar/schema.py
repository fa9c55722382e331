"""JSON schemas made ready to be compiled: what cannot be guaranteed is refused by name and path.

Compiling itself is compiler.py's. The keywords are those of JSON Schema 2020-12; a keyword that only
describes is left out, one that demands something and is not supported is an error, never ignored.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from picoqwen_core.errors import SchemaError
from picoqwen_core.grammar.schema_refs import Nodes, endless, reachable

MAX_DEPTH, MAX_NODES, MAX_PROPERTIES, MAX_ENUM = 100, 20_000, 500, 20_000
# Each multiple is a state of an automaton, and two that meet in one number multiply.
MAX_MULTIPLE = 10_000
# The compiler counts in 64 bits and writes bounds out digit by digit. What is beyond is refused where it
# demands something, and made smaller where it only allows, which is stricter.
MAX_NUMBER, MIN_FRACTION, MAX_COUNT = 10**18, Decimal("1e-12"), 10**9

SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions")
SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
SCHEMAS = ("items", "additionalProperties")
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
ASSERTIONS = (
    *("type", "enum", "const", "$ref", "minItems", "maxItems", "required", "minProperties", "maxProperties"),
    *("minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "multipleOf"),
)
UNSUPPORTED = frozenset(
    "not if then else dependentRequired dependentSchemas dependencies contains minContains maxContains "
    "propertyNames unevaluatedProperties unevaluatedItems $dynamicRef $recursiveRef uniqueItems".split()
)
FORMATS = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid uri".split())
# The other formats of the standard; whatever else stands in `format` describes only.
UNSUPPORTED_FORMATS = frozenset(
    "regex idn-email idn-hostname uri-reference iri iri-reference uri-template json-pointer "
    "relative-json-pointer".split()
)
LEASTS = ("minItems", "minLength", "minProperties")
MOSTS = ("maxItems", "maxLength", "maxProperties")
# 1 where a bound demands to be above it, -1 below it.
BOUNDS = {"minimum": 1, "exclusiveMinimum": 1, "maximum": -1, "exclusiveMaximum": -1}
type Path = tuple[str, ...]


def prepared(schema: Any, where: str) -> dict[str, Any]:
    """A copy that means the same, or less, in the keywords that the compiler knows.

    An object that lists its properties and says nothing of others is closed, as callers mean it. where: the
    field that holds the schema, for messages. SchemaError names the keyword and its path.
    """
    if isinstance(schema, bool):
        schema = {} if schema else {"enum": []}
    _Check(where).node(schema, ())
    try:
        nodes, path = reachable(schema), endless(schema)
    except SchemaError as err:
        raise SchemaError(f"{where}: {err}") from err
    if path is not None:
        raise SchemaError(f"{_at(where, path)}: '$ref' leads to itself, so no value can ever be complete")
    copy: dict[str, Any] = _copy(schema, (), nodes)
    return copy


def places(schema: Any, keyword: str) -> list[str]:
    """The paths at which a keyword stands, for a message about it."""
    return [".".join((*path, keyword)) for path, node in _walk(schema, ()) if keyword in node]


def _walk(node: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for step, child in children(node):
            yield from _walk(child, (*path, *step))


def children(node: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The schemas directly inside one, with the steps that lead to them."""
    for keyword in SCHEMA_MAPS:
        for name, child in (node.get(keyword) or {}).items():
            yield (keyword, name), child
    for keyword in SCHEMA_LISTS:
        for index, child in enumerate(node.get(keyword) or ()):
            yield (keyword, str(index)), child
    for keyword in (*SCHEMAS, "additionalItems"):
        if keyword in node:
            child = node[keyword]
            if isinstance(child, list):
                yield from (((keyword, str(index)), each) for index, each in enumerate(child))
            else:
                yield (keyword,), child


def _at(where: str, path: Path) -> str:
    return ".".join((where, *path))


class _Check:
    """Refuses what is malformed, unsupported or too large."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._nodes = self._enum = 0
        self._multiple = 1

    def node(self, node: Any, path: Path) -> None:
        if isinstance(node, bool):
            return
        if not isinstance(node, dict):
            raise self._error(path, f"a schema must be an object, got {type(node).__name__}")
        self._size(path)
        self._shapes(node, path)
        self._counts(node, path)
        self._keywords(node, path)
        self._numbers(node, path)
        for step, child in children(node):
            self.node(child, (*path, *step))

    def _error(self, path: Path, message: str) -> SchemaError:
        return SchemaError(f"{_at(self._where, path)}: {message}")

    def _size(self, path: Path) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(path) > MAX_DEPTH:
            raise self._error(path, f"the schema has more than {MAX_NODES} parts or {MAX_DEPTH} levels")

    def _shapes(self, node: dict[str, Any], path: Path) -> None:
        """What the walk itself relies on."""
        for keyword in SCHEMA_MAPS:
            if keyword in node and not isinstance(node[keyword], dict):
                raise self._error(path, f"{keyword!r} must be an object")
        for keyword in (*SCHEMA_LISTS, "enum", "required"):
            if keyword in node and not isinstance(node[keyword], list):
                raise self._error(path, f"{keyword!r} must be a list")
        kinds = node.get("type", [])
        if any(kind not in TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])):
            raise self._error(path, f"'type' must be of {', '.join(TYPES)}, got {kinds!r:.100}")
        for keyword in ("pattern", "format", "$ref"):
            if keyword in node and not isinstance(node[keyword], str):
                raise self._error(path, f"{keyword!r} must be a string")
        if any(not isinstance(name, str) for name in node.get("required", ())):
            raise self._error(path, "'required' must list strings")
        if len(node.get("properties", ())) > MAX_PROPERTIES:
            raise self._error(path, f"'properties' has more than {MAX_PROPERTIES} entries")
        self._enum += len(node.get("enum", ()))
        if self._enum > MAX_ENUM:
            raise self._error(path, f"'enum' has more than {MAX_ENUM} values in all")

    def _counts(self, node: dict[str, Any], path: Path) -> None:
        for keyword in (*LEASTS, *MOSTS):
            value = node.get(keyword, 0)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise self._error(path, f"{keyword!r} must be a whole number, got {value!r:.100}")
            if value > MAX_COUNT and keyword in LEASTS:
                raise self._error(path, f"{keyword!r} {value:.3g} is not supported: over {MAX_COUNT}")

    def _keywords(self, node: dict[str, Any], path: Path) -> None:
        for keyword, value in node.items():
            if keyword in UNSUPPORTED and not (keyword == "uniqueItems" and value is False):
                raise self._error(path, f"{keyword!r} is not supported")
        reference = node.get("$ref", "#")
        if reference != "#" and not reference.startswith("#/"):
            raise self._error(path, f"'$ref' must be '#' or begin with '#/', got {reference!r:.100}")
        if node.get("format") in UNSUPPORTED_FORMATS:
            raise self._error(path, f"'format' {node['format']!r} is not supported")
        # Keys that are not listed may repeat, so only one of them is sure to count.
        least, required = node.get("minProperties", 0), len(set(node.get("required", ())))
        if least > required + 1 and not _all_listed(node):
            raise self._error(
                path, f"'minProperties' {least} is not supported beside {required} required ones"
            )

    def _numbers(self, node: dict[str, Any], path: Path) -> None:
        for keyword, sign in BOUNDS.items():
            value = node.get(keyword, 0)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self._error(path, f"{keyword!r} must be a number, got {value!r:.100}")
            if value * sign > MAX_NUMBER or 0 < abs(value) < MIN_FRACTION:
                raise self._error(
                    path,
                    f"{keyword!r} {value!r:.100} is not supported: beyond {MAX_NUMBER:g}, or too close to 0",
                )
        multiple = node.get("multipleOf")
        if multiple is None:
            return
        if isinstance(multiple, bool) or not isinstance(multiple, int | float) or not multiple:
            raise self._error(path, f"'multipleOf' must be a number and not 0, got {multiple!r:.100}")
        digits = Decimal(repr(multiple)).normalize().as_tuple().digits
        self._multiple *= int("".join(map(str, digits)))
        if self._multiple > MAX_MULTIPLE:
            raise self._error(path, f"'multipleOf' {multiple!r:.100} is not supported: too many digits")


def _all_listed(node: Mapping[str, Any]) -> bool:
    return node.get("additionalProperties") is False and not node.get("patternProperties")


def _copy(node: Any, path: Path, nodes: Nodes) -> Any:
    if isinstance(node, bool):
        return node
    copy = {keyword: node[keyword] for keyword in node if keyword in ASSERTIONS}
    for keyword, sign in BOUNDS.items():
        if keyword in copy and -copy[keyword] * sign > MAX_NUMBER:
            copy[keyword] = -MAX_NUMBER * sign
    for keyword in MOSTS:
        if keyword in copy:
            copy[keyword] = min(copy[keyword], MAX_COUNT)
    if "format" in copy and copy["format"] not in FORMATS:
        del copy["format"]
    # In the order of the original, in which properties are written.
    for keyword in node:
        if keyword in SCHEMA_MAPS:
            items = node[keyword].items()
            copy[keyword] = {name: _copy(child, (*path, keyword, name), nodes) for name, child in items}
        elif keyword in SCHEMA_LISTS or (keyword == "items" and isinstance(node[keyword], list)):
            # Before 2020-12, a list of `items` was what is now `prefixItems`.
            name = "prefixItems" if keyword == "items" else keyword
            copy[name] = [
                _copy(child, (*path, keyword, str(index)), nodes) for index, child in enumerate(node[keyword])
            ]
        elif keyword in SCHEMAS:
            copy[keyword] = _copy(node[keyword], (*path, keyword), nodes)
    if isinstance(node.get("items"), list) and "additionalItems" in node:
        copy["items"] = _copy(node["additionalItems"], (*path, "additionalItems"), nodes)
    if path in nodes.closed:
        copy["additionalProperties"] = False
    return copy
