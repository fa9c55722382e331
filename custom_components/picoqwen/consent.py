"""Whether what a person says is a yes or a no, in the integration's languages; nothing else counts as one.

A sentence counts only when all of it does: "yes, please" is a yes, "yes, but not that one" is neither.
"""

import re
from enum import StrEnum


class Reply(StrEnum):
    """What was said to a question."""

    YES = "yes"
    NO = "no"
    NEITHER = "neither"


# Phrases that mean yes, that mean no, and that may stand beside either.
_PHRASES: dict[str, tuple[str, str, str]] = {
    "en": (
        "yes|yeah|yep|yup|sure|ok|okay|go ahead|do it|please do|do that|confirm|confirmed|i confirm"
        "|of course|absolutely|definitely|correct|that is right|that's right",
        "no|nope|nah|don't|do not|don't do it|do not do it|no thanks|no thank you|cancel|cancel that"
        "|stop|never mind|nevermind|leave it|abort|rather not|better not",
        "please|thanks|thank you|now",
    ),
    "de": (
        "ja|jawohl|jo|klar|ja klar|sicher|ok|okay|gerne|mach das|mach es|tu das|tu es|bestätigt"
        "|ich bestätige|genau|natürlich|in ordnung|einverstanden|auf jeden fall|richtig",
        "nein|nee|nö|nicht|lieber nicht|besser nicht|nein danke|abbrechen|brich ab|stopp|stop|lass es"
        "|lass das|vergiss es|auf keinen fall|tu es nicht|mach es nicht|mach das nicht",
        "bitte|danke|jetzt|doch|gern",
    ),
    "fr": (
        "oui|ouais|ok|okay|d'accord|bien sûr|vas-y|allez-y|fais-le|faites-le|confirmé|je confirme"
        "|c'est bon|exact|exactement|volontiers|absolument|bien entendu",
        "non|non merci|annule|annulez|annuler|arrête|arrêtez|stop|laisse tomber|laissez tomber"
        "|surtout pas|pas maintenant|ne le fais pas|ne le faites pas|plutôt pas",
        "merci|s'il te plaît|s'il vous plaît|maintenant",
    ),
    "es": (
        "sí|si|claro|claro que sí|vale|ok|okay|de acuerdo|hazlo|hágalo|adelante|confirmo|confirmado"
        "|por supuesto|correcto|exacto|desde luego",
        "no|no gracias|cancela|cancelar|cancélalo|para|déjalo|mejor no|no lo hagas|no lo haga|olvídalo"
        "|ni hablar",
        "gracias|por favor|ahora",
    ),
    "nl": (
        "ja|jazeker|jawel|zeker|ok|oké|okay|prima|doe maar|doe het|doe dat|bevestigd|ik bevestig"
        "|natuurlijk|akkoord|klopt|goed|is goed|ga je gang",
        "nee|neen|nee dank je|nee bedankt|annuleer|annuleren|stop|laat maar|niet doen|doe het niet"
        "|doe maar niet|liever niet|beter niet",
        "alsjeblieft|alstublieft|graag|dank je|bedankt|nu|hoor",
    ),
    "it": (
        "sì|si|certo|certamente|ok|okay|va bene|d'accordo|fallo|lo faccia|procedi|proceda|confermo"
        "|confermato|esatto|assolutamente|certo che sì|naturalmente",
        "no|no grazie|annulla|annullare|fermati|ferma|lascia stare|lascia perdere|meglio di no|non farlo"
        "|non lo faccia|assolutamente no|stop",
        "grazie|per favore|per piacere|adesso|ora",
    ),
}
_OTHERWISE = "en"


def reply_of(text: str, language: str | None) -> Reply:
    """A yes or a no in the language ("de", "de-CH"; English where it is none of ours), or neither."""
    base = (language or _OTHERWISE).replace("_", "-").split("-", maxsplit=1)[0].lower()
    yes, no, beside = _PHRASES.get(base, _PHRASES[_OTHERWISE])
    said = " ".join(re.sub(r"[^\w'-]+", " ", text.replace("’", "'").lower()).split())
    for reply, phrases in ((Reply.NO, no), (Reply.YES, yes)):
        if _consists_of(said, phrases, beside):
            return reply
    return Reply.NEITHER


def _consists_of(said: str, phrases: str, beside: str) -> bool:
    """Whether there is nothing but the phrases and what may stand beside them, and one phrase at least."""
    polite = rf"(?:(?:{beside}) )*"
    return re.fullmatch(rf"{polite}(?:(?:{phrases}) {polite})+", f"{said} ") is not None
