"""Schemas: what is refused and how that is said, and what is made of those that are taken."""

import json

import pytest

from picoqwen_core.errors import SchemaError
from picoqwen_core.grammar.schema import MAX_PROPERTIES, prepared

STRING, OBJECT = {"type": "string"}, {"type": "object"}


def tower(levels: int) -> dict:
    schema: dict = {"type": "null"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {"a": {"uniqueItems": True}}}, "f.properties.a: 'uniqueItems' is not supported"),
        ({"items": {"not": {}}}, "f.items: 'not' is not supported"),
        ({"anyOf": [STRING, {"if": {}}]}, "f.anyOf.1: 'if' is not supported"),
        ({"$defs": {"a": {"contains": {}}}}, r"f.\$defs.a: 'contains' is not supported"),
        ({"format": "json-pointer"}, "f: 'format' 'json-pointer' is not supported"),
        ({"$ref": "https://example.org/a.json"}, r"f: '\$ref' must be '#' or begin with '#/', got 'https"),
        ({"$ref": "#/$defs/none"}, r"f: '\$ref' to '#/\$defs/none' leads nowhere"),
        ({"type": "text"}, "f: 'type' must be of null, boolean, .*, got 'text'"),
        ({"properties": []}, "f: 'properties' must be an object"),
        ({"anyOf": {}}, "f: 'anyOf' must be a list"),
        ({"items": 3}, "f.items: a schema must be an object, got int"),
        ({"minLength": -1}, "f: 'minLength' must be a whole number, got -1"),
        ({"multipleOf": 0}, "f: 'multipleOf' must be a number and not 0, got 0"),
        ({"multipleOf": 99999999}, "f: 'multipleOf' 99999999 is not supported: too many digits"),
        ({"minProperties": 3}, "f: 'minProperties' 3 is not supported beside 0 required ones"),
        (tower(120), "the schema has more than"),
        ({"properties": {str(i): {} for i in range(MAX_PROPERTIES + 1)}}, "'properties' has more than 500"),
        ({"enum": list(range(20_001))}, "'enum' has more than 20000 values in all"),
    ],
)
def test_what_cannot_be_guaranteed_is_named_with_its_path(schema, message):
    with pytest.raises(SchemaError, match=message):
        prepared(schema, "f")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (
            {"oneOf": [OBJECT, {"type": "object", "title": "b"}]},
            r"f: 'oneOf' is supported only where .* \(at f.oneOf\)",
        ),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, r"look-ahead.*\(at f.properties.a.pattern\)"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, r"minimum \(5\) is greater than maximum"),
        ({"enum": []}, "Unsatisfiable"),
        (False, "Unsatisfiable"),
        ({"const": json.loads("[" * 300 + "]" * 300)}, "f: .*recursion"),
        ({"type": "string", "pattern": "^b$", "maxLength": 0}, "f: "),
    ],
)
def test_what_the_compiler_refuses_is_named_too(grammars, schema, message):
    with pytest.raises(SchemaError, match=message):
        grammars.json(schema, "f")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"type": "array", "minItems": 1, "items": {"$ref": "#"}},
        {"allOf": [{}, {"$ref": "#"}]},
    ],
)
def test_a_schema_whose_values_never_end_is_refused(schema):
    with pytest.raises(SchemaError, match=r"'\$ref' leads to itself"):
        prepared(schema, "f")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/a%20b~1c", "$defs": {"a b/c": STRING}},
        {"type": "array", "items": {"$ref": "#"}},
        {"anyOf": [{"type": "null"}, {"$ref": "#"}]},
    ],
)
def test_a_schema_that_may_end_is_taken(grammars, schema):
    grammars.json(schema, "f")


def test_hostile_schemas_are_settled_at_once(grammars):
    """Each takes milliseconds; unchecked, some would take minutes or never end."""
    hostile = [
        {"type": "string", "pattern": "^(a|b)*a(a|b){20}$"},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"allOf": [{"multipleOf": 9973}, {"multipleOf": 9967}]},
        {"allOf": [{"anyOf": [{"properties": {f"{i}{j}": {}}} for j in range(6)]} for i in range(6)]},
    ]
    for schema in hostile:
        try:
            grammars.json(schema, "f").mask()
        except SchemaError:
            continue
    assert grammars.json(OBJECT, "f").mask().any()


def test_objects_that_list_their_properties_are_closed():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"properties": {"b": STRING}}}},
    }
    made = prepared(schema, "f")
    assert made["additionalProperties"] is False
    assert made["properties"]["a"]["items"]["additionalProperties"] is False
    assert "additionalProperties" not in schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"properties": {"a": STRING}, "additionalProperties": True},
        {"properties": {"a": STRING}, "required": ["b"]},
        {"properties": {}, "minProperties": 1},
        {"properties": {"a": STRING}, "allOf": [{"properties": {"b": STRING}}]},
        {"allOf": [{"properties": {"a": STRING}}, {"properties": {"b": STRING}}]},
        {"oneOf": [{"properties": {"a": STRING}, "required": ["a"]}, {"type": "null"}]},
    ],
)
def test_objects_that_are_open_or_combined_stay_open(schema):
    def closed(node) -> bool:
        if isinstance(node, dict):
            return node.get("additionalProperties") is False or any(map(closed, node.values()))
        return isinstance(node, list) and any(map(closed, node))

    assert not closed(prepared(schema, "f"))


def test_a_definition_that_is_combined_somewhere_stays_open():
    used_alone = {"$defs": {"a": {"properties": {"x": STRING}}}, "properties": {"p": {"$ref": "#/$defs/a"}}}
    assert prepared(used_alone, "f")["$defs"]["a"]["additionalProperties"] is False

    also_combined = {**used_alone, "properties": {"p": {"allOf": [{"$ref": "#/$defs/a"}, OBJECT]}}}
    assert "additionalProperties" not in prepared(also_combined, "f")["$defs"]["a"]


def test_what_only_describes_is_left_out():
    schema = {
        "type": "string",
        "title": "t",
        "examples": ["a"],
        "x-color": 1,
        "format": "RGB",
        "uniqueItems": False,
    }
    assert prepared(schema, "f") == {"type": "string"}


def test_items_of_older_drafts_are_understood(grammars, tokenizer):
    schema = {"type": "array", "items": [{"const": 1}, {"const": 2}], "additionalItems": False}
    assert prepared(schema, "f") == {
        "type": "array",
        "prefixItems": [{"const": 1}, {"const": 2}],
        "items": False,
    }
