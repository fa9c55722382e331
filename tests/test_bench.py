"""Measuring a model's speed, as a library and as a command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.oversubscribed import fair_slowdown
from picoqwen_core.bench import bytes_per_token, decode_speed, measure_speed, prefill_speed, random_ids
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.model.qwen3 import Qwen3
from tests.factories import write_tiny_gguf
from tests.repository import ROOT

pytestmark = pytest.mark.timeout(660)
KERNEL_CACHE = ROOT / ".cache" / "numba"
SIZES = {"vocab_size": 320, "hidden_size": 64}


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "picoqwen_core", "bench", *map(str, arguments)]
    # The first one compiles kernels, which a machine that is busy with other things does in minutes.
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "tiny.gguf", **SIZES)


def test_a_model_reads_and_writes_what_it_is_told(tiny: Path):
    model = Qwen3.from_checkpoint(open_gguf(tiny), threads=1)
    cache, ids = model.new_cache(100), random_ids(model, 50)
    assert prefill_speed(model, cache, ids, 20) > 0
    assert cache.length == 50
    assert decode_speed(model, cache, ids[:5], 10) > 0
    assert cache.length == 15


def test_speed_is_told_step_by_step(tiny: Path):
    model, told = Qwen3.from_checkpoint(open_gguf(tiny), threads=1), []
    speed = measure_speed(model, 30, 4, 16, told.append)
    assert min(speed.prefill, speed.decode, speed.decode_after_prompt) > 0
    assert told[1:] == ["reading 30 tokens", "writing 4 tokens behind them", "writing 4 tokens at the start"]


def test_an_embedding_that_is_no_head_is_not_read_for_a_token(tmp_path: Path):
    tied = open_gguf(write_tiny_gguf(tmp_path / "tied.gguf", **SIZES))
    untied = open_gguf(write_tiny_gguf(tmp_path / "untied.gguf", tied=False, **SIZES))
    assert bytes_per_token(tied) == bytes_per_token(untied)
    assert len(untied.tensors) == len(tied.tensors) + 1


def test_the_command_prints_figures_that_fit_together(tiny: Path):
    done = bench(tiny, "--prompt", 40, "--tokens", 4, "--threads", 1, "--json", "--cache-dir", KERNEL_CACHE)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["model"], figures["threads"], figures["prompt_tokens"]) == ("tiny.gguf", 1, 40)
    assert figures["prefill_tokens_s"] > 0
    assert figures["decode_tokens_s"] > 0
    assert figures["bytes_per_token"] == bytes_per_token(open_gguf(tiny))
    # So small a model lies in the processor's caches, where their sizes are known.
    if figures["decode_limit_tokens_s"] is not None:
        share = figures["decode_tokens_s"] / figures["decode_limit_tokens_s"]
        assert figures["decode_share"] == pytest.approx(share, rel=0.01, abs=1e-6)


def test_the_command_prints_a_table(tiny: Path):
    done = bench(tiny, "--prompt", 40, "--tokens", 4, "--kv-cache", "f16", "--cache-dir", KERNEL_CACHE)
    assert done.returncode == 0, done.stderr
    assert "KV cache f16" in done.stdout
    assert "reading 40 tokens" in done.stdout
    assert done.stdout.count("writing") == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--prompt", 0), "--prompt is 0; allowed: 1 to 100000"),
        (("--threads", -1), "--threads is -1; allowed: 1 to 1024"),
        (("--prompt", 3000), "are 3064 together; the model's context holds 2048"),
    ],
)
def test_the_command_says_what_is_wrong(tiny: Path, flags, told):
    done = bench(tiny, *flags, "--cache-dir", KERNEL_CACHE)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_model_is_told(tmp_path: Path):
    (tmp_path / "m.gguf").write_text("nothing")
    done = bench(tmp_path / "m.gguf")
    assert done.returncode == 1
    assert done.stderr.startswith("picoqwen: ")


@pytest.mark.parametrize(
    ("threads", "cores", "busy", "nice", "slower"),
    [
        (2, 2, 0, 0, 1.0),
        (2, 2, 1, 0, 1.5),
        (2, 2, 2, 0, 2.0),
        (1, 2, 1, 0, 1.0),
        (2, 2, 2, 5, 4.06),
        (4, 2, 2, 0, 1.5),
    ],
)
def test_the_fair_share_follows_the_weights(threads, cores, busy, nice, slower):
    assert fair_slowdown(threads, cores, busy, nice) == pytest.approx(slower, abs=0.01)
