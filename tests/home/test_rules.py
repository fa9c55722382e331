"""The rung of rules: everyday sentences become decisions about the live home, and nothing else does."""

import pytest

from picoqwen_core.home.decision import Act, Action, Cannot, Clarify, Decision, Query, Target
from picoqwen_core.home.history import History
from picoqwen_core.home.rules.rules import asks, decide
from picoqwen_core.messages import HomeArea, HomeContext, HomeFloor
from tests.home.house import entity

AREAS = (
    HomeArea("kueche", "Küche", (), "eg"),
    HomeArea("wohnen", "Wohnzimmer", ("Stube",), "eg"),
    HomeArea("schlafen", "Schlafzimmer", (), "og"),
)
ENTITIES = (
    entity("light.steh", "Stehlampe", "wohnen", state="on", brightness=60),
    entity("light.kueche", "Deckenlampe", "kueche"),
    entity("light.bett_links", "Leselampe links", "schlafen"),
    entity("light.bett_rechts", "Leselampe rechts", "schlafen", state="on"),
    entity("light.bett_decke", "Deckenlampe", "schlafen"),
    entity("cover.rollo", "Rollladen", "wohnen", state="open", device_class="blind"),
    entity("climate.heizung", "Thermostat", "wohnen", state="heat", temperature=20, current_temperature=19.5),
    entity("lock.tuer", "Haustür", "wohnen", state="unlocked"),
    entity("switch.kaffee", "Kaffeemaschine", "kueche", aliases=("Espressomaschine",)),
    entity("media_player.radio", "Radio", "kueche", state="playing"),
    entity("todo.einkauf", "Einkaufsliste", state="2"),
    entity("scene.kino", "Kinoabend", state="unknown"),
)
FLOORS = (HomeFloor("eg", "Erdgeschoss"), HomeFloor("og", "Obergeschoss"))


def home(area: str | None = None) -> HomeContext:
    return HomeContext(ENTITIES, AREAS, FLOORS, area, "de")


def read(text: str, area: str | None = None, history: History | None = None) -> Decision | None:
    ruled = decide(text, home(area), "de", history)
    return ruled.decision if ruled is not None else None


def do(verb: str, target: Target, value: float | str | None = None) -> Act:
    return Act((Action(verb, target, value),))


def one(*ids: str) -> Target:
    return Target(entities=ids)


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("schalte die Stehlampe aus", do("off", one("light.steh"))),
        ("Espressomaschine an", do("on", one("switch.kaffee"))),
        ("schließ die Haustür ab", do("lock", one("lock.tuer"))),
        ("mach die Deckenlampe in der Küche an", do("on", one("light.kueche"))),
        ("Licht im Schlafzimmer aus", do("off", Target(area="schlafen", domain="light"))),
        ("schalte das Licht im Obergeschoss ein", do("on", Target(floor="og", domain="light"))),
        ("dimm die Stehlampe auf dreißig Prozent", do("brightness", one("light.steh"), 30.0)),
        ("mach die Stehlampe etwas heller", do("brighter", one("light.steh"))),
        ("stell das Thermostat auf 21,5 Grad", do("temperature", one("climate.heizung"), 21.5)),
        ("Radio pausieren", do("pause", one("media_player.radio"))),
        ("schreib Süße Äpfel auf die Einkaufsliste", do("list_add", one("todo.einkauf"), "Süße Äpfel")),
        ("Kinoabend aktivieren", do("on", one("scene.kino"))),
        ("stell einen Timer auf fünf Minuten", do("timer_start", Target(everywhere=True), 300.0)),
    ],
)
def test_a_sentence_is_what_it_asks_for(text: str, decision: Decision) -> None:
    assert read(text) == decision


@pytest.mark.parametrize(
    ("text", "area", "decision"),
    [
        ("mach das Licht aus", "wohnen", do("off", Target(area="wohnen", domain="light"))),
        ("mach das Licht aus", None, Clarify(())),
        ("mach alle Lichter aus", None, do("off", Target(everywhere=True, domain="light"))),
        ("mir ist kalt", "wohnen", do("warmer", Target(area="wohnen", domain="climate"))),
        ("schalte die Deckenlampe an", "schlafen", do("on", one("light.bett_decke"))),
        ("schalte die Deckenlampe an", None, Clarify(("light.kueche", "light.bett_decke"))),
    ],
)
def test_the_speakers_room_is_meant_and_what_is_unclear_is_asked(text: str, area, decision: Decision) -> None:
    assert read(text, area) == decision


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("ist die Haustür abgeschlossen?", Query("is", one("lock.tuer"), "locked")),
        ("welche Lampen sind an?", Query("which", Target(everywhere=True, domain="light"), "on")),
        ("wie warm ist es im Wohnzimmer?", Query("value", Target(area="wohnen"), "temperature")),
        ("läuft die Kaffeemaschine", Query("is", one("switch.kaffee"), "on")),
        ("wie spät ist es?", Query("time")),
        ("Stehlampe aus?", Query("is", one("light.steh"), "off")),
    ],
)
def test_a_question_is_answered_and_never_acts(text: str, decision: Query) -> None:
    assert read(text) == decision


def test_a_sentence_that_begins_as_a_question_adds_nothing_to_a_list() -> None:
    assert not isinstance(read("steht Butter auf der Einkaufsliste"), Act)


