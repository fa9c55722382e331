"""Questions what is to be bought, which are about the shopping list though they do not name it."""

import re

from picoqwen_core.home.decision import Query, Target
from picoqwen_core.home.gloss import known_language
from picoqwen_core.messages import HomeContext

_ASKS = {
    "en": r"what\b.*\b(?:(?:do|should|must|need|have|got) .*\bbuy|needs? (?:to be bought|buying)"
    r"|(?:get|need|missing) from the (?:shops?|store|supermarket))\b",
    "de": r"was\b.*\b(?:muss|müssen|soll|sollen|sollte|haben|habe|gibt|bleibt|fehlt)\b.*"
    r"\b(?:einkaufen|kaufen|besorgen|einzukaufen|zu kaufen|beim einkauf)\b",
    "fr": r"(?:qu|quoi|que)\b.*\b(?:acheter|faire les courses)\b",
    "es": r"qué\b.*\b(?:comprar|hacer la compra)\b",
    "nl": r"wat\b.*\b(?:moet|moeten|kan|heb|hebben)\b.*\b(?:kopen|halen|inslaan)\b",
    "it": r"(?:che )?cosa\b.*\b(?:comprare|prendere al supermercato)\b",
}
_LISTS = re.compile(r"shopping|grocer|einkauf|course|compra|boodschap|spesa", re.IGNORECASE)


def what_to_buy(text: str, home: HomeContext) -> Query | None:
    """The question for the items of the shopping list, or of the only list; None where it is another one."""
    if re.match(rf"\W*(?:{_ASKS[known_language(home.language)]})", text, re.IGNORECASE) is None:
        return None
    lists = [entity for entity in home.entities if entity.domain == "todo"]
    named = [each for each in lists if any(_LISTS.search(name) for name in (each.name, *each.aliases))]
    meant = named if len(named) == 1 else lists if len(lists) == 1 else []
    return Query("value", Target(entities=(meant[0].id,)), "items") if meant else None
