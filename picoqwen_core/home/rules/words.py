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
    # Begins a question.
    asks: re.Pattern[str]
    # What may stand before a name: articles and prepositions.
    before: re.Pattern[str]


_WORDS = {
    "en": (
        "and|then|also",
        "except(?: for)?|but(?: not)?|apart from",
        "all|every|everything|everywhere",
        "here|this room",
        "can|could|would|will|please|mind",
        "is|are|was|were|has|have|did|do|does|what|which|who|when|where|why|how",
        "the|in|on|at|a|an|my|of|to",
    ),
    "de": (
        "und|sowie|dann",
        "außer|ausser|bis auf|ausgenommen|nur nicht",
        "alle|alles|allen|sämtliche|überall|ganzen haus|im haus",
        "hier|(?:diesem|dieses|diesen|im|das|den) (?:raum|zimmer|bereich)",
        "kannst|könntest|könnten|würdest|magst|willst|bitte|können",
        "ist|sind|war|hat|hast|habe|haben|läuft|brennt|steht|gibt|was|welche[rsn]?|wer|wann|wo"
        "|warum|wie|wieso",
        "der|die|das|den|dem|des|im|in|am|an|auf|von|vom|bei|beim|auch|noch|mein|meine|meinen",
    ),
    "fr": (
        "et|puis|ainsi que",
        "sauf|excepté|à part|hormis",
        "tout|tous|toute|toutes|partout",
        "ici|cette pièce|la pièce",
        "peux|peut|pourrais|pouvez|pourriez|veux|voudrais|plaît",
        "est|sont|ai|as|a|y"
        "|il(?! fait (?:trop|très|bien|un peu|si|froid|chaud|sombre|noir)| y a (?:trop|pas assez))"
        "|qu|que|quoi|quels?|quelles?|qui|quand|où|pourquoi|comment|combien",
        "le|la|les|l|du|de|des|dans|au|aux|à|en|aussi|celle|celui|mon|ma|mes",
    ),
    "es": (
        "y|e|luego",
        "excepto|menos|salvo|a excepción de",
        "todo|todos|toda|todas",
        "aquí|acá|est[ae] (?:habitación|cuarto|sala|zona)",
        "puedes|podrías|puede|podría|quieres|favor",
        "está(?! (?:muy|demasiado|tan|oscuro))"
        "|están|es|son|hay(?! (?:mucha|demasiada|poca|tanta))|he|has|ha|queda|quedan|qué|que|cuál|cuáles"
        "|quién|cuándo|dónde|por qué|cómo|cuánto"
        "|cuánta|cuántos|cuántas|a cuánto",
        "el|la|los|las|de|del|en|al|a|también|mi|mis",
    ),
    "nl": (
        "en|dan|daarna",
        "behalve|uitgezonderd",
        "alle|alles|overal",
        "hier|(?:in|deze|de|dit) (?:kamer|ruimte|vertrek)",
        "kun|kan|kunt|mag|wil|wilt|zou|graag|alsjeblieft",
        "is|zijn|was|heb|heeft|hebben|staat|staan|zit|brandt|wat|welke|welk|wie|wanneer|waar"
        "|waarom|hoe|hoeveel",
        "de|het|in|op|van|bij|ook|mijn|die",
    ),
    "it": (
        "e|ed|poi",
        "tranne|eccetto|escluso|esclusa|salvo|a parte",
        "tutto|tutti|tutta|tutte|ovunque",
        "qui|questa (?:stanza|camera|area|zona)",
        "puoi|potresti|può|vorresti|favore|vuoi|mi (?:spegni|accendi|apri|chiudi|alzi|abbassi|metti)",
        "è(?! (?:troppo|molto|così|un po|buio))"
        "|sono|c(?!.è (?:tropp|poc|buio|freddo|caldo))|ci(?! vorrebbe)"
        "|ho(?! (?:freddo|caldo|bisogno|finito|comprato|preso))|hai|ha|che|cosa"
        "|quale|quali|chi|quando|dove|perché|come|quanto|quanta|quanti|quante|a quanto",
        "il|lo|la|i|gli|le|l|di|del|della|dello|dell|in|nel|nella|nello|al|alla|anche|mio|mia",
    ),
}


@lru_cache(maxsize=len(_WORDS))
def words(language: str) -> Words:
    """The small words of a language of sentences.LANGUAGES."""
    return Words(*(re.compile(rf"\b(?:{each})\b", re.IGNORECASE) for each in _WORDS[language]))
