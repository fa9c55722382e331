"""Forms of English verbs, for sentences about the world: "buy buys bought bought buying"."""

from collections.abc import Mapping

# Rules of a class of verbs end so: "v_food", "v_food_s", "v_food_past", "v_food_pp", "v_food_ing".
FORMS = ("", "_s", "_past", "_pp", "_ing")
_VOWELS = "aeiou"


def forms(row: str) -> tuple[str, ...]:
    """The five forms of a row: written out, or a regular verb of one word with what belongs to it.

    "look after" is regular in its first word; "go_goes_went_gone_going to" is written out.
    """
    verb, _, rest = row.partition(" ")
    written = verb.split("_")
    if len(written) not in (1, len(FORMS)):
        raise ValueError(f"a verb has one or {len(FORMS)} forms, got {row!r}")
    return tuple(f"{form} {rest}".strip() for form in (written if len(written) > 1 else _regular(verb)))


def _regular(verb: str) -> tuple[str, ...]:
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb, f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb[:-1]}ied", f"{verb}ing"
    if verb.endswith("e"):
        ing = f"{verb}ing" if verb.endswith("ee") else f"{verb[:-1]}ing"
        return verb, f"{verb}s", f"{verb}d", f"{verb}d", ing
    third = f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else f"{verb}s"
    return verb, third, f"{verb}ed", f"{verb}ed", f"{verb}ing"


def verb_rules(
    verbs: Mapping[str, tuple[str, ...]], objects: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Rules of every form of every class, and "do", "do_s", ... for a verb of any class with an object.

    verbs: class -> rows; objects: class -> the template that stands after its verbs. A class counts by the
    square root of its verbs, so that small ones are heard too.
    """
    rules: dict[str, tuple[str, ...]] = {}
    for name, rows in verbs.items():
        inflected = [forms(row) for row in rows]
        for index, form in enumerate(FORMS):
            rules[f"v_{name}{form}"] = tuple(row[index] for row in inflected)
    for form in FORMS:
        rules[f"do{form}"] = tuple(
            f"{{v_{name}{form}}} {objects[name]}".strip()
            for name, rows in verbs.items()
            for _ in range(max(1, round(len(rows) ** 0.5)))
        )
    return rules
