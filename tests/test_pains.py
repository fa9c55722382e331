"""What users of other home assistants suffer from, shown not to happen here; docs/serving.md has the table.

Each class is one complaint; its tests go through the engine, the text around it, or the built-in model, over
models of known behaviour. Speed is counted in tokens read, because a clock would measure the machine.
"""

import json

import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.engine.tasks import Counts
from picoqwen_core.errors import ContextLengthExceeded
from picoqwen_core.grammar.answers import AnswerConstraints
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.messages import ChatRequest, Message, SamplingParams, ToolSpec
from picoqwen_core.tokenizer import Tokenizer
from tests.engine.counting import CountingModel
from tests.engine.test_loaded import CALL, answer, joined, loaded
from tests.engine.test_truncation import ask as ask_long
from tests.grammar.conftest import follow
from tests.home.house import home
from tests.vocabulary import tiny_metadata

GREEDY = SamplingParams(temperature=0)
TOOLS, STATES = list(range(20)), list(range(20, 32))
ON = ToolSpec(
    "HassTurnOn",
    parameters={
        "type": "object",
        "properties": {key: {"type": "string"} for key in ("name", "area", "floor")},
    },
)
UNBOUND = ToolSpec("light_on", parameters={"properties": {"name": {"enum": ["lamp"]}}, "required": ["name"]})


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


@pytest.fixture
def engine(model) -> Engine:
    return Engine(model, context_length=60, prefill_chunk=16, guesser=None)


def read(engine, model, prompt) -> int:
    """How many tokens an answer's prompt costs."""
    before = sum(map(len, model.reads))
    next(engine.generate(prompt, GREEDY, max_tokens=1, stop_ids=frozenset()))
    return sum(map(len, model.reads)) - before


class TestPain1PrefillDominatesLatency:
    """Tools are three quarters of a prompt, and peers read them again for each sentence."""

    def test_of_a_primed_home_only_the_sentence_is_read(self, engine, model):
        engine.prime([*TOOLS, *STATES])
        assert read(engine, model, [*TOOLS, *STATES, 40, 41, 42]) == 3

    def test_priming_itself_never_makes_a_request_wait_for_all_of_it(self, engine, model):
        engine.prime(TOOLS, cancelled=lambda: sum(map(len, model.reads)) > 0)
        # What was read before it gave way counts.
        assert read(engine, model, TOOLS) < len(TOOLS)


class TestPain2AnyChangeBreaksTheCache:
    """One new state, another speaker or a restart, and peers begin at the first token."""

    def test_a_new_state_leaves_what_stands_before_it(self, engine, model):
        read(engine, model, [*TOOLS, *STATES, 40])
        changed = [*STATES[:8], 45, *STATES[9:]]
        # From the changed state on, and not one token before it.
        assert read(engine, model, [*TOOLS, *changed, 40]) == len(STATES) - 8 + 1
        # The old state is not forgotten for the new one.
        assert read(engine, model, [*TOOLS, *STATES, 41]) == 1

    def test_other_conversations_may_come_between(self, engine, model):
        for speaker in (40, 41, 42):
            read(engine, model, [*TOOLS, *STATES, speaker])
        assert read(engine, model, [*TOOLS, *STATES, 40, 43]) == 1

    def test_the_hit_is_told_with_every_answer(self, engine):
        engine.prime([*TOOLS, *STATES])
        counts = Counts()
        prompt = [*TOOLS, *STATES, 40]
        list(engine.generate(prompt, GREEDY, max_tokens=1, stop_ids=frozenset(), counts=counts))
        assert counts.cached_tokens == len(TOOLS) + len(STATES)


class TestPain4ContextOverflowIsSilent:
    """Peers drop the beginning, which holds the tools, or answer nonsense; nobody is told."""

    def test_old_turns_go_whole_and_the_answer_says_so(self):
        deltas = ask_long(10)
        assert deltas[0].truncated is not None
        assert deltas[-1].usage.truncated == deltas[0].truncated
        assert joined(deltas)[1] == "Fine."

    def test_the_system_prompt_and_the_last_question_are_always_read(self):
        prompts = []

        class Watched:
            def chat_prompt(self, request, messages):
                prompts.append(list(messages))
                return "".join(each.content for each in messages)

        model = loaded("Fine.")
        model._template = Watched()
        turns = [Message("user", "old " * 900), Message("assistant", "yes")] * 6
        messages = (Message("system", "TOOLS"), *turns, Message("user", "now?"))
        list(model.chat(ChatRequest(messages, sampling=GREEDY), lambda: False))
        assert prompts[-1][0].content == "TOOLS"
        assert prompts[-1][-1].content == "now?"
        assert len(prompts[-1]) < len(messages)

    def test_what_cannot_fit_is_an_error_with_both_numbers(self):
        request = ChatRequest((Message("user", "far too much " * 900),), sampling=GREEDY)
        with pytest.raises(ContextLengthExceeded, match=r"\d{4,} tokens, but the context holds 2048"):
            list(loaded("Fine.").chat(request, lambda: False))


