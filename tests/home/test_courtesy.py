"""Requests without their manners."""

import pytest

from picoqwen_core.home.courtesy import plainly


@pytest.mark.parametrize(
    ("language", "said", "plain"),
    [
        ("en", "hello, would you be so kind as to open the hatch", "open the hatch"),
        ("en", "would you mind shutting the hatch, I'm expecting rain", "shut the hatch"),
        ("en", "do you mind closing the hatch, mate", "close the hatch"),
        ("en", "do me a favour and put the pump on", "put the pump on"),
        ("en", "I'd appreciate it if the pump was off", "the pump off"),
        ("en", "because I'm tired, turn the pump off", "turn the pump off"),
        ("en", "get those bike lamps off", "turn the bike lamps off"),
        ("en", "pump on sweetheart", "pump on"),
        ("en", "whack the pump on", "turn the pump on"),
        ("en", "fire up the pump", "turn on the pump"),
        ("en", "kill the pump", "turn off the pump"),
        ("en", "hey google turn the pump on", "turn the pump on"),
        ("de", "vergiss nicht die Pumpe auszuschalten", "die Pumpe auszuschalten"),
        ("es", "no te olvides de apagar la bomba", "apagar la bomba"),
        ("nl", "vergeet niet de pomp uit te doen", "de pomp uit te doen"),
        ("it", "non dimenticare di spegnere la pompa", "spegnere la pompa"),
        ("de", "wärst du so nett und machst die Pumpe an", "machst die Pumpe an"),
        ("de", "Ich möchte gern die Pumpe an, vielen Dank", "die Pumpe an"),
        ("de", "könntest du mal eben die Pumpe ausschalten, ich muss los", "die Pumpe ausschalten"),
        ("fr", "est-ce que tu veux bien allumer la pompe s'il te plaît", "allumer la pompe"),
        ("fr", "je voudrais que tu fermes la pompe, merci beaucoup", "fermes la pompe"),
        ("es", "oye, ¿me puedes encender la bomba por favor", "encender la bomba"),
        ("es", "te importaría apagar la bomba, gracias", "apagar la bomba"),
        ("nl", "wil je alsjeblieft even de pomp aanzetten", "de pomp aanzetten"),
        ("nl", "ik zou graag willen dat je de pomp uitzet, dank je wel", "de pomp uitzet"),
        ("it", "ehi, potresti accendere la pompa per favore", "accendere la pompa"),
        ("it", "vorrei che la pompa fosse spenta", "la pompa spenta"),
    ],
)
def test_what_is_asked_for_is_left(language: str, said: str, plain: str) -> None:
    assert plainly(said, language) == plain


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "bring the lamps up"),
        ("en", "please"),
        ("en", "what time is it"),
        ("de", "Licht an"),
        ("fr", "allume la pompe"),
        ("es", "enciende la bomba"),
        ("nl", "doe de pomp aan"),
        ("it", "accendi la pompa"),
    ],
)
def test_a_plain_request_stays_as_it_is(language: str, said: str) -> None:
    assert plainly(said, language) == said
