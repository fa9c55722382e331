"""AI tasks: texts, data of a structure, weighed questions, and what they cannot do."""

import json
from typing import Any

import pytest
from aiohttp import web
from allowed import allow
from conftest import LAMP, connect
from fake_server import DONE, LARGE, PICO, FakeServer, call, event, finish, words
from homeassistant.components.ai_task import AITaskEntityFeature, async_generate_data
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from test_witness import Stumbling

from picoqwen_core.server.schemas import score_request

TASK = "ai_task.pico_qwen_ai_task"
needs_evaluation = pytest.mark.skipif(
    not hasattr(AITaskEntityFeature, "EVALUATE"), reason="Home Assistant has weighed questions since 2026.11"
)
STRUCTURE = {
    "room": {"description": "Where it is", "required": True, "selector": {"text": {}}},
    "count": {"selector": {"number": {"min": 0, "max": 9, "step": 1}}},
}


@pytest.fixture
async def entry(hass: HomeAssistant, server: FakeServer) -> ConfigEntry:
    """A server with a model that writes texts."""
    server.models_body = {"data": [PICO, LARGE]}
    result = await connect(hass, server.url)
    await hass.async_block_till_done()
    return result["result"]


async def generate(hass: HomeAssistant, **data: Any) -> Any:
    data = {"task_name": "test", "entity_id": TASK, "instructions": "Where is the cat?", **data}
    answer = await hass.services.async_call(
        "ai_task", "generate_data", data, blocking=True, return_response=True
    )
    return answer["data"]


async def evaluate(hass: HomeAssistant, **questions: Any) -> Any:
    data = {"task_name": "test", "entity_id": TASK, "state": {"cat": "sofa"}, "questions": questions}
    answer = await hass.services.async_call("ai_task", "evaluate", data, blocking=True, return_response=True)
    return answer["answers"]