class TestPain5SaysDoneDoesNothingOrPrintsTheCall:
    """A call's JSON is read aloud, or success is claimed before anything was done."""

    @pytest.fixture
    def fits(self):
        tokenizer = Tokenizer.from_metadata(tiny_metadata())
        answers = AnswerConstraints(tokenizer)

        def check(text: str) -> bool:
            request = ChatRequest((Message("user", "x"),), tools=(UNBOUND,))
            return follow(answers.of_chat(request, thought_open=False), tokenizer, text)

        return check

    def test_nothing_can_be_claimed_behind_a_call_before_its_result(self, fits):
        call = '<tool_call>\n{"name": "light_on", "arguments": {"name": "lamp"}}\n</tool_call>'
        assert fits(call)
        assert not fits(call + "\nDone, the lamp is on.")

    @pytest.mark.parametrize("most", range(1, 60, 4))
    def test_a_call_cut_by_the_length_is_neither_made_nor_spoken(self, most):
        deltas = answer(loaded(CALL + "\n" * 60), tools=(UNBOUND,), tool_choice="required", max_tokens=most)
        assert joined(deltas) == ("", "")
        assert all(each.tool_call is None or each.tool_call.arguments == {"name": "lamp"} for each in deltas)

    @pytest.mark.parametrize("stop", ["}", '"name"', "\n"])
    def test_a_call_cut_by_a_stop_string_cannot_be(self, stop):
        options = {"tool_choice": "required", "parallel_tool_calls": False}
        deltas = answer(loaded(CALL), tools=(UNBOUND,), stop=(stop,), **options)
        assert [each.tool_call.arguments for each in deltas if each.tool_call] == [{"name": "lamp"}]
        assert joined(deltas) == ("", "")

    def test_the_built_in_model_speaks_of_success_only_after_the_result(self):
        request = ChatRequest((Message("user", "turn on the kitchen lamp"),), tools=(ON,), home=home())
        deltas = list(HomeResponder(lambda _prompt: ("<on><1>", 1.0)).respond(request))
        assert any(each.tool_call for each in deltas)
        assert "".join(each.content for each in deltas) == ""


class TestPain6InventedNames:
    """Lamps, rooms and services that the home does not have."""

    @pytest.fixture
    def takes(self):
        tokenizer = Tokenizer.from_metadata(tiny_metadata())

        def check(arguments: dict, tool: str = "HassTurnOn") -> bool:
            request = ChatRequest((Message("user", "x"),), tools=(ON,), home=home())
            constraint = AnswerConstraints(tokenizer).of_chat(request, thought_open=False)
            body = json.dumps({"name": tool, "arguments": arguments}, ensure_ascii=False)
            return follow(constraint, tokenizer, f"<tool_call>\n{body}\n</tool_call>")

        return check

    def test_every_name_of_the_home_can_be_said_and_no_other(self, takes):
        house = home()
        assert all(takes({"name": each.name}) for each in house.entities[:20])
        assert all(takes({"area": each.name}) for each in house.areas)
        for wrong in ("Disco Ball", house.entities[0].id, house.entities[0].name + " 2", ""):
            assert not takes({"name": wrong})
            assert not takes({"area": wrong})
            assert not takes({"floor": wrong})

    def test_neither_a_tool_nor_an_argument_can_be_invented(self, takes):
        name = home().entities[0].name
        assert not takes({"name": name}, tool="light.turn_on_all")
        assert not takes({"name": name, "service": "explode"})


class TestPain13ThinkingSpokenAloudAndLongSilence:
    """Thoughts in the loudspeaker, and a minute of silence before the first word."""

    THOUGHT = "The user wants light. I say <tool_call> maybe."

    @pytest.mark.parametrize("opened", [False, True])
    def test_no_word_of_a_thought_is_in_what_is_said(self, opened):
        template = "<|im_start|>assistant\n" + ("<think>\n" if opened else "")
        script = ("" if opened else "<think>\n") + self.THOUGHT + "\n</think>\n\nYes."
        assert joined(answer(loaded(script, template=template))) == (self.THOUGHT, "Yes.")

    def test_a_thought_without_an_end_is_never_said(self):
        deltas = answer(loaded("<think>\n" + "x" * 300), max_tokens=50)
        assert joined(deltas)[1] == ""
        assert deltas[-1].finish_reason == "length"

    def test_a_budget_ends_the_silence(self):
        deltas = answer(loaded("<think>\n" + "x" * 300), thinking_budget=10, max_tokens=60)
        assert len(joined(deltas)[0]) <= 10
        assert joined(deltas)[1]

    def test_words_come_one_by_one_and_not_all_at_the_end(self):
        deltas = answer(loaded("It is on now."))
        assert len([each for each in deltas if each.content]) > 3
