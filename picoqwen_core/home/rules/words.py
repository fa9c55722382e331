"""Small words that join, except and ask, in the languages that rules read."""

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Words:
    """Patterns of one language; each matches whole words without regard to case."""

    joins: re.Pattern[str]
    excepts: re.Pattern[str]
    everything: re.Pattern[str]
    here: re.Pattern[str]
    # Begins a wish that is put as a question: "can you ...?"
    polite: re.Pattern[str]
    # What may stand before a name: articles and prepositions.
    before: re.Pattern[str]


_WORDS = {
    "en": (
        "and|then|also",
        "except(?: for)?|but(?: not)?|apart from",
        "all|every|everything|everywhere",
        "here|this room",
        "can|could|would|will|please|mind",
        "the|in|on|at|a|an|my|of|to",
    ),
    "de": (
        "und|sowie|dann",
        "außer|ausser|bis auf|ausgenommen|nur nicht",
        "alle|alles|allen|sämtliche|überall",
        "hier|diesem (?:raum|zimmer)|dieses zimmer",
        "kannst|könntest|könnten|würdest|magst|willst|bitte|können",
        "der|die|das|den|dem|des|im|in|am|an|auf|von|vom|bei|beim|auch|noch|mein|meine|meinen",
    ),
    "fr": (
        "et|puis|ainsi que",
        "sauf|excepté|à part|hormis",
        "tout|tous|toute|toutes|partout",
        "ici|cette pièce",
        "peux|pourrais|pouvez|pourriez|veux|voudrais|plaît",
        "le|la|les|l|du|de|des|dans|au|aux|à|en|aussi|celle|celui|mon|ma|mes",
    ),
    "es": (
        "y|e|luego",
        "excepto|menos|salvo|a excepción de",
        "todo|todos|toda|todas",
        "aquí|acá|esta habitación|este cuarto",
        "puedes|podrías|puede|podría|quieres|favor",
        "el|la|los|las|de|del|en|al|a|también|mi|mis",
    ),
    "nl": (
        "en|dan|daarna",
        "behalve|uitgezonderd",
        "alle|alles|overal",
        "hier|deze kamer|deze ruimte",
        "kun|kan|kunt|wil|wilt|zou|graag|alsjeblieft",
        "de|het|in|op|van|bij|ook|mijn|die",
    ),
    "it": (
        "e|ed|poi",
        "tranne|eccetto|escluso|esclusa|salvo|a parte",
        "tutto|tutti|tutta|tutte|ovunque",
        "qui|questa stanza",
        "puoi|potresti|può|vorresti|favore|vuoi",
        "il|lo|la|i|gli|le|l|di|del|della|dello|dell|in|nel|nella|nello|al|alla|anche|mio|mia",
    ),
}


@lru_cache(maxsize=len(_WORDS))
def words(language: str) -> Words:
    """The small words of a language of sentences.LANGUAGES."""
    return Words(*(re.compile(rf"\b(?:{each})\b", re.IGNORECASE) for each in _WORDS[language]))
