"""A request in plain words, without what politeness, address and reasons put around it: "be a dear and ...".

Words only. It is for a second look, where the whole sentence was not understood.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_MOST_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class _Manners:
    """Patterns of one language, without regard to case: what is taken off in front and behind.

    address: words that only call for attention; wish: what asks for something to be done; thanks: what ends
    a request; reason: how a clause begins that says why; filler: words that say nothing anywhere; wished:
    between a thing and the state it is wished to be in, behind a wish.
    """

    address: str
    wish: str
    thanks: str
    reason: str
    filler: str
    wished: str


_MANNERS = {
    "en": _Manners(
        address=r"(?:hey |ok(?:ay)? )?(?:alexa|google|siri|nabu|jarvis|computer|assistant)|hey|hi|hello"
        r"|okay|ok|so|well|u[hm]+|er+m?|right|alright|oh|yo|listen|please|excuse me"
        r"|sorry(?: to bother you)?(?: but)?|good (?:morning|evening|afternoon)|darling|honey|dear|mate"
        r"|buddy",
        wish=r"(?:would|do) you mind|(?:would|could|can|will) you(?: (?:please|possibly|kindly|maybe"
        r"|perhaps|just|quickly"
        r"|be so (?:kind|good) as to|be (?:kind|good) enough to|be an? \w+ and|do me a favou?r and))*"
        r"|be an? (?:dear|love|star|pal|angel|good \w+) and|do me a favou?r(?: and)?|be so (?:kind"
        r"|good) as to"
        r"|(?:i was wondering|i wonder|i'?d (?:really )?appreciate it|i'?d be grateful|i would appreciate it"
        r"|it(?:'d| would) be (?:great|nice|lovely|good)) if(?: you (?:could|would|can))?"
        r"|(?:i'd|i would|i) (?:like|love|want|need) you to|i think i (?:want|need)"
        r"|if (?:it's|it is|its) not too much (?:trouble|bother)|if you don'?t mind|if possible"
        r"|if you (?:could|would|can)|when you (?:get|have) a (?:chance|moment|minute)",
        thanks=r"(?:please|thanks|thank you|cheers|ta)(?: (?:a lot|a bunch|(?:ever )?so much|very much"
        r"|love|mate"
        r"|dear))*|(?:honey|darling|dear|mate|buddy|sweetie|sweetheart|babe|would you|will you|could you"
        r"|for (?:me|us)|if you (?:can|could|don'?t mind)|that(?:'d| would) be (?:great|nice|lovely))",
        reason=r"i'm|i am|i've|i have|i want|i need|i can'?t|we're|we've|we need|because|cos|since|it's|it is"
        r"|my|there's|as i|so (?:i|we|that)|before",
        filler=r"u[hm]+|er+m?|just|kindly|possibly",
        wished=r"was|were|is|be",
    ),
    "de": _Manners(
        address=r"hey|hallo|hi|okay|ok|also|ä+h+m?|na|so|ja|du|sag mal|entschuldigung|sorry|bitte"
        r"|guten (?:morgen|abend|tag)|schatz|liebling",
        wish=r"(?:vergiss nicht|denk (?:bitte )?(?:dran|daran)),?|hättest du die güte"
        r"|würde es dir (?:et)?was ausmachen|(?:könntest|kannst|würdest|magst|willst) du|(?:könnten"
        r"|können|würden|wollen) sie"
        r"|ich (?:hätte|möchte|würde|will)(?: gerne?)?(?:,? dass du)?"
        r"|(?:es wäre|das wäre) (?:nett|schön|toll|lieb),? (?:wenn|dass) du|wenn du so (?:lieb|nett"
        r"|gut) wärst und"
        r"|(?:sei|wärst du) (?:doch )?(?:bitte )?so (?:lieb|nett|gut|freundlich) und"
        r"|(?:bitte )?so (?:lieb|nett|gut|freundlich) sein und|tu mir (?:den|einen) gefallen und"
        r"|wenn(?:'s| es) (?:dir nichts ausmacht|geht)|falls möglich|(?:mir|uns) (?=bitte|mal|kurz|eben)",
        thanks=r"bitte(?:schön)?|danke(?: dir| schön)?|vielen dank|schatz|liebling|ja|geht das"
        r"|wenn(?:'s| es) geht"
        r"|(?:könntest|würdest|kannst)(?: du)?",
        reason=r"ich|wir|weil|denn|es ist|mir ist|sonst|damit",
        filler=r"mal|doch|eben|halt|bitte|vielleicht|schnell|kurz|gerade|einfach|ä+h+m?",
        wished=r"wäre|ist|sein",
    ),
    "fr": _Manners(
        address=r"bonjour|bonsoir|salut|dis(?:-moi)?|écoute|euh|bon|alors|ok|hé|hey|allez|pardon|excuse-moi"
        r"|s'?il (?:te|vous) pla[iî]t|stp|svp|chérie?",
        wish=r"n'oublie pas de|pense à|(?:est[- ]ce que )?(?:tu|vous) (?:peux|pourrais|pouvez|pourriez|veux"
        r"|voudrais)(?: bien)?(?: (?:me|nous))?"
        r"|(?:peux|pourrais|pouvez|pourriez|veux|voudrais)[- ](?:tu|vous)(?: bien)?(?: (?:me|nous))?"
        r"|(?:j'aimerais|je voudrais|je veux)(?: bien)?(?: que (?:tu|vous))?"
        r"|(?:ce|ça) serait (?:bien|sympa|gentil|cool) (?:de|que (?:tu|vous)|si (?:tu|vous) pou(?:vais|viez))"
        r"|(?:sois|soyez) (?:gentille?|sympa|un amour)(?: et| de)?|si (?:ça ne te dérange pas|possible"
        r"|tu peux)"
        r"|ça (?:te|vous) (?:dérange|dérangerait|ennuie|ennuierait) de|il faudrait(?: que (?:tu|vous))?",
        thanks=r"(?:s'?il (?:te|vous) pla[iî]t|stp|svp|merci(?: beaucoup| bien| d'avance)?|chérie?"
        r"|tu veux bien"
        r"|si (?:possible|tu peux))",
        reason=r"je|j'\w+|on|nous|parce|car|il fait|c'est|comme ça",
        filler=r"euh|donc|juste|un peu|vite",
        wished=r"soit|était|est",
    ),
    "es": _Manners(
        address=r"oye|hola|eh|mira|venga|vale|bueno|perdona|disculpa|por favor|porfa(?:vor)?"
        r"|buen[oa]s(?: días| tardes| noches)?|cariño|cielo",
        wish=r"no (?:te )?olvides(?: de)?|acuérdate de|(?:a ver si )?(?:me |nos )?(?:puedes|podrías"
        r"|puede|podría|quieres|querrías)"
        r"|(?:me gustaría|quiero|quisiera|querría|necesito)(?: que)?|¿?te importa(?:ría)?"
        r"|(?:haz|hazme|hágame) el favor (?:de|y)|si no te importa|si puedes|cuando puedas"
        r"|sé (?:buen[oa]|amable) y|a ver si",
        thanks=r"(?:por favor|porfa(?:vor)?|(?:muchas )?gracias|cariño|cielo|anda|vale|si puedes"
        r"|quieres|puedes)",
        reason=r"que|porque|es que|ya que|voy|estoy|tengo|me|así",
        filler=r"eh|pues|porfa|un momento|ya",
        wished=r"esté|estuviera|está",
    ),
    "nl": _Manners(
        address=r"hé|hey|hoi|hallo|oké|ok|u+h+m?|eh|nou|zeg|sorry|alsjeblieft|goedemorgen|goedenavond|schat",
        wish=r"vergeet niet(?: om)?|denk eraan(?: om)?|(?:zou|kun|kan|wil|kunt|wilt) (?:je|jij|u)"
        r"|ik (?:wil|zou)(?: (?:graag"
        r"|willen))*(?: dat (?:je|jij|u))?"
        r"|wees (?:zo )?(?:lief|aardig|goed) en|als het (?:kan|mag)|als je (?:wilt|kunt)"
        r"|zo (?:lief|vriendelijk|goed) (?:willen )?zijn (?:om|en)|zou het (?:kunnen|mogelijk zijn)(?: om)?"
        r"|doe me een plezier en",
        thanks=r"(?:alsjeblieft|alstublieft|graag|dank ?je(?: ?wel)?|bedankt|schat|lieverd|wil je"
        r"|zou je|kan dat"
        r"|als het kan)",
        reason=r"ik|we|wij|want|omdat|het is|anders|dan kan",
        filler=r"even|eens|maar|gewoon|effe|toch|alsjeblieft|u+h+m?|willen|misschien",
        wished=r"is|was|zou zijn",
    ),
    "it": _Manners(
        address=r"ehi|ciao|senti|scusa(?:mi)?|allora|ok|ehm|dai|buongiorno|buonasera|per favore"
        r"|per piacere|tesoro",
        wish=r"non dimenticare di|ricordati di|(?:mi |ci )?(?:puoi|potresti|può|potrebbe|riesci a"
        r"|riusciresti a)"
        r"|(?:vorrei|mi piacerebbe|voglio|ho bisogno)(?: che(?: tu)?| di)?|ti dispiac(?:e|erebbe)"
        r"|(?:fammi|fai) il (?:favore di|piacere di|bravo e)|se non ti dispiace|se puoi|quando puoi"
        r"|sii gentile e",
        thanks=r"(?:per favore|per piacere|grazie(?: mille)?|tesoro|amore|dai|se puoi|va bene|ok)",
        reason=r"che|perché|sto|ho|devo|così|siccome|è",
        filler=r"ehm|un attimo|pure|dai",
        wished=r"sia|fosse|è",
    ),
}
_MINDS = re.compile(r"\b(?:would|do) you mind\b", re.IGNORECASE)
# English verbs and nouns of slang, and the plain ones.
_SLANG = tuple(
    (re.compile(said, re.IGNORECASE), plain)
    for said, plain in (
        (r"\b(?:fire|boot|start|power) up\b", "turn on"),
        (r"\b(?:kill|cut|nix|douse|knock off|shut off|shut down|power down)\b", "turn off"),
        (r"\b(?:stick|whack|pop|chuck|bung|flick|flip|bang|slap|whip)\b(?= .*\b(?:on|off)\b)", "turn"),
        (r"\b(?:crank)\b(?= .*\b(?:up|down)\b)", "turn"),
        (r"\btunes?\b", "song"),
        (r"\blites?\b", "light"),
    )
)
_SILENT_E = ("clos", "mak", "rais", "paus", "mut", "chang", "resum", "increas", "decreas", "reduc", "announc")


@dataclass(frozen=True, slots=True)
class _Patterns:
    front: re.Pattern[str]
    behind: re.Pattern[str]
    reason_behind: re.Pattern[str]
    reason_before: re.Pattern[str]
    filler: re.Pattern[str]
    wished: re.Pattern[str]


def plainly(text: str, language: str) -> str:
    """The request without its manners; the same text where it has none, or nothing else."""
    known = _patterns(language)
    start = text.strip().strip("¿¡").rstrip("?!. ")
    bare = _bare(start, known)
    said = _first_that_stays(known.reason_before.sub("", bare), bare)
    said = _bare(_first_that_stays(known.reason_behind.sub("", said), said), known)
    was_wished = known.front.match(start) is not None
    said = " ".join(known.filler.sub(" ", said).split())
    if was_wished:
        said = known.wished.sub(" ", said, count=1)
    if language == "en":
        said = _in_english(said, minds=_MINDS.search(text) is not None)
    said = re.sub(r"\s+([,.])", r"\1", " ".join(said.split())).strip(" ,")
    return said if said and said != text.strip() else text


def _bare(said: str, known: _Patterns) -> str:
    """Without wishes in front and thanks behind, as long as something is left."""
    for _ in range(_MOST_ROUNDS):
        shorter = known.behind.sub("", known.front.sub("", said)).strip(" ,.!?")
        if shorter == said or not shorter:
            break
        said = shorter
    return said


def _first_that_stays(shorter: str, text: str) -> str:
    """What is left without a clause, where that is still a sentence."""
    return shorter if len(shorter.split()) > 1 else text


def _in_english(text: str, *, minds: bool) -> str:
    """ "Turning the light off" behind "would you mind", "get those lights off", and slang."""
    first, _, rest = text.partition(" ")
    if minds and first.lower().endswith("ing"):
        text = f"{_without_ing(first[:-3])} {rest}"
    for said, plain in _SLANG:
        text = said.sub(plain, text)
    text = re.sub(r"\b(?:those|these|that|this)\b(?= \w+ \w)", "the", text, flags=re.IGNORECASE)
    return re.sub(r"^get (?=(?:the|my|our) .*\b(?:on|off)$)", "turn ", text, flags=re.IGNORECASE)


def _without_ing(verb: str) -> str:
    """ "Mak" is "make" and "putt" is "put"; "turn" stays."""
    if verb.lower() in _SILENT_E:
        return f"{verb}e"
    return verb[:-1] if verb[-1:] == verb[-2:-1] and verb[-1:] not in "ls" else verb


@lru_cache(maxsize=len(_MANNERS))
def _patterns(language: str) -> _Patterns:
    manners = _MANNERS[language]

    def pattern(text: str) -> re.Pattern[str]:
        return re.compile(text, re.IGNORECASE)

    return _Patterns(
        front=pattern(rf"^(?:(?:{manners.wish}|{manners.address})(?![\w'-])[\s,.!¿¡]*)+"),
        behind=pattern(rf"(?:[\s,.!]+(?:{manners.thanks}))+$"),
        reason_behind=pattern(rf"\s*[,.;]\s*(?:{manners.reason})(?!\w).*$"),
        reason_before=pattern(rf"^(?:{manners.reason})(?!\w)[^,.;]*[,.;]\s*"),
        filler=pattern(rf"(?<![\w'-])(?:{manners.filler})(?![\w'-])"),
        wished=pattern(rf"(?<= )(?:{manners.wished})(?= \w+$)"),
    )
