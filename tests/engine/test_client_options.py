"""What is asked of a worker when it is started, and that it does it; each test has its own worker."""

import os
from pathlib import Path

import psutil
import pytest

from picoqwen_core.engine.loaded import LoadedModel, Wishes
from picoqwen_core.engine.setup import keep_prefixes, make_engine
from picoqwen_core.errors import ConfigError
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.messages import GenerateRequest, SamplingParams
from picoqwen_core.model.kv_cache import KIND_BITS
from picoqwen_core.model.qwen3 import Qwen3
from tests.engine.conftest import GREEDY, collect, new_client
from tests.factories import write_tiny_gguf

ASKED = GenerateRequest("hello there", sampling=GREEDY, max_tokens=5)


def oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


async def test_a_worker_stands_back_and_answers_the_same(tiny_model):
    answers = []
    for options in ({}, {"nice": 3, "kv_cache": "f16", "cpu_target": "generic", "threads": 64}):
        client = new_client(tiny_model, **options)
        await client.start()
        try:
            worker = psutil.Process(client.worker_pid)
            assert worker.nice() == min(19, os.nice(0) + options.get("nice", 0))
            assert oom_score(worker.pid) > oom_score(os.getpid())
            answers.append(await collect(client.generate(ASKED)))
        finally:
            await client.stop()
    assert len(answers[1][0]) > 0
    assert answers[0][1].usage == answers[1][1].usage


async def test_a_processor_that_this_is_not_is_refused_with_the_reason(tiny_model):
    foreign = "raspberry_pi_5" if os.uname().machine == "x86_64" else "intel_n100"
    client = new_client(tiny_model, cpu_target=foreign)
    with pytest.raises(ConfigError, match=f"cpu_target is '{foreign}', whose kernels"):
        await client.start()
    await client.stop()


@pytest.mark.parametrize("kind", KIND_BITS)
def test_a_model_keeps_its_cache_as_wanted(tmp_path, kind):
    checkpoint = open_gguf(write_tiny_gguf(tmp_path / "m.gguf", head_dim=128))
    assert Qwen3.from_checkpoint(checkpoint, threads=1, kv_cache=kind).new_cache(64).kind == kind


@pytest.mark.parametrize("kind", KIND_BITS)
def test_what_was_read_comes_back_after_a_restart_in_every_kind_of_cache(tmp_path, kind):
    path = write_tiny_gguf(tmp_path / "m.gguf", head_dim=128, context_length=1000)
    wishes = Wishes(context_length=700, prefixes=tmp_path, file_bytes=50_000_000)
    answers, read = [], []
    for _ in range(2):
        model = Qwen3.from_checkpoint(open_gguf(path), threads=1, kv_cache=kind)
        engine = make_engine(model, None, wishes)
        saver = keep_prefixes(engine, model, wishes)
        prompt, params = [token % 90 for token in range(600)], SamplingParams(temperature=1, seed=3)
        answers.append(list(engine.generate(prompt, params, max_tokens=20, stop_ids=frozenset())))
        read.append(engine.stats.prefilled_tokens)
        saver.idle()
        saver.wait()
    assert answers[1] == answers[0]
    assert read[0] >= len(prompt)
    assert read[1] < 20


def test_a_cache_that_the_model_cannot_have_is_told(tiny_model, caplog):
    LoadedModel.load(tiny_model, "tiny", Wishes(kv_cache="int8", context_length=128, threads=1))
    assert caplog.messages == ["This model's KV cache cannot be int8; taking f16"]


def test_a_context_is_cut_to_the_memory_that_is_left(tiny_model, caplog):
    model = LoadedModel.load(tiny_model, "tiny", Wishes(context_length=4096, threads=1, memory=12_000_000))
    assert 512 <= model.engine.context_length < 4096
    assert model.info.context_length == model.engine.context_length
    assert "there is no room" in caplog.text
