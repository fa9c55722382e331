"""Other languages: read as English words, and left to a larger model where nobody is sure."""

from dataclasses import replace

import pytest

from picoqwen_core.home.gloss import LANGUAGES, gloss, known_language, table
from picoqwen_core.home.linked import Link, LinkKind
from picoqwen_core.home.linker import link
from picoqwen_core.home.render import render_prompt
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import ChatRequest, HomeArea, HomeContext, HomeEntity, Message

HOME = HomeContext(
    entities=(HomeEntity("light.lamp", "Deckenlampe", "off", "light", area="kitchen"),),
    areas=(HomeArea("kitchen", "Küche"),),
    area="kitchen",
    language="de-AT",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_a_table_is_empty_or_means_two_things(language: str) -> None:
    assert all(table(language).values())
    assert known_language(f"{language}_XX") == language


def test_compounds_are_a_place_and_a_kind() -> None:
    assert gloss("küchenlampe", "de") == ("kitchen", "lamp")
    assert gloss("keukenlamp", "nl") == ("kitchen", "lamp")


def test_articles_that_lean_on_a_noun_are_words_of_their_own() -> None:
    assert [token.text for token in tokenize("allume l'éclairage", "fr")] == ["turn", "on", "the", "light"]


def test_a_german_request_is_linked_like_an_english_one() -> None:
    prompt = render_prompt(link(HOME, "schalte die Deckenlampe in der Küche in zehn Minuten aus"))
    assert "<l:de> turn the<full><1> in the<area><a1> in<duration><n1> off" in prompt


def test_what_nobody_is_sure_of_in_other_languages_is_left_to_a_larger_model() -> None:
    asked: list[str] = []
    responder = HomeResponder(lambda prompt: asked.append(prompt) or ("<off><1>", 0.5))  # type: ignore[func-returns-value]
    request = ChatRequest(
        messages=(Message("user", "zaubere mir die Deckenlampe rosa gepunktet"),), home=HOME
    )
    deltas = list(responder.respond(request))
    assert deltas[0].escalation
    assert len(asked) == 1
    assert not any(delta.tool_call for delta in deltas)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mach die Tür zu", "turn the door closed"),
        ("Rollladen auf und Licht aus", "blind open and light off"),
        ("stell das Licht auf 50", "set the light to 50"),
        ("mach es ein bisschen heller", "turn it a little brighter"),
        ("schalte das Licht ein", "turn the light on"),
    ],
)
def test_what_a_particle_means_in_german_depends_on_the_next_word(text: str, words: str) -> None:
    assert " ".join(token.text for token in tokenize(text, "de")) == words


def test_a_name_is_found_without_its_accents_and_in_the_genitive() -> None:
    rooms = replace(HOME, areas=(HomeArea("study", "Nähzimmer"), HomeArea("garden", "Wintergarten")))
    for text, area in (("Licht im Nahzimmer an", "study"), ("die Lampe des Wintergartens aus", "garden")):
        places = [p.refs for p in link(rooms, text).pieces if isinstance(p, Link) and p.kind is LinkKind.AREA]
        assert len(places) == 1, text
        assert link(rooms, text).areas == (area,)


def test_words_typed_without_accents_are_known_unless_they_are_too_short() -> None:
    assert gloss("cancion", "es") == ("song",)
    assert gloss("kuche", "de") == ("kitchen",)
    assert gloss("ou", "fr") == ("ou",)


@pytest.mark.parametrize(
    ("word", "language"),
    [("andere", "de"), ("autre", "fr"), ("otro", "es"), ("andere", "nl"), ("altra", "it")],
)
def test_the_other_one_is_known_in_every_language(word: str, language: str) -> None:
    assert gloss(word, language) == ("other",)


@pytest.mark.parametrize(
    ("language", "said", "read"),
    [
        ("de", "zweiundzwanzig", "22"),
        ("de", "einundzwanzig", "21"),
        ("de", "um ein Grad", "by 1 degrees"),
        ("de", "hundert Prozent", "100 percent"),
        ("de", "in anderthalb Stunden", "in 5400s"),
        ("nl", "zevenendertig", "37"),
        ("nl", "tweeëntwintig", "22"),
        ("nl", "drie kwartier", "2700s"),
        ("it", "trentotto", "38"),
        ("it", "ventuno per cento", "21 percent"),
        ("it", "un'ora e mezza", "5400s"),
        ("it", "mezz'ora", "1800s"),
        ("es", "veintidós", "22"),
        ("es", "treinta y cinco por ciento", "35 percent"),
        ("es", "tres cuartos de hora", "2700s"),
        ("es", "la cocina y cinco", "the kitchen and 5"),
        ("fr", "vingt et un", "21"),
        ("fr", "quatre-vingts", "80"),
        ("fr", "quatre-vingt-dix-sept", "97"),
        ("fr", "soixante et onze", "71"),
        ("fr", "dix-sept minutes", "1020s"),
        ("fr", "quatre lampes", "4 lamps"),
        ("de", "einundzwanzigeinhalb Grad", "21.5 degrees"),
        ("de", "dreiundzwanzig komma fünf", "23.5"),
        ("de", "auf ein Viertel", "to 25"),
        ("fr", "vingt et un et demi", "21.5"),
        ("fr", "sept virgule cinq", "7.5"),
        ("fr", "un quart d'heure", "900s"),
        ("fr", "deux tiers", "67"),
        ("es", "tres cuartos", "75"),
        ("nl", "driekwart", "75"),
        ("it", "due terzi", "67"),
        ("it", "un quarto d'ora", "900s"),
    ],
)
def test_numbers_and_durations_are_read_as_each_language_says_them(
    language: str, said: str, read: str
) -> None:
    assert " ".join(token.text for token in tokenize(said, language)) == read


def test_words_that_mean_something_only_together_are_kept_as_they_were_said() -> None:
    [door, *_, key] = tokenize("cierra con llave", "es")
    assert (door.text, key.text) == ("close", "key")
    assert [token.surface for token in tokenize("Cierra con Llave", "es")] == ["Cierra", "con Llave", ""]


@pytest.mark.parametrize(
    ("word", "language", "english"),
    [
        ("apágala", "es", ("turn", "off", "it")),
        ("enciéndeme", "es", ("turn", "on")),
        ("spegnimi", "it", ("turn", "off")),
        ("accendila", "it", ("turn", "on", "it")),
        ("sala", "es", table("es").get("sala", ("sala",))),
    ],
)
def test_a_pronoun_is_taken_off_a_verb_and_off_nothing_else(
    word: str, language: str, english: tuple[str, ...]
) -> None:
    assert gloss(word, language) == english


def test_a_german_infinitive_with_zu_is_its_verb() -> None:
    assert gloss("auszuschalten", "de") == gloss("ausschalten", "de") == ("turn", "off")
