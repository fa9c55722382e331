"""Sentences about what was looked up, in the six languages of the built-in model."""

from collections.abc import Sequence
from typing import Any

from picoqwen_core.home.wording import with_article

# A list or calendar that holds something, and one that holds nothing; then what more there is.
_LISTINGS = {
    "en": ("On {name}: {things}.", "There is nothing on {name}.", "and {more} more"),
    "de": ("{name}: {things}.", "{name}: nichts eingetragen.", "und {more} weitere"),
    "fr": ("{name} : {things}.", "{name} : rien n'est prévu.", "et {more} de plus"),
    "es": ("{name}: {things}.", "{name}: no hay nada.", "y {more} más"),
    "nl": ("{name}: {things}.", "{name}: er staat niets op.", "en nog {more}"),
    "it": ("{name}: {things}.", "{name}: non c'è niente.", "e altri {more}"),
}
_CONDITIONS = (
    "clear-night cloudy exceptional fog hail lightning lightning-rainy partlycloudy pouring rainy snowy "
    "snowy-rainy sunny windy windy-variant"
).split()
_WEATHER = {
    language: dict(zip(_CONDITIONS, words.split("|"), strict=True))
    for language, words in {
        "en": "clear|cloudy|exceptional|foggy|hailing|stormy|stormy with rain|partly cloudy|pouring|rainy|"
        "snowy|sleety|sunny|windy|windy and cloudy",
        "de": "klar|bewölkt|außergewöhnlich|neblig|Hagel|gewittrig|Gewitter mit Regen|teils bewölkt|"
        "starker Regen|regnerisch|Schnee|Schneeregen|sonnig|windig|windig und bewölkt",
        "fr": "dégagé|nuageux|exceptionnel|brumeux|grêle|orageux|orages et pluie|partiellement nuageux|"
        "forte pluie|pluvieux|neige|neige et pluie|ensoleillé|venteux|venteux et nuageux",
        "es": "despejado|nublado|excepcional|niebla|granizo|tormenta|tormenta con lluvia|"
        "parcialmente nublado|lluvia fuerte|lluvia|nieve|aguanieve|soleado|viento|viento y nubes",
        "nl": "helder|bewolkt|uitzonderlijk|mistig|hagel|onweer|onweer met regen|half bewolkt|stortregen|"
        "regen|sneeuw|natte sneeuw|zonnig|winderig|winderig en bewolkt",
        "it": "sereno|nuvoloso|eccezionale|nebbia|grandine|temporale|temporale con pioggia|"
        "parzialmente nuvoloso|pioggia forte|pioggia|neve|nevischio|soleggiato|ventoso|ventoso e nuvoloso",
    }.items()
}
_OUTSIDE = {
    "en": "It is {condition} outside",
    "de": "Draußen: {condition}",
    "fr": "Dehors : {condition}",
    "es": "Fuera: {condition}",
    "nl": "Buiten: {condition}",
    "it": "Fuori: {condition}",
}

# A timer and what is left of it; and that none runs.
_TIMERS = {
    "en": ("{left} left on the {name} timer", "{left} left on the timer", "No timer is running."),
    "de": ("Timer {name}: noch {left}", "Timer: noch {left}", "Es läuft kein Timer."),
    "fr": ("Minuteur {name} : encore {left}", "Minuteur : encore {left}", "Aucun minuteur n'est en cours."),
    "es": (
        "Temporizador {name}: quedan {left}",
        "Temporizador: quedan {left}",
        "No hay ningún temporizador.",
    ),
    "nl": ("Timer {name}: nog {left}", "Timer: nog {left}", "Er loopt geen timer."),
    "it": ("Timer {name}: restano {left}", "Timer: restano {left}", "Nessun timer è attivo."),
}

# What plays where; what nothing was found for; and what could not be played.
_MEDIA = {
    "en": (
        "Playing {title} on {player}.",
        "I found nothing for {title} on {player}.",
        "I couldn't play {title} on {player}.",
    ),
    "de": (
        "{player}: {title} läuft.",
        "{player}: zu {title} wurde nichts gefunden.",
        "{player}: {title} ließ sich nicht abspielen.",
    ),
    "fr": (
        "{player} : lecture de {title}.",
        "{player} : rien trouvé pour {title}.",
        "{player} : impossible de lire {title}.",
    ),
    "es": (
        "{player}: suena {title}.",
        "{player}: no he encontrado nada para {title}.",
        "{player}: no he podido reproducir {title}.",
    ),
    "nl": (
        "{player}: {title} wordt afgespeeld.",
        "{player}: niets gevonden voor {title}.",
        "{player}: {title} kon niet worden afgespeeld.",
    ),
    "it": (
        "{player}: riproduco {title}.",
        "{player}: non ho trovato nulla per {title}.",
        "{player}: non sono riuscito a riprodurre {title}.",
    ),
}


def playing(title: str, player: str, language: str) -> str:
    """That something plays."""
    return _of_media(0, title, player, language)


def nothing_found(query: str, player: str, language: str) -> str:
    """That a player has nothing of what was asked for."""
    return _of_media(1, query, player, language)


def not_played(title: str, player: str, language: str) -> str:
    """That something could not be played."""
    return _of_media(2, title, player, language)


def _of_media(which: int, title: str, player: str, language: str) -> str:
    known = _known(language)
    return _MEDIA[known][which].format(title=title, player=with_article(player) if known == "en" else player)


def timers(running: Sequence[tuple[str, int]], language: str) -> str:
    """What is left of each timer, given by name ("" for none) and seconds."""
    named, nameless, none = _TIMERS[_known(language)]
    told = [
        (named if name else nameless).format(name=name, left=_duration(seconds, language))
        for name, seconds in running
    ]
    return f"{'; '.join(told)}." if told else none


def _duration(seconds: int, language: str) -> str:
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if _known(language) != "en":
        parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
        return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "0 s"
    words = ((hours, "hour"), (minutes, "minute"), (rest, "second"))
    return (
        " ".join(f"{amount} {word}{'s' * (amount != 1)}" for amount, word in words if amount) or "0 seconds"
    )


def listing(name: str, things: Sequence[str], total: int, language: str) -> str:
    """What stands on a list or in a calendar: the first things, and how many more there are."""
    full, empty, more = _LISTINGS[_known(language)]
    named = [thing for thing in things if thing]
    if not named:
        return empty.format(name=name)
    text = ", ".join(named)
    rest = total - len(things)
    return full.format(name=name, things=f"{text} {more.format(more=rest)}" if rest > 0 else text)


def weather(condition: str, temperature: Any, language: str) -> str:
    """The weather outside, with the temperature where it is known."""
    known = _known(language)
    text = _OUTSIDE[known].format(condition=_WEATHER[known].get(condition, condition))
    if isinstance(temperature, int | float):
        return f"{text}, {temperature:g}°."
    return f"{text}."


def _known(language: str) -> str:
    start = language.casefold()[:2]
    return start if start in _OUTSIDE else "en"
