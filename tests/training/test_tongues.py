"""The generator in other languages: labels that say what was meant, wordings kept for validation."""

import random
from itertools import islice

import pytest

from picoqwen_core.home.decision import Act, Query
from picoqwen_core.home.dsl import decode
from picoqwen_core.home.gloss import LANGUAGES
from picoqwen_core.home.render import END
from training.draw import foreign_draws, label
from training.evaluate import effect
from training.foreign import MIX, plain_letters
from training.grammar import NoWordingError, expand
from training.tongues.grammar import contracted, draw_pattern, forms, noun, pack
from training.tongues.requests import WAYS

# The word by which the sound is turned down.
_QUIETER = {"de": "leiser", "fr": "baisse", "es": "baja el", "nl": "zachter", "it": "abbassa"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_say_what_was_meant(language: str) -> None:
    seen = dropped = 0
    for split in ("train", "validation"):
        for _, home, turn in islice(foreign_draws(8, split, language), 300):
            labelled = label(home, turn)
            if labelled is None:
                dropped += 1
                continue
            linked, output = labelled
            assert effect(decode(output + END, linked), home) == effect(turn.decision, home), turn.text
            seen += 1
    assert dropped < 0.1 * seen, "the linker misses too many"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_seed_draws_the_same_requests(language: str) -> None:
    first = [(c, t.text) for c, _, t in islice(foreign_draws(3, "train", language), 60)]
    assert first == [(c, t.text) for c, _, t in islice(foreign_draws(3, "train", language), 60)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_category_is_drawn_and_no_slot_is_left(language: str) -> None:
    drawn = list(islice(foreign_draws(1, "train", language), 1200))
    assert set(MIX) - {"template"} <= {category for category, _, _ in drawn}
    for _, _, turn in drawn:
        assert "{" not in turn.text + (turn.history.previous_text if turn.history else ""), turn


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_wordings_are_never_trained_on(language: str) -> None:
    rng = random.Random(1)
    for templates in pack(language)["say"].values():
        trained = {draw_pattern(templates, "train", rng) for _ in range(60)}
        assert expand(templates[0], random.Random(0))
        for _ in range(10):
            try:
                assert draw_pattern(templates, "validation", rng) not in trained
            except NoWordingError:
                break


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_the_same_things(language: str) -> None:
    words, german = pack(language), pack("de")
    assert set(words["say"]) == set(WAYS)
    for part in ("say", "bare", "roomed", "pronoun", "timers", "states"):
        assert set(words[part]) == set(german[part]), part
    assert set(german["other"]) == set(words["other"])
    assert set(german["ask"]) <= set(words["ask"])
    for part in ("did", "about", "negated", "history", "able", "leave", "later", "corrected", "noise"):
        assert set(words[part]) == set(german[part]), part


@pytest.mark.parametrize("language", LANGUAGES)
def test_turning_the_sound_down_is_never_labelled_as_turning_it_up(language: str) -> None:
    for _, _, turn in islice(foreign_draws(5, "train", language), 1500):
        if isinstance(turn.decision, Act) and len(turn.decision.actions) == 1:
            verb = turn.decision.actions[0].verb
            assert not (verb == "louder" and turn.text.casefold().startswith(_QUIETER[language])), turn.text


def test_a_wanted_temperature_is_not_the_measured_one() -> None:
    asked = {
        turn.decision.asked
        for _, _, turn in islice(foreign_draws(6, "train", "de"), 3000)
        if isinstance(turn.decision, Query) and "solltemperatur" in turn.text.casefold()
    }
    assert asked == {"set_temperature"}


def test_articles_follow_the_case_and_lean_on_prepositions() -> None:
    said = forms(noun("der Ventilator", "de"), "de")
    assert (said.object, said.dative) == ("den Ventilator", "dem Ventilator")
    assert (
        contracted("volume di l'altoparlante e di la radio", "it") == "volume dell'altoparlante e della radio"
    )
    assert contracted("le son de le salon", "fr") == "le son du salon"
    assert plain_letters("Küche à l'été, große") == "Kuche a l'ete, grosse"
