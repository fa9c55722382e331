"""What is not about the home: much of it, split honestly, and every template whole."""

import random
import re

import pytest

from picoqwen_core.home.decision import Escalate
from training.elsewhere import draw_aside, draw_elsewhere, world
from training.homes import random_home
from training.phrases import load
from training.sentences import Sentences, alternatives, parse
from training.verbs import forms, verb_rules

LANGUAGES = ["en", "de", "fr", "es", "nl", "it"]


def texts(split: str, language: str, count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    home = random_home(rng, "train")
    return [draw_elsewhere(split, rng, language, home).text for _ in range(count)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_can_be_drawn(language: str) -> None:
    pack, rng = world(language), random.Random(1)
    given = {"w": "lamp", "room": "kitchen", "z": "blorp"}
    for sentences in (pack.taught, pack.held_out):
        for rule, templates in sentences.rules.items():
            for template in templates:
                parse(template)
            for _ in range(2 * len(templates)):
                assert "{" not in sentences.draw(rule, rng, given)[0]
    assert set(pack.weights) <= set(pack.taught.rules)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_seed_draws_the_same_sentences_and_few_twice(language: str) -> None:
    drawn = texts("train", language, 2000)
    assert drawn == texts("train", language, 2000)
    assert len(set(drawn)) > 0.75 * len(drawn)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_held_out_sentence_is_taught(language: str) -> None:
    pack = world(language)
    held = {t.casefold() for t in pack.held_out.rules["validation_templates"]}
    assert not held & {t.casefold() for ts in pack.taught.rules.values() for t in ts}
    assert not {t.casefold() for t in texts("validation", language, 500)} & {
        t.casefold() for t in texts("train", language, 20_000)
    }


@pytest.mark.parametrize("pool", ["topics", "people", "places"])
def test_no_held_out_topic_person_or_place_is_taught(pool: str) -> None:
    taught = {t.casefold() for templates in world("en").taught.rules.values() for t in templates}
    assert not taught & {word.casefold() for word in load("elsewhere")[pool]["validation"]}


def test_sentences_about_the_world_are_escalated_and_some_hold_words_of_the_home() -> None:
    rng = random.Random(3)
    home = random_home(rng, "train")
    drawn = [draw_elsewhere("train", rng, "en", home) for _ in range(2000)]
    assert all(d.decision == Escalate() for d in drawn)
    rooms = {area.name.lower() for area in home.areas}
    assert any(room in d.text for d in drawn for room in rooms)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_each_language_holds_out_sentences_of_its_own(language: str) -> None:
    assert len(world(language).held_out.rules["validation_templates"]) >= 25


def test_words_that_meet_are_spelled_as_one_says_them() -> None:
    assert not any(re.search(r"\ba (artist|apple|engineer)", text) for text in texts("train", "en", 5000))
    assert not any(" de el " in text for text in texts("train", "es", 5000))


def test_what_is_told_before_a_request_has_no_words_of_its_own_left_out() -> None:
    rng = random.Random(4)
    assert len({draw_aside(rng) for _ in range(200)}) > 100


def test_rules_choose_among_groups_and_leave_out_what_is_optional() -> None:
    sentences = Sentences({"s": alternatives("(a|{t}) b[ c], d"), "t": ("x {w}",)})
    rng = random.Random(5)
    drawn = {sentences.draw("s", rng, {"w": "y"})[0] for _ in range(200)}
    assert drawn == {"a b", "a b c", "x y b", "x y b c", "d"}


@pytest.mark.parametrize("template", ["(a|b", "a)", "[a", "(a]", "a|b", "{a"])
def test_an_unbalanced_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        parse(template)


def test_rules_without_alternatives_and_rules_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="without alternatives"):
        Sentences({"s": ()})
    with pytest.raises(ValueError, match="never end"):
        Sentences({"s": ("{s}",)}).draw("s", random.Random(6), {})


def test_verbs_have_their_forms() -> None:
    assert forms("carry") == ("carry", "carries", "carried", "carried", "carrying")
    assert forms("bake") == ("bake", "bakes", "baked", "baked", "baking")
    assert forms("wash up") == ("wash up", "washes up", "washed up", "washed up", "washing up")
    assert forms("go_goes_went_gone_going to")[2] == "went to"
    with pytest.raises(ValueError, match="forms"):
        forms("go_went")


def test_every_class_of_verbs_has_an_object() -> None:
    rules = verb_rules({"food": ("eat_eats_ate_eaten_eating", "cook")}, {"food": "{food}"})
    assert rules["v_food_past"] == ("ate", "cooked")
    assert rules["do_ing"] == ("{v_food_ing} {food}",)
