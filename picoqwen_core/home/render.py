"""Writes a linked request as the built-in model's prompt, and lists the prompt's special tokens.

Names that were matched whole are replaced by their links, and words that only hint at a name by a stand-in,
so the model never depends on how a home calls its things:

    turn off the<full><1> and set the<area><a1> lights to<n1> percent<cands>...<go>
"""

from picoqwen_core.home.gloss import LANGUAGES, known_language
from picoqwen_core.home.lexicon import KIND_WORDS
from picoqwen_core.home.linked import Candidate, Link, Linked, LinkKind, Piece, TurnBreak, Word
from picoqwen_core.home.linker import MAX_AREAS, MAX_CANDIDATES, MAX_FLOORS, MAX_NUMBERS
from picoqwen_core.home.words import stem

DOMAINS = (
    "light switch input_boolean cover lock climate fan media_player vacuum sensor binary_sensor todo script "
    "scene valve humidifier lawn_mower water_heater button calendar weather camera person"
).split()
DEVICE_CLASSES = (
    "blind curtain shutter shade awning garage gate door window tv speaker receiver outlet temperature "
    "humidity battery power energy illuminance motion occupancy moisture smoke opening lock plug water"
).split()

# The classes that training shows for each domain. A switch that calls itself an outlet is a switch.
_TAUGHT_CLASSES = {
    "cover": ("blind", "curtain", "shutter", "shade", "garage", "gate", "window"),
    "media_player": ("tv", "speaker"),
    "sensor": ("temperature", "humidity", "battery", "power"),
    "binary_sensor": ("door", "window", "motion"),
    "valve": ("water",),
}
# Domains that training lacks, shown as the one that is used like them.
_TAUGHT_AS = {
    "automation": "input_boolean",
    "button": "script",
    "remote": "switch",
    "siren": "switch",
}

START, CANDIDATES, GO, END, PAD = "<home>", "<cands>", "<go>", "<end>", "<pad>"
TURN, NO_AREA, HERE, EVERYWHERE, PREVIOUS, OTHER = (
    "<turn>",
    "<no_area>",
    "<here>",
    "<all>",
    "<prev>",
    "<other>",
)
# Stands for a word that only hints at a name: the link says what it hints at, and the model, which cannot
# know the words of every home's names, sees one that it knows.
STAND_IN = "desk"
_FULL, _PART = "<full>", "<part>"
_LINK_TOKENS = {
    LinkKind.FULL: _FULL,
    LinkKind.PART: _PART,
    LinkKind.AREA: "<area>",
    LinkKind.FLOOR: "<floor>",
    LinkKind.NUMBER: "",
    LinkKind.DURATION: "<duration>",
}
_REF_LETTER = {LinkKind.AREA: "a", LinkKind.FLOOR: "f", LinkKind.NUMBER: "n", LinkKind.DURATION: "n"}


def prompt_tokens() -> tuple[str, ...]:
    """Every special token that a prompt may hold."""
    return (
        *(PAD, END, START, CANDIDATES, GO, TURN, NO_AREA, HERE, EVERYWHERE, PREVIOUS, OTHER),
        *(token for token in _LINK_TOKENS.values() if token),
        *(f"<{i + 1}>" for i in range(MAX_CANDIDATES)),
        *(f"<a{i + 1}>" for i in range(MAX_AREAS)),
        *(f"<f{i + 1}>" for i in range(MAX_FLOORS)),
        *(f"<n{i + 1}>" for i in range(MAX_NUMBERS)),
        *(domain_token(domain) for domain in DOMAINS),
        *(device_class_token(device_class) for device_class in DEVICE_CLASSES),
        *(f"<l:{language}>" for language in LANGUAGES),
    )


def domain_token(domain: str | None) -> str:
    """The token of a domain; one token for all domains that the model does not know."""
    return f"<d:{domain}>" if domain in DOMAINS else OTHER


def device_class_token(device_class: str | None) -> str:
    """The token of a device class, or nothing for one that the model does not know."""
    return f"<c:{device_class}>" if device_class in DEVICE_CLASSES else ""


def render_prompt(linked: Linked) -> str:
    """The request with its links, then the candidates, up to the token that asks for output."""
    speaker = HERE if linked.home.area else NO_AREA
    request = render_pieces(linked.pieces)
    candidates = "".join(_candidate(linked, index, c) for index, c in enumerate(linked.candidates))
    language = known_language(linked.home.language)
    said_in = f"<l:{language}>" if language != "en" else ""
    return f"{START}{speaker}{said_in}{request}{CANDIDATES}{candidates}{GO}"


def render_pieces(pieces: tuple[Piece, ...]) -> str:
    """Words and links in the order in which they were said; also how free text is written in the output."""
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: Piece) -> str:
    match piece:
        case TurnBreak():
            return TURN
        case Word(text=text):
            return f" {text}"
        case Link(kind=kind):
            words = _shown_words(piece)
            letter = _REF_LETTER.get(kind, "")
            return words + _LINK_TOKENS[kind] + "".join(f"<{letter}{ref + 1}>" for ref in piece.refs)


def _shown_words(link: Link) -> str:
    """What stays of a link's words: those that say what kind of thing it is."""
    if link.kind is LinkKind.FULL:
        return f" {link.text}" if link.generic else ""
    if link.kind is not LinkKind.PART:
        return ""
    return "".join(f" {word if stem(word) in KIND_WORDS else STAND_IN}" for word in link.text.split())


def _candidate(linked: Linked, index: int, candidate: Candidate) -> str:
    kind = _kind(candidate.entity.domain, candidate.entity.device_class)
    evidence = _FULL if candidate.full else _PART if candidate.part else ""
    previous = PREVIOUS if candidate.previous else ""
    return f"<{index + 1}>{kind}{evidence}{previous}{_place(linked, candidate)}"


def _kind(domain: str, device_class: str | None) -> str:
    """What a candidate is, as far as the model was taught it."""
    taught = device_class if device_class in _TAUGHT_CLASSES.get(domain, ()) else None
    return domain_token(_TAUGHT_AS.get(domain, domain)) + device_class_token(taught)


def _place(linked: Linked, candidate: Candidate) -> str:
    """Where a candidate is, when the place was said or is the speaker's."""
    area = candidate.entity.area
    if area in linked.areas:
        return f"<a{linked.areas.index(area) + 1}>"
    here = HERE if candidate.here else ""
    floor = next((a.floor for a in linked.home.areas if a.id == area), None)
    if floor in linked.floors:
        return f"<f{linked.floors.index(floor) + 1}>{here}"
    return here
