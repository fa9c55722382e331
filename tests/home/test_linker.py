"""Linking requests to the entities, rooms, floors and numbers of a home."""

import random
from dataclasses import replace

from picoqwen_core.home.history import History
from picoqwen_core.home.linked import Link, Linked, LinkKind
from picoqwen_core.home.linker import MAX_CANDIDATES, link
from picoqwen_core.home.render import render_prompt
from tests.home.house import entity, home


def links(linked: Linked, kind: LinkKind) -> list[list[str]]:
    """Entity ids of each link of a kind, in the order said."""
    return [
        [linked.candidates[ref].entity.id for ref in piece.refs]
        for piece in linked.pieces
        if isinstance(piece, Link) and piece.kind is kind
    ]


def test_a_whole_name_is_linked_and_leaves_the_prompt() -> None:
    linked = link(home(), "Turn off the Kitchen lamp")
    assert links(linked, LinkKind.FULL) == [["light.kitchen"]]
    assert render_prompt(linked).startswith("<home><here> turn off the<full><1><cands><1><d:light><full>")


def test_an_alias_is_as_good_as_the_name() -> None:
    assert links(link(home(), "lock the garden door"), LinkKind.FULL) == [["lock.back"]]


def test_room_and_short_name_make_the_whole_name() -> None:
    assert links(link(home(), "turn on the bedroom fan"), LinkKind.FULL) == [["fan.bedroom"]]


def test_a_shared_word_links_every_entity_that_has_it() -> None:
    linked = link(home(None), "turn on the bedside lamp")
    assert links(linked, LinkKind.PART) == [["light.left", "light.right"]]


def test_the_most_telling_words_win() -> None:
    assert links(link(home(None), "the left lamp please"), LinkKind.PART) == [["light.left"]]


def test_equal_names_are_told_apart_by_the_room_said() -> None:
    assert links(link(home(), "open the blinds in the bedroom"), LinkKind.FULL) == [["cover.bedroom"]]


def test_equal_names_are_told_apart_by_the_room_of_the_speaker() -> None:
    assert links(link(home("living"), "open the blinds"), LinkKind.FULL) == [["cover.living"]]


def test_a_bare_plural_is_a_group_and_not_a_name() -> None:
    linked = link(home(), "dim the lights in the lounge")
    assert links(linked, LinkKind.PART) == []
    assert linked.areas == ("living",)


def test_rooms_are_known_by_alias_synonym_and_without_the_space() -> None:
    for said in ("the den", "the lounge", "the livingroom"):
        assert link(home(), f"lights off in {said}").areas == ("living",)


def test_floors_are_known_by_name_and_by_direction() -> None:
    for said in ("upstairs", "on the first floor"):
        assert link(home(), f"everything off {said}").floors == ("upper",)


def test_numbers_are_linked_in_the_order_said() -> None:
    linked = link(home(), "kitchen lamp to fifty percent and the timer to 5 minutes")
    assert linked.numbers == (50.0, 300.0)


def test_a_number_that_belongs_to_a_name_is_not_a_value() -> None:
    linked = link(home(), "ceiling light three off")
    assert links(linked, LinkKind.FULL) == [["light.ceiling_3"]]
    assert linked.numbers == ()


def test_the_turn_before_is_part_of_the_prompt() -> None:
    linked = link(home(), "and the left one too", History("turn on the kitchen lamp", ("light.kitchen",)))
    prompt = render_prompt(linked)
    assert "<turn> and the desk<part><2> one too" in prompt
    assert "<d:light><full><prev>" in prompt


def test_a_large_home_stays_within_the_candidate_limit() -> None:
    crowd = [entity(f"light.n{i}", f"Lamp {i}", "living") for i in range(1000)]
    linked = link(home("living", *crowd), "turn on lamp 7 and the lamps in the kitchen")
    assert len(linked.candidates) <= MAX_CANDIDATES
    assert linked.candidate_index("light.n7") == 0


def test_what_goes_on_a_list_is_free_text() -> None:
    house = home("living", entity("switch.coffee", "Coffee machine", "kitchen"))
    assert links(link(house, "add coffee beans to the shopping list"), LinkKind.PART) == []
    assert links(link(house, "turn on the coffee maker"), LinkKind.PART) == [["switch.coffee"]]


def test_a_crowd_of_previous_entities_is_forgotten() -> None:
    crowd = tuple(f"light.n{i}" for i in range(7))
    house = home("living", *(entity(id_, f"Spot {id_[7:]}", "living") for id_ in crowd))
    linked = link(house, "is the back door locked", History("all lights off", crowd))
    assert not any(candidate.previous for candidate in linked.candidates)


def test_kinds_that_were_never_taught_look_like_those_that_were() -> None:
    more = (
        entity("switch.tea", "Tea Kettle", device_class="outlet"),
        entity("siren.s", "Mist Maker"),
    )
    assert "<1><d:switch><full><go>" in render_prompt(link(home(None, *more), "tea kettle on"))
    assert "<1><d:switch><full><go>" in render_prompt(link(home(None, *more), "mist maker on"))


def test_any_text_can_be_linked() -> None:
    rng = random.Random(7)
    words = "the kitchen lamp 5 % <1> blinds and ’ to — half an hour é 日本 one point 3".split(" ")
    for _ in range(500):
        text = " ".join(rng.choices(words, k=rng.randrange(12)))
        linked = link(home(), text, History(text, ("light.gone",)))
        assert render_prompt(linked).endswith("<go>")


def test_a_word_before_a_short_name_points_at_the_longer_name() -> None:
    long = entity("cover.study", "Study Aquarium Shutter", "living", device_class="shutter")
    short = entity("cover.plain", "Shutter", "bedroom", device_class="shutter")
    linked = link(home(None, long, short), "close the aquarium shutter")
    assert [c.entity.id for c in linked.candidates if c.part] == ["cover.study"]
    assert [c.entity.id for c in link(home(None, long, short), "close the shutter").candidates if c.full] == [
        "cover.plain"
    ]


def test_the_other_one_is_a_candidate() -> None:
    linked = link(home(None), "and the other one", History("turn on the left bedside lamp", ("light.left",)))
    assert "light.right" in [c.entity.id for c in linked.candidates]


def test_a_verb_is_no_device_though_one_is_called_so() -> None:
    switch = entity("switch.plain", "Switch", "kitchen")
    house = replace(home(), entities=(*home().entities, switch))
    assert not [p for p in link(house, "switch those on").pieces if isinstance(p, Link)]
    assert [p for p in link(house, "turn the switch on").pieces if isinstance(p, Link)]
