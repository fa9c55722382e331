"""Several tasks at once over the toy model: who goes first, what they share, what they may hold."""

import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.engine.tasks import Generation, Priority, Task
from picoqwen_core.messages import SamplingParams
from picoqwen_core.sampling import Sampler
from tests.engine.counting import CountingModel

GREEDY = SamplingParams(temperature=0)


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


def make(model, **options) -> Engine:
    return Engine(model, **{"context_length": 40, "prefill_chunk": 4, "guesser": None} | options)


def begin(engine, prompt, max_tokens=3, **options):
    """An answer that has its first token, and so its prompt read."""
    stream = engine.generate(prompt, GREEDY, max_tokens=max_tokens, stop_ids=frozenset(), **options)
    return next(stream), stream


def test_answers_share_passes_and_are_what_they_are_alone(model):
    engine = make(model)
    first, one = begin(engine, [0, 5], 5)
    second, two = begin(engine, [1, 20], 5)
    assert [first, *one] == [6, 7, 8, 9, 10]
    assert [second, *two] == [22, 24, 26, 28, 30]
    # The first had two tokens ahead when the second came; after that both are read together.
    assert [[9], [24]] in model.passes or [[7], [22]] in model.passes


def test_a_running_answer_gets_a_token_between_two_pieces_of_a_prompt(model):
    engine = make(model)
    _, running = begin(engine, [0, 5], 20)
    start = len(model.passes)
    begin(engine, [0, *range(10, 22)], 2)
    assert [len(each[0]) for each in model.passes[start:]][:6] == [1, 4, 1, 4, 1, 4]
    running.close()


def test_no_more_tasks_run_than_may_and_the_next_begins_when_one_ends(model):
    engine = make(model, sequences=1)
    _, running = begin(engine, [0, 5], 6)
    waiting = engine.generate([1, 20], GREEDY, max_tokens=2, stop_ids=frozenset())
    assert next(waiting) == 22
    assert list(running) == [7, 8, 9, 10, 11]


def test_the_most_urgent_prompt_is_read_first_and_background_last(model):
    engine = make(model, sequences=4)
    # Handed over together: a generator would begin when it is asked for its first token.
    tasks = [_submitted(engine, [start, 1], priority) for priority, start in
             ((Priority.BACKGROUND, 30), (Priority.CHAT, 20), (Priority.VOICE, 10))]  # fmt: skip
    while any(task.reason is None for task in tasks):
        engine.step()
    assert [ids[0] for ids in model.reads] == [10, 20, 30]


def _submitted(engine, prompt, priority):
    task = Task(prompt, priority=priority)
    engine.scheduler.add(task)
    return task


def test_priming_gives_way_to_a_request_at_once_and_goes_on_from_where_it_was(model):
    engine = make(model)
    prime = _submitted(engine, [3, *range(30)], Priority.BACKGROUND)
    engine.step()
    engine.step()
    request = _submitted(engine, [9, *range(12)], Priority.CHAT)
    while request.reason is None:
        engine.step()
    assert prime.reason is None
    assert [ids[0] for ids in model.reads[:3]] == [3, 3, 9]
    while prime.reason is None:
        engine.step()
    assert sum(map(len, model.reads)) == 31 + 13


def test_an_answer_in_the_background_goes_on_beside_a_request(model):
    engine = make(model)
    first, running = begin(engine, [0, 5], 6, priority=Priority.BACKGROUND)
    _, request = begin(engine, [1, 20], 3)
    assert [first, *running] == [6, 7, 8, 9, 10, 11]
    assert list(request) == [24, 26]


def test_a_prompt_in_the_background_is_read_once_though_it_gave_way_twice(model):
    engine = make(model)
    prime = _submitted(engine, [3, *range(30)], Priority.BACKGROUND)
    for start in (8, 9):
        engine.step()
        request = _submitted(engine, [start, 1], Priority.CHAT)
        while request.reason is None:
            engine.step()
    while prime.reason is None:
        engine.step()
    assert sum(map(len, model.reads)) == 31 + 2 + 2


def test_a_primed_prompt_is_found_by_the_request(model):
    engine = make(model)
    assert engine.prime([0, *range(5, 17)]) == ("stop", 0)
    model.passes.clear()
    token, _ = begin(engine, [0, *range(5, 17), 30, 31])
    assert token == 32
    assert model.reads == [[30, 31]]
    assert engine.prime([0, *range(5, 17)]) == ("stop", 12)


def test_conversations_keep_their_prefixes_side_by_side(model):
    engine = make(model)
    for start in (0, 1, 2):
        list(begin(engine, [start, *range(10)])[1])
    model.passes.clear()
    for start in (0, 1, 2):
        list(begin(engine, [start, *range(10), 40], 1)[1])
    assert model.reads == [[40]] * 3