def test_a_wish_that_is_put_as_a_question_is_done() -> None:
    assert read("kannst du die Stehlampe ausschalten?") == do("off", one("light.steh"))


def test_several_things_and_several_sentences() -> None:
    assert read("mach die Kaffeemaschine und die Stehlampe an") == Act(
        (Action("on", one("switch.kaffee")), Action("on", one("light.steh")))
    )
    assert read("schließ die Haustür ab und mach das Licht in der Küche aus") == Act(
        (Action("lock", one("lock.tuer")), Action("off", Target(area="kueche", domain="light")))
    )


def test_a_part_that_is_not_understood_spoils_the_whole() -> None:
    assert read("schließ die Haustür ab und backe einen Kuchen") is None


def test_what_is_excepted_is_left_out() -> None:
    decision = read("mach alle Lampen außer der Stehlampe aus")
    assert decision == do("off", Target(everywhere=True, domain="light", excluding=one("light.steh")))


@pytest.mark.parametrize("text", ["Kaffeemaschiene an", "kaffee maschine an", "Kafeemaschine einschalten"])
def test_a_misheard_name_is_understood(text: str) -> None:
    assert read(text) == do("on", one("switch.kaffee"))


def test_a_similar_name_with_another_side_is_not_meant() -> None:
    lamp = entity("light.bett_links", "Leselampe links", "schlafen")
    only_left = HomeContext((lamp,), AREAS, FLOORS, None, "de")
    ruled = decide("Leselampe rechts an", only_left, "de")
    assert ruled is None or not isinstance(ruled.decision, Act)


@pytest.mark.parametrize(
    ("language", "text"),
    [("it", "ho caldo"), ("it", "c'è troppa luce"), ("es", "está muy oscuro"), ("fr", "il fait trop sombre")],
)
def test_a_complaint_is_no_question(language: str, text: str) -> None:
    assert not asks(text, language)


def test_questions_are_told_from_wishes() -> None:
    assert asks("ist die Tür zu", "de")
    assert asks("Stehlampe an?", "de")
    assert not asks("kannst du die Stehlampe anmachen?", "de")
    assert asks("¿está abierta la puerta?", "es")
    assert asks("hai chiuso la porta", "it")
    assert not asks("accendi la luce", "it")


@pytest.mark.parametrize(
    "text",
    [
        "wer hat den Faust geschrieben",
        "erzähl mir einen Witz",
        "was fällt dir dazu ein",
        "spiel mal den Clown und mach die Stehlampe kaputt",
        "schalte die Stehlampe nicht aus",
        "mach mal irgendwas",
        "",
    ],
)
def test_everything_else_is_left_to_the_next_rung(text: str) -> None:
    assert read(text) is None


def test_the_answer_to_which_one_is_taken() -> None:
    asked = History("schalte die Deckenlampe an", ("light.kueche", "light.bett_decke"), clarifying=True)
    assert read("die in der Küche", history=asked) == do("on", one("light.kueche"))
    room = History("mach das Licht aus", (), clarifying=True)
    assert read("im Schlafzimmer", history=room) == do("off", Target(area="schlafen", domain="light"))


@pytest.mark.parametrize(
    ("language", "text", "verb"),
    [
        ("fr", "allume la Stehlampe", "on"),
        ("fr", "éteins la Stehlampe s'il te plaît", "off"),
        ("es", "enciende la Stehlampe", "on"),
        ("es", "apaga la Stehlampe por favor", "off"),
        ("nl", "doe de Stehlampe aan", "on"),
        ("nl", "zet de Stehlampe uit", "off"),
        ("it", "accendi la Stehlampe", "on"),
        ("it", "spegni la Stehlampe per favore", "off"),
    ],
)
def test_every_language_is_read(language: str, text: str, verb: str) -> None:
    ruled = decide(text, home(), language)
    assert ruled is not None
    assert ruled.decision == do(verb, one("light.steh"))


def test_own_templates_of_every_language_are_for_known_verbs() -> None:
    from picoqwen_core.home.rules.meaning import DOMAINS_OF_VERB
    from picoqwen_core.home.rules.sentences import LANGUAGES, _read_own

    for language in set(LANGUAGES) - {"en"}:
        own = _read_own(language)
        assert set(own["verbs"]) <= set(DOMAINS_OF_VERB)
        assert set(own) == {"rules", "verbs", "lists"}


@pytest.mark.parametrize(
    ("text", "area", "decision"),
    [
        ("mach alles aus", None, do("off", Target(everywhere=True))),
        ("mach alles aus", "wohnen", do("off", Target(area="wohnen"))),
        ("fahr den Rollladen ganz runter", None, do("close", one("cover.rollo"))),
        ("öffne den Rollladen zur Hälfte", None, do("position", one("cover.rollo"), 50.0)),
        ("stell das Thermostat um zwei Grad höher", None, do("warmer", one("climate.heizung"), 2.0)),
        (
            "auf welche Temperatur ist das Thermostat eingestellt",
            None,
            Query("value", one("climate.heizung"), "set_temperature"),
        ),
        ("öffne das Garagentor", None, Cannot("unknown_device")),
        (
            "sind noch irgendwo Lampen an?",
            None,
            Query("which", Target(everywhere=True, domain="light"), "on"),
        ),
    ],
)
def test_our_own_templates_go_beyond_the_packages(text: str, area, decision: Decision) -> None:
    assert read(text, area) == decision
