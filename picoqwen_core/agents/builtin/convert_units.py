"""convert_units: length, mass, volume, speed, area, pressure, energy, power, time, data and temperature.

A table instead of pint: a home needs a few dozen units, and pint takes 30 MB.
"""

from collections.abc import Mapping
from typing import Any

from picoqwen_core.agents.tool import Described, ToolContext, ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError

# Each unit's names and its size in the first unit of its kind; exact where the definition is (NIST SP 811).
_KINDS: dict[str, dict[str, float]] = {
    "length": {
        "m meter metre meters metres": 1,
        "km kilometer kilometre kilometers kilometres": 1000,
        "cm centimeter centimeters": 0.01,
        "mm millimeter millimeters": 0.001,
        "in inch inches": 0.0254,
        "ft foot feet": 0.3048,
        "yd yard yards": 0.9144,
        "mi mile miles": 1609.344,
        "nmi": 1852,
    },
    "mass": {
        "kg kilogram kilograms": 1,
        "g gram grams": 0.001,
        "mg": 1e-6,
        "t tonne tonnes": 1000,
        "lb lbs pound pounds": 0.45359237,
        "oz ounce ounces": 0.028349523125,
    },
    "volume": {
        "l liter litre liters litres": 1,
        "ml milliliter milliliters": 0.001,
        "cl": 0.01,
        "dl": 0.1,
        "m3 m³": 1000,
        "gal gallon gallons": 3.785411784,
        "qt quart quarts": 0.946352946,
        "pt pint pints": 0.473176473,
        "cup cups": 0.2365882365,
        "floz": 0.0295735295625,
        "tbsp tablespoon tablespoons": 0.01478676478125,
        "tsp teaspoon teaspoons": 0.00492892159375,
    },
    "speed": {
        "m/s mps": 1,
        "km/h kmh kph": 1 / 3.6,
        "mph": 0.44704,
        "kn knot knots": 1852 / 3600,
        "ft/s": 0.3048,
    },
    "area": {
        "m2 m²": 1,
        "km2 km²": 1e6,
        "ha hectare hectares": 1e4,
        "acre acres": 4046.8564224,
        "ft2 sqft ft²": 0.09290304,
    },
    "pressure": {
        "pa": 1,
        "hpa mbar": 100,
        "kpa": 1000,
        "bar": 1e5,
        "psi": 6894.757293168,
        "atm": 101325,
        "mmhg": 133.322387415,
        "inhg": 3386.389,
    },
    "energy": {
        "j joule joules": 1,
        "kj": 1000,
        "wh": 3600,
        "kwh": 3.6e6,
        "mwh": 3.6e9,
        "cal": 4.184,
        "kcal": 4184,
        "btu": 1055.05585262,
    },
    "power": {"w watt watts": 1, "kw": 1000, "mw": 1e6, "hp": 745.69987158227},
    "time": {
        "s second seconds": 1,
        "ms": 0.001,
        "min minute minutes": 60,
        "h hour hours": 3600,
        "d day days": 86400,
        "week weeks": 604800,
    },
    "data": {
        "b byte bytes": 1,
        "kb": 1e3,
        "mb": 1e6,
        "gb": 1e9,
        "tb": 1e12,
        "kib": 1024,
        "mib": 2**20,
        "gib": 2**30,
        "tib": 2**40,
    },
}
_UNITS = {
    name: (kind, size)
    for kind, units in _KINDS.items()
    for names, size in units.items()
    for name in names.split()
}
# A temperature's zero and its degree, in kelvin.
_TEMPERATURES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("k", "kelvin"), (0.0, 1.0)),
    **dict.fromkeys(("c", "celsius"), (273.15, 1.0)),
    **dict.fromkeys(("f", "fahrenheit"), (273.15 - 32 / 1.8, 1 / 1.8)),
}


class _ConvertUnits(Described):
    __slots__ = ()

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:  # noqa: ARG002
        """The value in the other unit."""
        value, old, new = arguments["value"], arguments["from"], arguments["to"]
        converted = convert(value, old, new)
        return ToolResult(
            f"{value:g} {old} = {converted:.10g} {new}", untrusted=False, data={"value": converted}
        )


def make(box: Toolbox) -> _ConvertUnits:  # noqa: ARG001 - every tool is made so
    """The tool."""
    return _ConvertUnits(
        "convert_units",
        "Convert a value from one unit to another, such as 20 C to F, 5 mi to km, 2 cups to ml.",
        {
            "type": "object",
            "properties": {
                "value": {"type": "number", "minimum": -1e30, "maximum": 1e30},
                "from": {"type": "string", "maxLength": 30},
                "to": {"type": "string", "maxLength": 30},
            },
            "required": ["value", "from", "to"],
            "additionalProperties": False,
        },
    )


def convert(value: float, old: str, new: str) -> float:
    """The value in the unit `new`. Raises ToolError for units that are not known or of different kinds."""
    before, after = _name(old), _name(new)
    if before in _TEMPERATURES and after in _TEMPERATURES:
        (zero, degree), (new_zero, new_degree) = _TEMPERATURES[before], _TEMPERATURES[after]
        return (value * degree + zero - new_zero) / new_degree
    known = {**dict.fromkeys(_TEMPERATURES, ("temperature", 1.0)), **_UNITS}
    for unit, given in ((before, old), (after, new)):
        if unit not in known:
            raise ToolError(f"there is no unit {given!r}; there is: {', '.join(known)}")
    (kind, size), (new_kind, new_size) = known[before], known[after]
    if kind != new_kind:
        raise ToolError(f"{old} is a unit of {kind}, {new} one of {new_kind}")
    return value * size / new_size


def _name(unit: str) -> str:
    return unit.strip().casefold().removeprefix("°").replace(" ", "")
