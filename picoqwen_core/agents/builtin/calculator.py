"""calculator: an arithmetic expression, parsed and computed piece by piece; nothing is run as code."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from picoqwen_core.agents.tool import Described, ToolContext, ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError

type Number = int | float

_MOST_CHARACTERS, _MOST_BITS, _MOST_FACTORIAL = 500, 4096, 500
_CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    **{name: getattr(math, name) for name in ("sqrt", "exp", "log10", "log2", "sin", "cos", "tan")},
    **{name: getattr(math, name) for name in ("asin", "acos", "atan", "floor", "ceil", "degrees", "radians")},
    "ln": math.log,
    "log": math.log,
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
}
_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class _Calculator(Described):
    __slots__ = ()

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:  # noqa: ARG002
        """The value as text."""
        value = calculate(arguments["expression"])
        return ToolResult(_text(value), untrusted=False, data={"value": value})


def make(box: Toolbox) -> _Calculator:  # noqa: ARG001 - every tool is made so
    """The tool."""
    return _Calculator(
        "calculator",
        "Compute arithmetic: + - * / // % **, parentheses, sqrt, ln, log10, sin, round, min, max, "
        "factorial, pi.",
        {
            "type": "object",
            "properties": {
                "expression": {"type": "string", "description": "such as (3 + 4) * 2 ** 0.5"},
            },
            "required": ["expression"],
            "additionalProperties": False,
        },
    )


def calculate(expression: str) -> Number:
    """The value of an expression. Raises ToolError naming what cannot be computed."""
    if len(expression) > _MOST_CHARACTERS:
        raise ToolError(f"the expression is longer than {_MOST_CHARACTERS} characters")
    text = expression.replace("^", "**").replace("\u00d7", "*").replace("\u00f7", "/").replace("\u2212", "-")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        value = _value(tree.body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as err:
        raise ToolError(f"{expression[:80]!r} cannot be computed: {err}") from err
    except ZeroDivisionError as err:
        raise ToolError(f"{expression[:80]!r} divides by zero") from err
    except OverflowError as err:
        raise ToolError(f"{expression[:80]!r} is too large") from err
    if isinstance(value, float) and not math.isfinite(value):
        raise ToolError(f"{expression[:80]!r} is too large")
    return value


def _value(node: ast.expr) -> Number:
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return _bounded(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow):
            return _power(left, right)
        if type(node.op) in _OPERATORS:
            return _bounded(_OPERATORS[type(node.op)](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, [_value(each) for each in node.args])
    raise ToolError(f"{ast.unparse(node)[:80]!r} is no arithmetic; allowed: numbers, operators, {_names()}")


def _call(name: str, values: list[Number]) -> Number:
    if name == "factorial" and len(values) == 1 and isinstance(values[0], int):
        if not 0 <= values[0] <= _MOST_FACTORIAL:
            raise ToolError(f"factorial goes from 0 to {_MOST_FACTORIAL}, got {values[0]}")
        return math.factorial(values[0])
    if name not in _FUNCTIONS:
        raise ToolError(f"there is no function {name[:40]!r}; there is: {_names()}")
    if name == "round" and len(values) == 2 and abs(values[1]) > 100:
        raise ToolError("round takes at most 100 places")
    return _bounded(_FUNCTIONS[name](*values))


def _power(base: Number, exponent: Number) -> Number:
    """base ** exponent; how large a whole power becomes is known before it is computed."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > _MOST_BITS:
        raise ToolError("the power is too large")
    value = base**exponent
    if isinstance(value, complex):
        raise ToolError("a negative number has no such root")
    return _bounded(value)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise ToolError("the number is too large")
    return value


def _text(value: Number) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _names() -> str:
    return ", ".join((*_FUNCTIONS, "factorial", *_CONSTANTS))