async def test_a_text_is_written_by_the_first_model_that_can(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [words("On the ", "sofa.")]
    assert await generate(hass) == "On the sofa."
    (chat,) = server.chats
    assert (chat["model"], chat["messages"][-1]["content"]) == ("qwen3-4b", "Where is the cat?")
    assert "home" not in chat
    assert "response_format" not in chat


async def test_a_structure_becomes_a_schema_that_the_answer_has_to_keep(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [words('{"room": "kitchen", ', '"count": 2}')]
    assert await generate(hass, structure=STRUCTURE) == {"room": "kitchen", "count": 2}
    asked = server.chats[0]["response_format"]
    assert asked["type"] == "json_schema"
    schema = asked["json_schema"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["room"], False)
    assert schema["properties"]["room"]["description"] == "Where it is"
    assert server.chats[0]["enable_thinking"] is False


async def give(hass: HomeAssistant, entry: ConfigEntry, **options: Any) -> None:
    """Change the options of the AI task, by its form."""
    task = next(each for each in entry.subentries.values() if each.subentry_type == "ai_task_data")
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "ai_task_data"),
        context={"source": "reconfigure", "subentry_id": task.subentry_id},
    )
    done = await hass.config_entries.subentries.async_configure(form["flow_id"], options)
    assert done["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()


async def test_an_ai_task_has_instructions_and_tools_of_its_own(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    await give(hass, entry, prompt="You are a {{ 'cat' }}.", llm_hass_api=["assist"])
    turn_on = call("intent__HassTurnOn", '{"name": "Kitchen lamp"}')
    server.answers = [[turn_on, DONE], words('{"room": "kitchen"}')]
    assert await generate(hass, structure=STRUCTURE) == {"room": "kitchen"}
    assert hass.states.get(LAMP).state == "on"
    first, second = server.chats
    assert "You are a cat." in first["messages"][0]["content"]
    assert [each["role"] for each in first["messages"]] == ["system", "user"]
    assert "light__HassLightSet" in {tool["function"]["name"] for tool in first["tools"]}
    assert (second["messages"][-1]["role"], second["response_format"]) == ("tool", first["response_format"])


class Faulty(llm.API):
    """A set of tools of others: one, with a fault."""

    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        return llm.APIInstance(self, "", llm_context, [Stumbling()])


async def test_the_tools_that_a_task_brings_are_looked_after_too(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [[call("other__do_it", "{}"), DONE], words("It did not work.")]
    brought = Faulty(hass=hass, id="faulty", name="Faulty")
    await async_generate_data(hass, task_name="it", entity_id=TASK, instructions="Do it.", llm_api=brought)
    told = json.loads(server.chats[1]["messages"][-1]["content"])
    assert told == {"data": {"error": "ZeroDivisionError: division by zero"}, "error": True}


async def test_a_task_opens_no_door_where_a_yes_is_needed(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, house: list[Any]
) -> None:
    api_id = await allow(hass, entry, ["lock.unlock"])
    await give(hass, entry, llm_hass_api=[api_id])
    server.answers = [[call("lock__unlock", '{"target": ["Front door"]}'), DONE], words("I may not.")]
    assert await generate(hass) == "I may not."
    told = json.loads(server.chats[1]["messages"][-1]["content"])["data"]
    assert (told["done"], told["needs_confirmation"], house) == (False, True, [])


@pytest.mark.parametrize("options", [{"llm_hass_api": ["gone"]}, {"prompt": "{{ nothing.at.all }}"}])
async def test_options_of_a_task_that_cannot_work_are_told(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, options: dict[str, Any]
) -> None:
    task = next(each for each in entry.subentries.values() if each.subentry_type == "ai_task_data")
    hass.config_entries.async_update_subentry(entry, task, data=options)
    await hass.async_block_till_done()
    with pytest.raises(HomeAssistantError) as failure:
        await generate(hass)
    assert failure.value.translation_key == "task_options"
    assert server.chats == []


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (words("on the sofa"), "task_no_json"),
        (words('{"count": 1}'), "task_wrong_structure"),
        (words('{"room": "hall", "legs": 4}'), "task_wrong_structure"),
        ([event({"content": '{"room": "ki'}), finish("length"), b"data: [DONE]\n\n"], "task_cut_off"),
        (words(" "), "task_empty"),
        (web.json_response({"error": {"message": "out of memory"}}, status=503), "task_failed"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_for_fails(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, answer: Any, key: str
) -> None:
    server.answers = [answer]
    with pytest.raises(HomeAssistantError) as failure:
        await generate(hass, structure=STRUCTURE)
    assert failure.value.translation_key == key


async def test_a_refused_key_asks_for_a_new_one(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.api_key = "new"
    with pytest.raises(HomeAssistantError):
        await generate(hass)
    assert [flow["step_id"] for flow in hass.config_entries.flow.async_progress()] == ["reauth_confirm"]


async def test_attachments_are_refused(hass: HomeAssistant, server: FakeServer, entry: ConfigEntry) -> None:
    image = {"media_content_id": "media-source://x/y", "media_content_type": "image/png"}
    with pytest.raises(HomeAssistantError, match="attachments"):
        await generate(hass, attachments=[image])
    assert server.chats == []


async def test_the_built_in_model_writes_no_texts_and_says_so(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.models_body = {"data": [PICO]}
    await entry.runtime_data.async_refresh()
    with pytest.raises(HomeAssistantError) as failure:
        await generate(hass)
    assert failure.value.translation_key == "needs_larger_model"
    assert server.chats == []


def weigh(*probabilities: float) -> Any:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        weighed = [
            {"text": text, "logprob": 0.0, "probability": probability}
            for text, probability in zip(body["choices"], probabilities, strict=True)
        ]
        return {"model": body["model"], "choices": weighed, "coverage": 1.0}

    return reply


@needs_evaluation
async def test_a_yes_or_no_question_is_answered_by_the_probability_of_yes(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.replies["score"] = weigh(0.8, 0.2)
    answers = await evaluate(hass, asleep={"type": "noul", "instructions": "Is it asleep?"})
    assert answers == {"asleep": {"type": "noul", "noul": 0.8}}
    (asked,) = server.asked["score"]
    assert (asked["model"], asked["choices"]) == ("qwen3-4b", ["Yes", "No"])
    assert json.dumps({"cat": "sofa"}, separators=(",", ":")) in asked["messages"][-1]["content"]
    assert score_request(asked).choices == ("Yes", "No")


@needs_evaluation
async def test_a_choice_is_the_likeliest_with_the_distribution_over_all(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.replies["score"] = weigh(0.1, 0.7, 0.2)
    criteria = {"kitchen": "near the food", "living_room": "on furniture", "garden": "outside"}
    question = {"type": "choice", "instructions": "Where is it?", "criteria": criteria}
    answers = await evaluate(hass, where=question)
    assert answers["where"] == {
        "type": "choice",
        "choice": "living_room",
        "probabilities": {"kitchen": 0.1, "living_room": 0.7, "garden": 0.2},
    }
    assert "B) living_room: on furniture" in server.asked["score"][0]["messages"][-1]["content"]


@needs_evaluation
async def test_a_score_is_the_expected_level(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.replies["score"] = weigh(0.25, 0.25, 0.5)
    question = {"type": "score", "instructions": "How content?", "criteria": ["cross", "calm", "purring"]}
    answers = await evaluate(hass, mood=question)
    assert answers["mood"] == {"type": "score", "score": 1.25, "probabilities": [0.25, 0.25, 0.5]}


@needs_evaluation
@pytest.mark.parametrize(
    "reply",
    [None, lambda body: {}, lambda body: {"choices": [{"probability": 1}]}, lambda body: {"choices": 1}],
)
async def test_figures_that_make_no_sense_are_no_answer(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, reply: Any
) -> None:
    server.replies["score"] = reply
    with pytest.raises(HomeAssistantError) as failure:
        await evaluate(hass, asleep={"type": "noul", "instructions": "Is it asleep?"})
    assert failure.value.translation_key == "task_failed"


@needs_evaluation
async def test_more_alternatives_than_letters_cannot_be_weighed(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    levels = [f"level {number}" for number in range(53)]
    with pytest.raises(HomeAssistantError, match="at most 52 alternatives"):
        await evaluate(hass, q={"type": "score", "instructions": "How much?", "criteria": levels})


@needs_evaluation
async def test_the_built_in_model_weighs_nothing_and_says_so(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.models_body = {"data": [PICO]}
    await entry.runtime_data.async_refresh()
    with pytest.raises(HomeAssistantError) as failure:
        await evaluate(hass, q={"type": "noul", "instructions": "Is it asleep?"})
    assert failure.value.translation_key == "needs_larger_model"
    assert server.asked["score"] == []
