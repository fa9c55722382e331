"""What somebody wants to hear or see, in the words that say it: what to search for, and of what kind it is.

Words only, in the six languages of the built-in model; the search and what is played are media.py's.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# The words for each kind, and Home Assistant's media classes and content types that are of it.
_NOUNS = {
    "album": r"albums?|álbum(?:es)?|platte|disco|disque|schallplatte",
    "track": r"songs?|tracks?|tunes?|lied(?:er|je|jes|eren)?|titel|stück(?:e|er)?|chansons?|morceaux?|titre"
    r"|canci(?:ón|ones)|tema|nummers?|canzon[ei]|bran[oi]",
    "artist": r"artists?|bands?|singers?|künstler(?:in)?|sänger(?:in)?|gruppe|artistes?|groupe"
    r"|chanteu(?:r|se)|artistas?|cantante|grupo|artiest|zanger(?:es)?|gruppo",
    "playlist": r"playlists?|wiedergabeliste|lista(?: de reproducción)?|afspeellijst",
    "podcast": r"podcasts?",
    "movie": r"movies?|films?|películas?|peli",
    "tv_show": r"(?:tv )?(?:shows?|series|serie)|série|émission|sendung|programa",
    "audiobook": r"audiobooks?|hörbuch|livre audio|audiolibro|luisterboek",
    "radio": r"(?:radio )?stations?|radiosender|sender|emisora|zender|stazione",
}
CLASSES = {
    "album": ("album",),
    "track": ("track", "music"),
    "artist": ("artist", "composer", "contributing_artist"),
    "playlist": ("playlist",),
    "podcast": ("podcast", "episode"),
    "movie": ("movie", "video"),
    "tv_show": ("tv_show", "tvshow", "season", "episode"),
    "audiobook": ("audiobook", "book"),
    "radio": ("channel", "radio", "app"),
}
SEEN = ("movie", "tv_show")
# What has no kind of its own: "something by Mozart", "musique de Satie".
_ANYTHING = (
    r"music|something|anything|stuff|musik|etwas|was|musique|quelque chose|música|algo|muziek|iets|musica"
    r"|qualcosa"
)
_BY = r"by|from|von|vom|de|du|des|d'|par|por|van|di|dei|degli|del|della|dell'|da"
_CALLED = r"called|named|namens|mit dem titel|intitulée?|llamad[oa]|genaamd|intitolat[oa]"
_THE = (
    r"the|an?|my|our|das|die|den|der|dem|eine?n?|meine?n?|unsere?n?|le|la|les|l'|une?|ma|mon|mes|des|el|los"
    r"|las|una|mi|de|het|een|mijn|onze|il|lo|gli|i|mia|mio"
)
_SOME = r"some|me|us|please|mir|uns|bitte|etwas|moi|nous|un peu de|algo de|un poco de|wat|un po' di|ons"
_LEADING = re.compile(
    rf"(?:(?:{_SOME}) )+(?!(?:and|und|et|y|en|e|by|von|vom|van|de|di)\b)(?=\S)", re.IGNORECASE
)
_KIND = "|".join(f"(?P<{kind}>{words})" for kind, words in _NOUNS.items())
_TYPED = re.compile(
    rf"(?:(?:{_THE}) )?(?:{_KIND}|(?P<anything>{_ANYTHING}))(?: (?:(?P<by>{_BY})|{_CALLED}))? (?P<rest>\S.*)",
    re.IGNORECASE,
)
_TRAILING = re.compile(rf"(?:(?:{_THE}) )?(?P<rest>\S.*?)[ -](?:{_KIND})", re.IGNORECASE)
_TITLE_BY = re.compile(r"(?P<title>\S.*?) (?:by|von|par|por|van|di) \S.*", re.IGNORECASE)
# Kinds whose word is hardly ever the end of a name, so that nobody searches for it.
_NEVER_OF_A_NAME = ("playlist", "podcast", "audiobook", "radio")
# What asks for media in each language: the wish begins behind it.
_ASKING = (
    "play,hear,queue,put on,listen to,spiel,spiele,spielen,hören,höre,abspielen,joue,jouer,mets,mettre"
    ",écouter,écoute,lance,pon,poner,reproduce,reproducir,toca,escuchar,speel,spelen,luister naar"
    ",zet,riproduci,metti,ascoltare,suona"
).split(",")
_MOST_BEFORE = 6
_WORD = re.compile(r"[^\W_]+")
# Letters that lose their vowel before a word: set apart while a wish is read.
_ELIDED = re.compile(r"\b(l|d|dell)['’](?=\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """`query` is searched for; `names` are ways to write what is wanted; `kinds` are keys of CLASSES."""

    query: str
    names: tuple[str, ...]
    kinds: tuple[str, ...] = ()


def wish_of(said: str) -> Wish:
    """What words such as "the album Abbey Road", "songs by Queen" or "my dinner playlist" ask for."""
    text = _ELIDED.sub(r"\1' ", said.strip())
    if (leading := _LEADING.match(text)) is not None:
        text = text[leading.end() :]
    typed = _TYPED.fullmatch(text)
    if typed is not None and (kinds := _kinds_before(typed)) and _can_stand_alone(typed["rest"]):
        return _wish(typed["rest"], (typed["rest"], text), kinds)
    trailing = _TRAILING.fullmatch(text)
    if trailing is None:
        return _wish(text, (text,), ())
    kinds = _kinds(trailing)
    query = trailing["rest"] if kinds[0] in _NEVER_OF_A_NAME else text
    return _wish(query, (text, trailing["rest"]), kinds)


def _wish(query: str, ways: tuple[str, ...], kinds: tuple[str, ...]) -> Wish:
    """With the first way to write it also without the artist that is said behind it."""
    by = _TITLE_BY.fullmatch(ways[0])
    joined = [way.replace("' ", "'") for way in (query, *ways, *((by["title"],) if by is not None else ()))]
    return Wish(joined[0], tuple(dict.fromkeys(joined[1:])), kinds)


def _kinds_before(typed: re.Match[str]) -> tuple[str, ...]:
    """ "Songs by Queen" are the artist's; "music" without a name behind "by" is no kind."""
    kinds = _kinds(typed)
    return ("artist", *(kind for kind in kinds if kind != "artist")) if typed["by"] else kinds


