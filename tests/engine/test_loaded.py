"""Text, templates, parsing and the engine together, over a model that recites a script."""

import numpy as np
import pytest

from picoqwen_core.chat import ChatTemplate
from picoqwen_core.engine.engine import Engine
from picoqwen_core.engine.loaded import HOME_MAX_TOKENS, LoadedModel
from picoqwen_core.errors import RequestError
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    GenerateRequest,
    Message,
    ModelInfo,
    SamplingParams,
    ToolSpec,
)
from picoqwen_core.tokenizer import Tokenizer
from tests.home.house import home
from tests.vocabulary import home_metadata, tiny_metadata

GREEDY = SamplingParams(temperature=0)
QUESTION = (Message("user", "Turn on the lamp"),)
METADATA = tiny_metadata()
CALL = '<tool_call>\n{"name": "HassTurnOn", "arguments": {"name": "lamp"}}\n</tool_call>'


class RecitedCache:
    def __init__(self) -> None:
        self.length = 0
        self.blocks = []

    def adopt(self, blocks, length: int) -> None:
        self.length = length

    def truncate(self, length: int) -> None:
        self.length = length


class RecitingModel:
    """After any prompt, each next token of the script is certain; it remembers the prompts."""

    block_tokens = chunk_tokens = 2048
    exact_prompt_tokens = 1

    def __init__(self, tokenizer: Tokenizer, script: str) -> None:
        self.vocab = tokenizer.vocab_size
        self.script = [*tokenizer.encode(script), max(tokenizer.stop_ids)]
        self.reads: list[list[int]] = []

    def new_cache(self, capacity: int) -> RecitedCache:
        return RecitedCache()

    def read(self, parts, begun):
        begun()
        (part,) = parts
        return self.prefill(part[0], part[1], logits=True)[None]

    def prefill(self, ids, cache: RecitedCache, *, logits: bool):
        cache.length += len(ids)
        # A prompt ends in something the script does not continue; count from there.
        self.reads.append(list(ids))
        place = len(self.reads) - 1
        logits = np.zeros(self.vocab, np.float32)
        logits[self.script[place]] = 9
        return logits


def loaded(script: str, *, template: str | None = METADATA["tokenizer.chat_template"]) -> LoadedModel:
    compiled = None if template is None else ChatTemplate(template)
    return reciting(Tokenizer.from_metadata(METADATA), script, compiled, built_in=False)


def loaded_home(script: str) -> LoadedModel:
    return reciting(Tokenizer.from_metadata(home_metadata()), script, None, built_in=True)


def reciting(tokenizer: Tokenizer, script: str, template: ChatTemplate | None, *, built_in: bool):
    info = ModelInfo("tiny", "/tiny.gguf", "qwen3", 1, 1, "F32", 2048, built_in)
    engine = Engine(RecitingModel(tokenizer, script), context_length=2048, prefill_chunk=2048, guesser=None)
    return LoadedModel(info, tokenizer, template, engine)


def answer(model: LoadedModel, **options) -> list[ChatDelta]:
    return list(model.chat(ChatRequest(QUESTION, sampling=GREEDY, **options), lambda: False))


def joined(deltas: list[ChatDelta]) -> tuple[str, str]:
    return "".join(d.reasoning for d in deltas), "".join(d.content for d in deltas)


def test_an_answer_ends_with_stop_and_the_end_token_is_not_shown():
    deltas = answer(loaded("It is on 🦙."))
    assert joined(deltas) == ("", "It is on 🦙.")
    assert deltas[-1].finish_reason == "stop"
    assert (
        deltas[-1].usage.completion_tokens
        == len(Tokenizer.from_metadata(METADATA).encode("It is on 🦙.")) + 1
    )


def test_thoughts_and_tool_calls_are_told_apart_from_the_answer():
    deltas = answer(loaded(f"<think>\nThe lamp.\n</think>\n\nOn it.\n{CALL}"))
    assert joined(deltas) == ("The lamp.", "On it.")
    (call,) = [delta.tool_call for delta in deltas if delta.tool_call]
    assert (call.name, call.arguments) == ("HassTurnOn", {"name": "lamp"})
    assert deltas[-1].finish_reason == "tool_calls"


def test_an_answer_that_was_begun_is_gone_on_with_from_its_last_letter():
    model, begun = loaded(" is on."), (*QUESTION, Message("assistant", "The lamp"))
    deltas = list(model.chat(ChatRequest(begun, sampling=GREEDY, continues=True), lambda: False))
    assert joined(deltas) == ("", " is on.")
    with pytest.raises(RequestError, match="continue_final_message"):
        list(loaded_home("x").chat(ChatRequest(begun, continues=True), lambda: False))


