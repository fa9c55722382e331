"""The generator: reproducible, honest about its split, and never contradicting the linker."""

import random
import re
from itertools import islice

import pytest

from picoqwen_core.home.decision import Target
from picoqwen_core.home.dsl import decode
from picoqwen_core.home.linker import link
from picoqwen_core.home.render import END
from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity
from training.draw import MIX, draws, label
from training.evaluate import effect, interval, is_right
from training.grammar import NoWordingError, draw_pattern, expand, is_held_out, plain_wording
from training.homes import random_home
from training.pools import AREAS, BRANDS, ITEMS, KINDS, MODIFIERS, OWNERS
from training.targets import refer
from training.timers import draw_timer

TEMPLATES = ("(turn|switch) on {t}[ now]", "{t} on", "(power|switch) up {t}", "turn {t} on[ now]")


def test_the_same_seed_draws_the_same_requests() -> None:
    first = [(c, t.text) for c, _, t in islice(draws(3, "train"), 200)]
    assert first == [(c, t.text) for c, _, t in islice(draws(3, "train"), 200)]
    assert first != [(c, t.text) for c, _, t in islice(draws(4, "train"), 200)]


def test_every_category_is_drawn() -> None:
    assert {category for category, _, _ in islice(draws(1, "train"), 3000)} == set(MIX)


@pytest.mark.parametrize("pool", [AREAS, OWNERS, MODIFIERS, BRANDS, ITEMS], ids=lambda pool: pool["train"][0])
def test_training_and_validation_words_never_meet(pool: dict[str, tuple[str, ...]]) -> None:
    assert not {w.casefold() for w in pool["train"]} & {w.casefold() for w in pool["validation"]}


def test_held_out_wordings_are_never_trained_on() -> None:
    rng = random.Random(1)
    trained, held = set(), set()
    for _ in range(500):
        trained.add(draw_pattern(TEMPLATES, "train", rng))
        try:
            held.add(draw_pattern(TEMPLATES, "validation", rng))
        except NoWordingError:
            continue
    assert trained
    assert not trained & held


def test_the_plain_wording_is_always_taught() -> None:
    for template in TEMPLATES:
        assert not is_held_out(plain_wording(template), template, TEMPLATES)


def test_templates_expand_and_unbalanced_ones_are_refused() -> None:
    rng = random.Random(2)
    assert {expand("(a|b)[ c]", rng) for _ in range(100)} == {"a", "b", "a c", "b c"}
    with pytest.raises(ValueError, match="unbalanced"):
        expand("(a|b", rng)


def test_homes_are_of_their_split_and_ids_unique() -> None:
    rng = random.Random(9)
    for _ in range(50):
        home = random_home(rng, "validation")
        assert {area.name for area in home.areas} <= set(AREAS["validation"])
        assert len({e.id for e in home.entities}) == len(home.entities)
        assert {e.domain for e in home.entities} <= {kind.domain for kind in KINDS.values()}


def test_labels_say_what_was_meant() -> None:
    seen = dropped = 0
    for _, home, turn in islice(draws(8, "validation"), 1500):
        labelled = label(home, turn)
        if labelled is None:
            dropped += 1
            continue
        linked, output = labelled
        decoded = decode(output + END, linked)
        assert effect(decoded, home) == effect(turn.decision, home), (turn.text, output)
        assert is_right(output, turn.decision, linked)
        seen += 1
    assert dropped < 0.03 * seen, "the linker misses too many"


def test_a_wrong_device_is_a_wrong_answer() -> None:
    for _, home, turn in islice(draws(2, "train"), 3000):
        labelled = label(home, turn)
        if labelled and labelled[1] == "<off><1>" and len(labelled[0].candidates) > 1:
            assert not is_right("<off><2>", turn.decision, labelled[0])
            assert not is_right("<on><1>", turn.decision, labelled[0])
            return
    pytest.fail("no such request was drawn")


def test_a_name_that_is_but_a_kind_means_the_rooms_own() -> None:
    """Of a "Fan" elsewhere and two fans in the room, "the fan" is one of the room's."""
    rng = random.Random(7)
    rooms = (HomeArea("a", "Office"), HomeArea("b", "Attic"))
    away = HomeEntity(id="fan.away", name="Fan", state="off", domain="fan", area="b")
    near = [
        HomeEntity(id=f"fan.{n}", name=f"{n} Fan", state="off", domain="fan", area="a")
        for n in ("Big", "Old")
    ]
    crowded = HomeContext(entities=(away, *near), areas=rooms, area="a")
    alone = HomeContext(entities=(away,), areas=rooms, area="a")
    said = [refer(crowded, ("fan",), rng) for _ in range(400)]
    assert not any(
        s and s.text.casefold() in ("the fan", "fan") and s.target == Target(("fan.away",)) for s in said
    )
    meant = {
        s.target for _ in range(200) if (s := refer(alone, ("fan",), rng)) and s.text.casefold() == "the fan"
    }
    assert meant == {Target(("fan.away",))}


def test_a_timers_name_is_only_left_out_before_the_word_timer() -> None:
    rng = random.Random(8)
    home = random_home(rng, "train")
    texts = [drawn.text for _ in range(1500) if (drawn := draw_timer(home, "train", rng)) is not None]
    assert not [text for text in texts if re.search(r"\bthe (is|are|isn't|takes|has|goes) ", text)]


def test_linking_is_the_same_for_training_and_serving() -> None:
    _, home, turn = next(draws(1, "train"))
    labelled = label(home, turn)
    assert labelled is not None
    assert labelled[0] == link(home, turn.text, turn.history)


def test_intervals_are_wilsons() -> None:
    low, high = interval(90, 100)
    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert interval(0, 0) == (0.0, 1.0)