def shorter(query: str) -> str | None:
    """What else to search for where nothing was found: without the artist, or without the kind."""
    if (by := _TITLE_BY.fullmatch(query)) is not None:
        return by["title"]
    trailing = _TRAILING.fullmatch(query)
    return trailing["rest"] if trailing is not None else None


def whole(wanted: str, text: str, names: Iterable[str] = ()) -> str:
    """`wanted` with the words of `text` around it that belong to it.

    The model often copies only the end of a title, and templates leave out its kind. `names` are those of
    the home's rooms and devices, which no wish goes beyond. `wanted` as it is where `text` does not hold it.
    """
    words = list(_WORD.finditer(text))
    span = _span(wanted, text, words)
    if span is None:
        return wanted
    plain = [plain_words(word.group()) for word in words]
    start = _wish_start(span[0], plain, [plain_words(name).split() for name in names])
    end = span[1] + (span[1] < len(words) and _KIND_WORD.fullmatch(plain[span[1]]) is not None)
    return text[words[start].start() : words[end - 1].end()]


def plain_words(text: str) -> str:
    """Words without case, accents and punctuation."""
    return " ".join(re.sub(r"[\W_]", " ", _bare(text)).split())


def _bare(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _span(wanted: str, text: str, words: list[re.Match[str]]) -> tuple[int, int] | None:
    """The words of `text`, from one up to another, that `wanted` stands in; where it does so last."""
    begin = text.casefold().rfind(wanted.strip().casefold())
    if begin < 0 or len(text.casefold()) != len(text):
        return None
    end = begin + len(wanted.strip())
    touched = [i for i, word in enumerate(words) if word.start() < end and word.end() > begin]
    return (touched[0], touched[-1] + 1) if touched else None


def _wish_start(start: int, plain: list[str], names: list[list[str]]) -> int:
    """Where the words that belong to a wish begin: behind what asks for it, or at its kind."""
    for first in range(start, max(-1, start - _MOST_BEFORE - 1), -1):
        if any(_holds(plain[first:start], name) for name in names):
            break
        if {" ".join(plain[max(0, first - count) : first]) for count in (1, 2)} & _ASKED:
            return first
    first = start
    while first > 0 and _PART_OF_KIND.fullmatch(plain[first - 1]):
        first -= 1
    return first if any(_KIND_WORD.fullmatch(word) for word in plain[first:start]) else start


def _holds(words: list[str], name: list[str]) -> bool:
    return bool(name) and any(words[i : i + len(name)] == name for i in range(len(words)))


def _can_stand_alone(rest: str) -> bool:
    """ "Song 2" is not the song "2"."""
    return len(plain_words(rest)) > 1 and not rest.isdigit()


def _kinds(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(kind for kind in _NOUNS if match[kind])


_KIND_WORD = re.compile(_bare("|".join((*_NOUNS.values(), _ANYTHING))))
_PART_OF_KIND = re.compile("|".join((_KIND_WORD.pattern, _bare(f"{_BY}|{_CALLED}|{_THE}|l|d|dell"))))
_ASKED = frozenset(plain_words(word) for word in _ASKING)
