"""Constraints from schemas, regular expressions and grammars, token by token."""

import pytest

from picoqwen_core.errors import EngineError, GrammarError, SchemaError
from picoqwen_core.grammar.compiler import KEPT, Grammars
from picoqwen_core.messages import ResponseFormat
from picoqwen_core.tokenizer import Tokenizer
from tests.grammar.conftest import follow
from tests.vocabulary import home_metadata, qwen3_metadata

LAMP = {
    "type": "object",
    "properties": {
        "name": {"enum": ["lamp", "Küche"]},
        "level": {"type": "integer", "minimum": 0, "maximum": 100},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('{"name": "lamp"}', True),
        ('{"name": "Küche", "level": 40}', True),
        ('{"name": "hall"}', False),
        ('{"name": "lamp", "level": 400}', False),
        ('{"name": "lamp"', False),
        ('{"name": "lamp"} ', False),
        ('{"level": 40}', False),
        ('{"name": "lamp", "more": 1}', False),
    ],
)
def test_a_schema_lets_its_values_through_and_nothing_else(grammars, tokenizer, text, fits):
    assert follow(grammars.json(LAMP, "f"), tokenizer, text) is fits


@pytest.mark.parametrize(
    ("wanted", "fitting", "other"),
    [
        (ResponseFormat("regex", text="[ab]{2,3}"), "aba", "abc"),
        (ResponseFormat("grammar", text='start: "x" NUMBER\nNUMBER: /[0-9]+/'), "x12", "y12"),
        (ResponseFormat("choice", choices=("yes", 'no "way"')), 'no "way"', "maybe"),
        (ResponseFormat("json"), '[1, {"a": null}]', "[1,]"),
    ],
)
def test_every_kind_of_format_constrains(grammars, tokenizer, wanted, fitting, other):
    assert follow(grammars.constraint(wanted), tokenizer, fitting)
    assert not follow(grammars.constraint(wanted), tokenizer, other)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("regex", "", "the regex is empty"),
        ("grammar", "", "the grammar is empty"),
        ("regex", "(", "unclosed group"),
        ("regex", "(?=a)b", "look-ahead"),
        ("regex", "(" * 300 + ")" * 300, "brackets open at once"),
        ("grammar", 'a: "b"', "no start rule"),
        ("grammar", "start: nobody", 'unknown name: "nobody"'),
        ("grammar", "start: X\nX: /a/ & ~/a/", "no text fits"),
        ("regex", "a{100000000}", "it is too complex"),
        ("grammar", 'start: "a"{1000000000}', "it is too complex"),
        ("grammar", "start: %json {", "what follows %json is no JSON"),
    ],
)
def test_a_wrong_or_impossible_grammar_is_refused_in_one_line(grammars, kind, text, message):
    with pytest.raises(GrammarError, match=f"response_format: .*{message}") as raised:
        grammars.constraint(ResponseFormat(kind, text=text))
    assert "\n" not in str(raised.value)


def test_schemas_inside_a_grammar_are_checked_like_others(grammars, tokenizer):
    fitting = ResponseFormat(
        "grammar", text='start: "a" %json {"properties": {"x": {}}, "type": "object"} "b"'
    )
    assert follow(grammars.constraint(fitting), tokenizer, 'a{"x": 1}b')
    assert not follow(grammars.constraint(fitting), tokenizer, 'a{"y": 1}b')

    # Unchecked, it would be compiled for minutes.
    hostile = ResponseFormat("grammar", text='start: %json {"multipleOf": 99999999}')
    with pytest.raises(SchemaError, match=r"response_format.%json: 'multipleOf' 99999999"):
        grammars.constraint(hostile)


@pytest.mark.parametrize("metadata", [qwen3_metadata, home_metadata])
def test_it_works_for_every_vocabulary(metadata):
    tokenizer = Tokenizer.from_metadata(metadata())
    constraint = Grammars(tokenizer).json(LAMP, "f")
    start = tokenizer.decode(constraint.forced())
    assert '{"name": "Küche"}'.startswith(start)
    assert len(start) > 5
    assert follow(constraint, tokenizer, '{"name": "Küche"}')


def test_what_is_certain_need_not_be_drawn(grammars, tokenizer):
    constraint = grammars.json(
        {"type": "object", "properties": {"on": {"const": True}}, "required": ["on"]}, "f"
    )
    forced = constraint.forced()
    assert tokenizer.decode(forced) == '{"on": true}'
    for token in forced:
        constraint.accept(token)
    assert constraint.stopped()


def test_constraints_of_the_same_grammar_do_not_disturb_each_other(grammars, tokenizer):
    first, second = grammars.json(LAMP, "f"), grammars.json(LAMP, "f")
    assert follow(first, tokenizer, '{"name": "lamp"}')
    assert follow(second, tokenizer, '{"name": "Küche", "level": 4}')


def test_accepted_tokens_can_be_taken_back(grammars, tokenizer):
    constraint = grammars.json(LAMP, "f")
    for token in tokenizer.encode('{"name": "la'):
        constraint.accept(token)
    constraint.rollback(2)
    assert follow(constraint, tokenizer, 'Küche"}')


def test_a_token_that_is_not_allowed_is_an_error(grammars, tokenizer):
    with pytest.raises(EngineError):
        grammars.json(LAMP, "f").accept(tokenizer.encode("x")[0])


def test_only_so_many_grammars_are_kept(tokenizer):
    grammars = Grammars(tokenizer)
    for number in range(KEPT + 5):
        grammars.json({"const": number}, "f")
    assert len(grammars._kept) == KEPT


def test_the_vocabulary_is_read_when_it_is_needed(tokenizer):
    grammars = Grammars(tokenizer)
    assert "_vocabulary" not in vars(grammars)
    grammars.json({}, "f")
    assert "_vocabulary" in vars(grammars)