def test_a_request_at_the_same_time_finds_the_prompt_that_another_is_answered_to(model):
    engine = make(model)
    _, running = begin(engine, [0, *range(8)], 20)
    model.passes.clear()
    begin(engine, [0, *range(8), 40], 2)
    assert [7, 40] in model.reads
    running.close()


def test_what_was_not_used_for_longest_is_forgotten_when_memory_is_full(model):
    engine = make(model, context_length=24, blocks=8)
    for start in range(6):
        list(begin(engine, [start, *range(11)], 1)[1])
        assert engine.scheduler.cache.count <= 8
    model.passes.clear()
    list(begin(engine, [5, *range(11)], 1)[1])
    list(begin(engine, [0, *range(11)], 1)[1])
    assert sum(map(len, model.reads)) == 1 + 12


def test_a_task_waits_while_its_memory_is_not_there(model):
    engine = make(model, context_length=24, blocks=6)
    _, running = begin(engine, [0, 5], 16)
    later = _submitted(engine, [1, *range(20)], Priority.CHAT)
    engine.step()
    assert later.cache is None
    assert list(running)[-1] == 21
    while later.reason is None:
        engine.step()


def test_with_a_seed_only_what_was_read_as_a_prompt_is_reused(model):
    model.exact_prompt_tokens = 3
    engine = make(model, prefill_chunk=8)
    answer = [*begin(engine, [0, *range(8)], 8)[1]]
    prompt = [0, *range(8), 8, *answer, 30, 31, 32]
    model.passes.clear()
    stream = engine.generate(prompt, SamplingParams(seed=1), max_tokens=1, stop_ids=frozenset())
    list(stream)
    # Whole and partial blocks of the first prompt, but nothing of the answer.
    assert sum(map(len, model.reads)) == len(prompt) - 9
    assert min(map(len, model.reads)) >= 3


def test_a_failed_pass_fails_its_tasks_and_no_others(model):
    engine = make(model)
    _, running = begin(engine, [0, 5], 30)
    model.fail = True
    with pytest.raises(RuntimeError):
        list(running)
    model.fail = False
    assert [begin(engine, [0, 5])[0]] == [6]


def test_leaving_one_answer_ends_only_that_one(model):
    engine = make(model)
    _, one = begin(engine, [0, 5], 9)
    _, two = begin(engine, [1, 20], 4)
    one.close()
    assert list(two) == [24, 26, 28]
    assert engine.scheduler.tasks == []


def test_no_running_answer_waits_for_more_than_two_pieces_of_the_prompts_of_others(model):
    """Counted in passes: four places, long prompts of any urgency, and a request that primes."""
    engine = make(model, context_length=120, prefill_chunk=4, sequences=4)
    first, running = begin(engine, [0, 5], 60)
    urgencies = {7: Priority.VOICE, 8: Priority.CHAT, 9: Priority.VOICE, 11: Priority.BACKGROUND}
    tasks = [_submitted(engine, [number, *range(40)], each) for number, each in urgencies.items()]
    start = len(model.passes)
    answer = [first, *running]
    assert answer == list(range(6, 50)) + list(range(16))
    # Each pass for the answer holds one token of it; whatever stands between two of them made it wait.
    waits, since = [], 0
    for each in model.passes[start:]:
        mine = any(len(ids) == 1 and ids[0] in answer for ids in each)
        waits, since = ([*waits, since], 0) if mine else (waits, since + 1)
    assert max(waits) <= 2
    while any(task.reason is None for task in tasks):
        engine.step()


class WatchedModel(CountingModel):
    """Tells how many tokens had been handed over before a pass, and once it computed."""

    def __init__(self) -> None:
        super().__init__()
        self.task = None
        self.seen = []

    def read(self, parts, begun):
        before = self.task.output.qsize()
        rows = super().read(parts, begun)
        self.seen.append((before, self.task.output.qsize()))
        return rows


def test_tokens_are_handed_over_once_the_next_pass_computes_and_the_last_at_once():
    model = WatchedModel()
    engine = make(model)
    model.task = Generation(
        [0, 5],
        Sampler(GREEDY),
        limit=3,
        stop_ids=frozenset(),
        constraint=None,
        guesser=None,
        priority=Priority.CHAT,
        exact=False,
        cancelled=lambda: False,
    )
    engine.scheduler.add(model.task)
    while model.task.reason is None:
        engine.step()

    assert model.seen == [(0, 1), (1, 2)]
    assert [model.task.output.get_nowait() for _ in range(4)] == [6, 7, 8, None]
