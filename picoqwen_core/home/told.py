"""Answers to questions about states in the five languages beside English: "Ja, Haustür: abgeschlossen."

A name and a state with a colon between them, so that no article or ending depends on the name. What is true
of which entity is decided in answers.py.
"""

from collections.abc import Sequence
from datetime import datetime

_KEYS = "yes no unknown none all count nothing which or".split()
_PHRASES: dict[str, dict[str, str]] = {
    language: dict(zip(_KEYS, words.split("|"), strict=True))
    for language, words in {
        "de": "Ja|Nein|Das weiß ich nicht|Nein, nichts von {n}: {state}.|Alle {n}: {state}.|"
        "{k} von {n}: {state}.|Dazu finde ich keinen Wert.|Was ist gemeint|oder",
        "fr": "Oui|Non|Je ne sais pas|Non, aucun sur {n} : {state}.|Les {n} : {state}.|"
        "{k} sur {n} : {state}.|Je ne trouve pas cette valeur.|Lequel|ou",
        "es": "Sí|No|No lo sé|No, ninguno de {n}: {state}.|Los {n}: {state}.|"
        "{k} de {n}: {state}.|No encuentro ese valor.|¿Cuál|o",
        "nl": "Ja|Nee|Dat weet ik niet|Nee, geen van de {n}: {state}.|Alle {n}: {state}.|"
        "{k} van {n}: {state}.|Daar vind ik geen waarde voor.|Welke|of",
        "it": "Sì|No|Non lo so|No, nessuno su {n}: {state}.|Tutti e {n}: {state}.|"
        "{k} su {n}: {state}.|Non trovo questo valore.|Quale|o",
    }.items()
}
_STATES = (
    "on off open closed locked unlocked playing paused idle standby cleaning docked returning heat cool auto "
    "unavailable unknown home not_home opening closing mowing"
).split()
_STATE_WORDS: dict[str, dict[str, str]] = {
    language: dict(zip(_STATES, words.split("|"), strict=True))
    for language, words in {
        "de": "an|aus|offen|geschlossen|abgeschlossen|nicht abgeschlossen|spielt|pausiert|bereit|"
        "in Bereitschaft|saugt|in der Station|auf dem Rückweg|heizt|kühlt|Automatik|"
        "nicht erreichbar|unbekannt|zu Hause|nicht zu Hause|öffnet gerade|schließt gerade|"
        "mäht",
        "fr": "allumé|éteint|ouvert|fermé|verrouillé|non verrouillé|en lecture|en pause|prêt|"
        "en veille|nettoie|sur sa base|rentre à sa base|chauffe|refroidit|automatique|"
        "injoignable|inconnu|à la maison|absent|en train d'ouvrir|en train de fermer|tond",
        "es": "encendido|apagado|abierto|cerrado|cerrado con llave|sin cerrar con llave|"
        "reproduciendo|en pausa|listo|en espera|limpiando|en la base|volviendo a la base|"
        "calentando|enfriando|automático|no disponible|desconocido|en casa|fuera de casa|"
        "abriendo|cerrando|cortando",
        "nl": "aan|uit|open|gesloten|op slot|niet op slot|speelt|gepauzeerd|klaar|stand-by|"
        "stofzuigt|in de basis|op de terugweg|verwarmt|koelt|automatisch|niet bereikbaar|"
        "onbekend|thuis|niet thuis|gaat open|gaat dicht|maait",
        "it": "acceso|spento|aperto|chiuso|chiuso a chiave|non chiuso a chiave|in riproduzione|"
        "in pausa|pronto|in attesa|pulisce|alla base|torna alla base|riscalda|raffredda|"
        "automatico|non raggiungibile|sconosciuto|a casa|fuori casa|si apre|si chiude|taglia",
    }.items()
}
_AND = {"de": "und", "fr": "et", "es": "y", "nl": "en", "it": "e"}
_DAYS = {
    "de": "Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonntag",
    "fr": "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
    "es": "lunes|martes|miércoles|jueves|viernes|sábado|domingo",
    "nl": "maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag",
    "it": "lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica",
}
_MONTHS = {
    "de": "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
    "fr": "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
    "es": "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre",
    "nl": "januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december",
    "it": "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
}
_DATES = {
    "de": "Heute ist {day}, der {n}. {month} {year}.",
    "fr": "Nous sommes le {day} {n} {month} {year}.",
    "es": "Hoy es {day}, {n} de {month} de {year}.",
    "nl": "Vandaag is het {day} {n} {month} {year}.",
    "it": "Oggi è {day} {n} {month} {year}.",
}
_TIMES = {
    "de": "Es ist {time} Uhr.",
    "fr": "Il est {time}.",
    "es": "La hora es {time}.",
    "nl": "Het is {time}.",
    "it": "L'ora è {time}.",
}


def speaks(language: str) -> bool:
    """Whether there are words for a language such as "de" or "de-CH"."""
    return _short(language) in _PHRASES


def state(word: str, language: str) -> str:
    """A state of Home Assistant's as it is said; one that has no word stays as it is."""
    return _STATE_WORDS[_short(language)].get(word, word.replace("_", " "))


def number(text: str) -> str:
    """A reading with a decimal comma."""
    head, dot, tail = text.partition(".")
    return f"{head},{tail}" if dot and head.lstrip("-").isdigit() and tail[:1].isdigit() else text


def yes_or_no(holds: bool | None, name: str, told: str, language: str) -> str:
    """Whether something is so, and how it is; None where nobody knows."""
    key = "unknown" if holds is None else "yes" if holds else "no"
    return f"{_say(key, language)}, {name}{_colon(language)}{told}."


def group(matching: Sequence[str], total: int, told: str, language: str) -> str:
    """Which of a group are so, by name."""
    if not matching:
        return _say("none", language).format(n=total, state=told)
    if len(matching) == total and total > 1:
        return _say("all", language).format(n=total, state=told)
    return f"{told[0].upper()}{told[1:]}{_colon(language)}{listed(matching, language)}."


def count(matching: int, total: int, told: str, language: str) -> str:
    """How many of a group are so."""
    return _say("count", language).format(k=matching, n=total, state=told)


def value(subject: str, reading: str, language: str) -> str:
    """A reading, and what or where it is of; the reading alone where that was not said."""
    said = f"{subject}{_colon(language)}{number(reading)}" if subject else number(reading)
    return f"{said}."


def no_value(language: str) -> str:
    """That nothing tells what is asked."""
    return _say("nothing", language)


def which_one(names: Sequence[str], language: str) -> str:
    """The short question which of several things is meant."""
    choice = f"{', '.join(names[:-1])} {_say('or', language)} {names[-1]}"
    return f"{_say('which', language)}{_colon(language)}{choice}{' ?' if _short(language) == 'fr' else '?'}"


def clock(now: datetime, kind: str, language: str) -> str:
    """The time or the date of `now`."""
    known = _short(language)
    if kind == "time":
        return _TIMES[known].format(time=f"{now:%H:%M}")
    day, month = _DAYS[known].split("|")[now.weekday()], _MONTHS[known].split("|")[now.month - 1]
    return _DATES[known].format(day=day, n=now.day, month=month, year=now.year)


def listed(names: Sequence[str], language: str) -> str:
    """ "a, b und c"."""
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} {_AND[_short(language)]} {names[-1]}"


def _say(key: str, language: str) -> str:
    return _PHRASES[_short(language)][key]


def _colon(language: str) -> str:
    return " : " if _short(language) == "fr" else ": "


def _short(language: str) -> str:
    return language.casefold()[:2]
