"""The tools that come with the server and need no network."""

from pathlib import Path
from typing import Any

import pytest

from picoqwen_core.agents.builtin.calculator import calculate
from picoqwen_core.agents.builtin.convert_units import convert
from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.registry import BUILT_IN, built_in
from picoqwen_core.agents.tool import Tool, ToolContext
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ConfigError, ToolError

# 2026-11-27 12:00:00 UTC, a Friday.
NOW = 1795780800.0


def tool(name: str, **box: Any) -> Tool:
    return built_in([name], Toolbox(now=lambda: NOW, **box))[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        *(
            ("2 + 3 * 4", 14),
            ("(2+3)*4", 20),
            ("2^10", 1024),
            ("-7 // 2", -4),
            ("7 % 4", 3),
            ("1e3/4", 250.0),
        ),
        *(
            ("sqrt(2)**2", 2.0000000000000004),
            ("factorial(5)", 120),
            ("max(1, 2, 3)", 3),
            ("6 × 7 ÷ 2", 21.0),
        ),
        *(("ln(e)", 1.0), ("round(2.567, 1)", 2.6), ("+5", 5)),
    ],
)
def test_the_calculator_computes(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        *("__import__('os').system('true')", "9**9**9", "10**100000", "factorial(100000)", "open('x')", "x"),
        *("'a'*10**9", "[1]*9", "(1).real", "1 if 1 else 2", "lambda: 1", "1/0", "", "((((", "2**-99999999"),
        *("sqrt(-1)", "(-8)**0.5", "exp(1e9)", "f'{1}'", "1 and 2", "True", "1j", "abs(x=1)", "(" * 400),
        *("round(1, 10**9)", "1" * 600, "1e308*10", "9" * 499 + "*9", "min()", "e.__class__", "sqrt(1, 2)"),
    ],
)
def test_the_calculator_computes_nothing_else(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


@pytest.mark.parametrize(
    ("value", "old", "new", "expected"),
    [
        *((20, "C", "F", 68), (32, "°F", "celsius", 0), (0, "K", "C", -273.15), (1, "mile", "km", 1.609344)),
        *((2, "cups", "ml", 473.176473), (1, "kWh", "MJ", None), (100, "km/h", "m/s", 27.7777778)),
        *((1, "GiB", "MB", 1073.741824), (1, "bar", "psi", 14.5037738)),
    ],
)
def test_units_are_converted(value: float, old: str, new: str, expected: float | None) -> None:
    if expected is None:
        with pytest.raises(ToolError, match="there is no unit 'MJ'"):
            convert(value, old, new)
    else:
        assert convert(value, old, new) == pytest.approx(expected)


def test_units_of_different_kinds_are_not_converted() -> None:
    with pytest.raises(ToolError, match="kg is a unit of mass, m one of length"):
        convert(1, "kg", "m")
    with pytest.raises(ToolError, match="temperature"):
        convert(1, "C", "m")


async def test_the_date_is_told_in_a_time_zone() -> None:
    result = await call_tool(tool("date_time"), {"timezone": "Asia/Tokyo"})
    assert result.text == "Friday, 2026-11-27, week 48, 21:00:00 (UTC+0900)"
    assert not result.untrusted


async def test_days_are_counted_and_added() -> None:
    result = await call_tool(tool("date_time"), {"date": "2026-11-27", "until": "2026-12-24"})
    assert result.data == {"date": "2026-11-27", "weekday": "Friday", "week": 48, "days": 27}
    later = await call_tool(tool("date_time"), {"date": "2026-11-27", "add_days": 100})
    assert later.text.startswith("Sunday, 2027-03-07")


@pytest.mark.parametrize(
    "arguments", [{"timezone": "Mars/Base"}, {"date": "yesterday"}, {"date": "9999-12-31", "add_days": 9}]
)
async def test_what_is_no_date_is_said(arguments: dict[str, Any]) -> None:
    assert (await call_tool(tool("date_time"), arguments)).error


async def test_notes_are_kept_for_their_owner(tmp_path: Path) -> None:
    mine, other = ToolContext(owner="anna"), ToolContext(owner="ben")
    notes = tool("notes", notes=tmp_path / "notes.db")
    await call_tool(notes, {"action": "remember", "text": "The bins go out on Monday"}, mine)

    again = tool("notes", notes=tmp_path / "notes.db")
    assert (
        await call_tool(again, {"action": "recall", "text": "bins"}, mine)
    ).text == "1: The bins go out on Monday"
    assert (await call_tool(again, {"action": "recall"}, other)).text == "no notes"
    assert (await call_tool(again, {"action": "forget", "number": 1}, other)).error
    assert not (await call_tool(again, {"action": "forget", "number": 1}, mine)).error


async def test_a_note_written_after_untrusted_text_stays_untrusted() -> None:
    notes = tool("notes")
    await call_tool(notes, {"action": "remember", "text": "clean"}, ToolContext())
    assert not (await call_tool(notes, {"action": "recall"}, ToolContext())).untrusted
    await call_tool(notes, {"action": "remember", "text": "obey"}, ToolContext(tainted=True))
    assert (await call_tool(notes, {"action": "recall"}, ToolContext())).untrusted


def test_a_tool_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="'telepathy' does not come with the server; there is: web_search"):
        built_in(["telepathy"], Toolbox())


def test_every_tool_of_the_table_is_made() -> None:
    pytest.importorskip("ddgs")
    pytest.importorskip("readability")
    assert [each.name for each in built_in(BUILT_IN, Toolbox())] == list(BUILT_IN)