def test_a_template_that_opens_the_thought_makes_the_answer_start_in_it():
    deltas = answer(loaded("Hm.\n</think>\n\nYes.", template="<|im_start|>assistant\n<think>\n"))
    assert joined(deltas) == ("Hm.", "Yes.")


def test_an_answer_cut_by_max_tokens_says_length_even_after_a_call():
    deltas = answer(loaded(CALL + " and more words"), max_tokens=60)
    assert deltas[-1].finish_reason == "length"


def test_a_stop_string_ends_the_answer_and_is_not_shown():
    deltas = answer(loaded("One. Two. Three."), stop=("Two", "never"))
    assert joined(deltas) == ("", "One. ")
    assert deltas[-1].finish_reason == "stop"


def test_half_a_stop_string_at_the_end_is_shown():
    assert joined(answer(loaded("One. Tw"), stop=("Two",))) == ("", "One. Tw")


def test_a_character_cut_by_max_tokens_shows_as_replacement():
    assert joined(answer(loaded("🦙"), max_tokens=2)) == ("", "\ufffd")


def test_raw_text_shows_the_tokens_that_a_chat_hides():
    model = loaded("a<|fim_prefix|><|box_start|>b")
    deltas = list(model.generate(GenerateRequest("x", sampling=GREEDY), lambda: False))
    assert joined(deltas) == ("", "a<|fim_prefix|><|box_start|>b")
    assert deltas[-1].usage.prompt_tokens == 1


def test_a_cancelled_answer_says_so():
    seen: list[ChatDelta] = []
    request = ChatRequest(QUESTION, sampling=GREEDY)
    for delta in loaded("one two three four").chat(request, lambda: len(seen) >= 2):
        seen.append(delta)  # noqa: PERF402 - the model looks at the list meanwhile
    # Two pieces, "on" and "e", were out when it was noticed.
    assert joined(seen) == ("", "one")
    assert seen[-1].finish_reason == "cancelled"


def test_a_model_without_a_template_continues_raw_text_only():
    model = loaded("abc", template=None)
    with pytest.raises(RequestError, match="tiny has no chat template"):
        answer(model)
    assert joined(list(model.generate(GenerateRequest("x", sampling=GREEDY), lambda: False)))[1] == "abc"


TURN_ON = ToolSpec("intent__HassTurnOn", parameters={"properties": {"name": {}, "area": {}, "domain": {}}})


def ask_home(model: LoadedModel, text: str, cancelled=lambda: False) -> list[ChatDelta]:
    request = ChatRequest((Message("user", text),), tools=(TURN_ON,), home=home())
    return list(model.chat(request, cancelled))


def test_the_built_in_model_answers_with_the_callers_tools():
    *_, call, last = ask_home(loaded_home("<on><1>"), "turn on the kitchen lamp")
    assert call.tool_call.name == "intent__HassTurnOn"
    assert "Kitchen Lamp" in call.tool_call.arguments.values()
    assert last.finish_reason == "tool_calls"
    # <on>, <1> and the end; the prompt holds at least a token for each word.
    assert last.usage.completion_tokens == 3
    assert last.usage.prompt_tokens > 5


def test_the_built_in_model_speaks_when_there_is_nothing_to_do():
    deltas = ask_home(loaded_home("<cannot:impossible>"), "make me a sandwich")
    assert joined(deltas)[1]
    assert deltas[-1].finish_reason == "stop"
    assert all(delta.tool_call is None for delta in deltas)


def test_the_built_in_model_ends_an_endless_output_by_itself():
    last = ask_home(loaded_home("<1>" * 500), "turn on the kitchen lamp")[-1]
    assert last.usage.completion_tokens == HOME_MAX_TOKENS


def test_leaving_the_built_in_model_unwinds_its_work():
    model = loaded_home("<on><1>")
    (last,) = ask_home(model, "turn on the kitchen lamp", lambda: model.engine.stats.decoded_tokens > 0)
    assert last.finish_reason == "cancelled"
    assert last.usage.completion_tokens == 1


def test_the_built_in_model_continues_raw_text_too():
    deltas = list(loaded_home("<on><1>").generate(GenerateRequest("<go>", sampling=GREEDY), lambda: False))
    assert joined(deltas) == ("", "<on><1>")
