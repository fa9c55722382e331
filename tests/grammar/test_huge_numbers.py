"""Schemas of huge bounds: an answer ends, or stops by length, and is never invalid."""

import json

import jsonschema
import pytest

from picoqwen_core.errors import SchemaError
from picoqwen_core.messages import GenerateRequest, ResponseFormat, SamplingParams
from picoqwen_core.parsing import OutputParser


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "maximum": 10**30},
        {"type": "integer", "minimum": -(10**30), "maximum": 10**30},
        {"type": "integer", "minimum": 10**17, "maximum": 10**400},
        {"type": "integer", "exclusiveMinimum": -(2**63) - 1, "exclusiveMaximum": 2**63},
        {"type": "number", "maximum": 1e300},
        {"type": "number", "minimum": -1e300, "maximum": 1e300},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "minLength": 300, "maxLength": 10**12},
        {"type": "array", "minItems": 10**7, "maxItems": 10**15, "items": {"type": "integer"}},
        {"type": "integer"},
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_an_answer_ends_or_stops_by_length(model, schema, seed):
    hot = SamplingParams(temperature=5, top_k=0, top_p=1, seed=seed)
    wanted = ResponseFormat("json", schema=schema)
    request = GenerateRequest("x", sampling=hot, max_tokens=400, response_format=wanted)
    *deltas, last = model.generate(request, lambda: False)
    assert last.finish_reason in ("stop", "length")
    if last.finish_reason == "stop":
        jsonschema.validate(json.loads("".join(delta.content for delta in deltas)), schema)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "integer", "minimum": 10**20}, "schema: 'minimum' 100000000000000000000 is not supported"),
        ({"type": "integer", "exclusiveMaximum": -(10**20)}, "schema: 'exclusiveMaximum' -1"),
        ({"items": {"type": "number", "minimum": 1e-300}}, "schema.items: 'minimum' 1e-300 is not supported"),
        ({"type": "string", "minLength": 10**30}, "schema: 'minLength' 1e\\+30 is not supported"),
        ({"type": "number", "minimum": "3"}, "schema: 'minimum' must be a number, got '3'"),
    ],
)
def test_a_bound_that_cannot_be_counted_is_refused_by_name(grammars, schema, message):
    with pytest.raises(SchemaError, match=message):
        grammars.json(schema, "schema")


def test_a_call_with_a_number_of_more_digits_than_python_reads_stays_a_call():
    body = '<tool_call>\n{"name": "set", "arguments": {"n": ' + "9" * 5000 + "}}\n</tool_call>"
    parser = OutputParser(thinking=False)
    (delta, *_) = [*parser.feed(body), *parser.finish()]
    assert delta.tool_call.name == "set"
    assert json.dumps(delta.tool_call.arguments)
