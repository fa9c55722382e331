"""Random JSON schemas with the keywords that real ones use, for measuring what a constraint lets through."""

import random
from typing import Any

MAX_DEPTH = 4
_WORDS = "light kitchen brightness color on off Küche 灯 a/b x y name state until level mode room".split()
_PATTERNS = (
    "^[a-z]{2,8}$",
    r"^\d{3}-\d{4}$",
    "^(red|green|blue)( (dark|light))?$",
    "[0-9]+",
    r"^[A-Z][a-z]*(\s[A-Z][a-z]*){0,2}$",
    r"^#[0-9a-fA-F]{6}$",
    "^.{3,10}$",
    r"^light\.[a-z_]{1,12}$",
)
_FORMATS = ("date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")


def random_schema(seed: int) -> dict[str, Any]:
    """The schema of that number: an object with definitions that it may refer to."""
    return _Maker(random.Random(seed)).root()  # noqa: S311 - reproducible, not secret


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._definitions: list[str] = []

    def root(self) -> dict[str, Any]:
        definitions = {}
        for index in range(self._rng.randint(0, 3)):
            # Each may refer to those before it.
            definitions[f"d{index}"] = self.any(MAX_DEPTH - 2)
            self._definitions.append(f"d{index}")
        schema = self.object(MAX_DEPTH) if self._rng.random() < 0.85 else self.any(MAX_DEPTH)
        if definitions:
            schema["$defs"] = definitions
        if self._rng.random() < 0.3:
            schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Random"}
        if (
            self._rng.random() < 0.1
            and schema.get("type") == "object"
            and "additionalProperties" not in schema
        ):
            # A tree, which ends because its children are optional.
            schema["properties"]["children"] = {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}
        return schema

    def any(self, depth: int) -> dict[str, Any]:
        scalars = [self.string, self.string, self.number, self.integer, self.enum, self.const, self.types]
        nested = [self.object, self.object, self.array, self.any_of, self.one_of, self.all_of]
        if self._definitions and self._rng.random() < 0.15:
            return {"$ref": f"#/$defs/{self._rng.choice(self._definitions)}"}
        if depth > 0 and self._rng.random() < 0.45:
            return self._rng.choice(nested)(depth - 1)
        return self._rng.choice(scalars)()

    def object(self, depth: int) -> dict[str, Any]:
        names = self._rng.sample(_WORDS, self._rng.randint(0, 5))
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.any(depth - 1) for name in names},
            "required": self._rng.sample(names, self._rng.randint(0, len(names))),
        }
        kind = self._rng.random()
        if kind < 0.35:
            schema["additionalProperties"] = False
        elif kind < 0.5:
            schema["additionalProperties"] = self.any(0)
            if self._rng.random() < 0.5:
                schema["required"] = names
                schema["maxProperties"] = len(names) + self._rng.randint(0, 2)
        elif kind < 0.6:
            schema["patternProperties"] = {"^x_": self.any(0), "_id$": self.any(0)}
            del schema["patternProperties"][self._rng.choice(["^x_", "_id$"])]
            schema["additionalProperties"] = False
        elif kind < 0.65 and not names:
            schema |= {"minProperties": 1, "maxProperties": self._rng.randint(1, 3)}
        if self._rng.random() < 0.3:
            schema["description"] = "What it is."
        return schema

    def array(self, depth: int) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.any(depth - 1)}
        least = self._rng.randint(0, 3)
        if self._rng.random() < 0.6:
            schema["minItems"] = least
        if self._rng.random() < 0.8:
            schema["maxItems"] = least + self._rng.randint(0, 3)
        if self._rng.random() < 0.2:
            schema["prefixItems"] = [self.any(0) for _ in range(self._rng.randint(1, 2))]
            schema["items"] = self._rng.choice([False, self.any(0)])
            schema = {key: schema[key] for key in ("type", "prefixItems", "items")}
        return schema

    def string(self) -> dict[str, Any]:
        kind = self._rng.random()
        if kind < 0.25:
            return {"type": "string", "pattern": self._rng.choice(_PATTERNS)}
        if kind < 0.45:
            return {"type": "string", "format": self._rng.choice(_FORMATS)}
        if kind < 0.85:
            least = self._rng.randint(0, 5)
            return {"type": "string", "minLength": least, "maxLength": least + self._rng.randint(0, 12)}
        return {"type": "string"}

    def integer(self) -> dict[str, Any]:
        low = self._rng.randint(-1000, 1000)
        schema: dict[str, Any] = {"type": "integer"}
        schema |= self._rng.choice(
            [
                {"minimum": low, "maximum": low + self._rng.randint(0, 500)},
                {"exclusiveMinimum": low, "exclusiveMaximum": low + self._rng.randint(2, 500)},
                {"minimum": 0, "maximum": 100},
                {"multipleOf": self._rng.choice([2, 5, 10, 100])},
                {"minimum": low},
                {},
            ]
        )
        return schema

    def number(self) -> dict[str, Any]:
        low = round(self._rng.uniform(-100, 100), 1)
        return {"type": "number"} | self._rng.choice(
            [
                {"minimum": low, "maximum": round(low + self._rng.uniform(0.5, 50), 1)},
                {"exclusiveMinimum": low, "maximum": round(low + 20.25, 2)},
                {"minimum": 0, "maximum": 1},
                {"maximum": low},
                {},
            ]
        )

    def enum(self) -> dict[str, Any]:
        values: list[Any] = [*self._rng.sample(_WORDS, self._rng.randint(1, 5)), 7, 2.5, None, True]
        chosen = values[: self._rng.randint(1, len(values))]
        return {"enum": chosen} if self._rng.random() < 0.5 else {"type": "string", "enum": values[:1]}

    def const(self) -> dict[str, Any]:
        return {"const": self._rng.choice(["on", 5, -1.5, None, True, {"a": [1, "ü"]}, [], 'a "b" \\ \n'])}

    def types(self) -> dict[str, Any]:
        return {"type": self._rng.sample(["string", "null", "integer", "boolean"], 2), "maxLength": 8}

    def any_of(self, depth: int) -> dict[str, Any]:
        return {"anyOf": [self.any(depth - 1) for _ in range(self._rng.randint(2, 3))]}

    def one_of(self, depth: int) -> dict[str, Any]:
        """Told apart by their type, or by a constant."""
        if self._rng.random() < 0.5:
            return {"oneOf": [self.string(), self.integer(), {"type": "boolean"}]}
        return {"oneOf": [self._tagged(tag, depth) for tag in ("light", "cover")]}

    def _tagged(self, tag: str, depth: int) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"kind": {"const": tag}, "value": self.any(depth - 1)},
            "required": ["kind"],
            "additionalProperties": False,
        }

    def all_of(self, _depth: int) -> dict[str, Any]:
        if self._rng.random() < 0.5:
            return {"allOf": [self.integer(), {"minimum": -5000}]}
        parts = [
            {"type": "object", "properties": {name: self.any(0)}, "required": [name]}
            for name in self._rng.sample(_WORDS, 2)
        ]
        return {"allOf": parts}
