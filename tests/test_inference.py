"""picoqwen inference: a talk that remembers, qwen3-rs's flags and defaults, and how it ends."""

import asyncio
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from picoqwen_core.__main__ import make_parser
from picoqwen_core.convert.qwen3_rs import write_qwen3_rs
from picoqwen_core.convert.source import open_source
from picoqwen_core.engine.loaded import LoadedModel, Wishes
from picoqwen_core.errors import ContextLengthExceeded, RequestError
from picoqwen_core.inference import Talk
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    GenerateRequest,
    Message,
    SamplingParams,
    ToolCall,
    Truncated,
    Usage,
)
from tests.hf import SHAPE, write_hf_folder
from tests.repository import ROOT

SPEED = re.compile(r"\[Generated \d+ tokens in \d+\.\d\ds - \d+\.\d\d tokens/sec\]")
KERNEL_CACHE = ROOT / ".cache" / "numba"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in layout b, as `picoqwen export` writes it."""
    folder = tmp_path_factory.mktemp("model")
    write_hf_folder(folder / "hf", SHAPE)
    model = open_source(folder / "hf")
    write_qwen3_rs(model, folder / "tiny.bin", "b", 32, threads=1, advance=lambda values: None)
    return folder / "tiny.bin"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "picoqwen_core", "inference", *map(str, arguments)]


def run(*arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(KERNEL_CACHE)}
    result = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        check=False,
        input=typed.encode(),
        capture_output=True,
        timeout=110,
        env=environment,
    )
    # Not as text: random models write carriage returns, which would become line ends.
    outputs = (result.stdout.decode(), result.stderr.decode())
    return subprocess.CompletedProcess(result.args, result.returncode, *outputs)


def loaded(checkpoint: Path, context: int = 2048) -> LoadedModel:
    return LoadedModel.load(checkpoint, "tiny", Wishes(context_length=context, threads=1))


def text_of(deltas) -> str:
    return "".join(delta.reasoning + delta.content for delta in deltas)


def test_a_talk_carries_what_was_said_and_ends_with_an_empty_line(checkpoint: Path) -> None:
    result = run(
        checkpoint, "-s", "7", "-y", "Be brief", "--threads", "1", typed="hello\nand you?\n\nnot read\n"
    )
    model, history, expected = loaded(checkpoint), [Message("system", "Be brief")], ""
    for turn, line in enumerate(("hello", "and you?")):
        history.append(Message("user", line))
        sampling = SamplingParams(temperature=1.0, top_p=0.9, top_k=0, seed=7 + turn)
        request = ChatRequest(tuple(history), sampling=sampling, thinking=False)
        history.append(Message("assistant", text_of(model.chat(request, lambda: False))))
        expected += f"> {history[-1].content}\n"
    assert result.returncode == 0, result.stderr
    assert result.stdout == expected + "> "
    assert len(SPEED.findall(result.stderr)) == 2


def test_generate_mode_continues_the_prompt_that_it_shows(checkpoint: Path) -> None:
    result = run(checkpoint, "-m", "generate", "-i", "the in", "-t", "0", "-c", "128", "--threads", "1")
    request = GenerateRequest("the in", sampling=SamplingParams(temperature=0))
    expected = text_of(loaded(checkpoint, 128).generate(request, lambda: False))
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"the in{expected}\n"
    assert "[the context is full: the answer ends here]" in result.stderr
    assert SPEED.search(result.stderr)


def test_one_question_is_answered_and_a_seed_repeats_it(checkpoint: Path) -> None:
    first, again, other = (run(checkpoint, "-i", "hi", "-s", seed, "-c", "96") for seed in ("5", "5", "6"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout != other.stdout
    assert not first.stdout.startswith(">")


def test_the_oldest_turns_are_forgotten_when_the_context_is_full(checkpoint: Path) -> None:
    result = run(checkpoint, "-t", "0", "-c", "128", typed="hello\nhello\n")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.removeprefix("> ").removesuffix("\n> \n").split("\n> ")
    assert first == second
    assert "[the context is full: the oldest turn was forgotten]" in result.stderr


def test_on_a_terminal_the_prompt_waits_and_ctrl_d_ends_the_talk(checkpoint: Path) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(KERNEL_CACHE)}
    with subprocess.Popen(
        command(checkpoint, "-c", "96"), cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = read_until(ours, r"> ")
        os.write(ours, b"hello\n")
        shown += read_until(ours, r"tokens/sec\]\r\n> ")
        os.write(ours, b"\x04")
        shown += read_until(ours, r"$^")
        assert process.wait(60) == 0
    os.close(ours)
    assert shown.startswith("> hello\r\n")
    assert SPEED.search(shown)


def read_until(terminal: int, pattern: str) -> str:
    """What a terminal shows until the pattern stands at its end, or the other side is closed."""
    shown = b""
    while not re.search(f"(?:{pattern})\\Z", shown.decode(errors="replace")):
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    return shown.decode(errors="replace")


def test_output_that_nobody_reads_ends_the_talk_quietly(checkpoint: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(KERNEL_CACHE)}
    with subprocess.Popen(
        command(checkpoint, "-i", "hi", "-c", "96"),
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        os.close(writer)
        _, told = process.communicate(timeout=100)
    assert process.returncode == 1
    assert b"Traceback" not in told
    assert b"Exception ignored" not in told


def test_flags_and_defaults_are_those_of_qwen3_rs() -> None:
    parser = make_parser()
    plain = vars(parser.parse_args(["inference", "m.bin"]))
    assert plain | {"command": None} == {
        "command": None,
        "checkpoint": Path("m.bin"),
        "temperature": 1.0,
        "topp": 0.9,
        "seed": None,
        "context": None,
        "mode": "chat",
        "input": None,
        "system": None,
        "reasoning": 0,
        "threads": None,
    }
    short = [
        "-t",
        "0.5",
        "-p",
        "0.8",
        "-s",
        "3",
        "-c",
        "512",
        "-m",
        "generate",
        "-i",
        "a",
        "-y",
        "b",
        "-r",
        "1",
    ]
    names = ["temperature", "topp", "seed", "context", "mode", "input", "system", "reasoning"]
    long = [part for name, value in zip(names, short[1::2], strict=True) for part in (f"--{name}", value)]
    assert parser.parse_args(["inference", "m.bin", *short]) == parser.parse_args(
        ["inference", "m.bin", *long]
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "required: checkpoint"),
        (("m.bin", "-t", "warm"), 2, "invalid float value: 'warm'"),
        (("m.bin", "-t", "-1"), 1, "--temperature is -1.0; allowed: 0 or more"),
        (("m.bin", "-t", "nan"), 1, "--temperature is nan"),
        (("m.bin", "-p", "1.5"), 1, "--topp is 1.5; allowed: 0 to 1"),
        (("m.bin", "-c", "5"), 1, "--context is 5; allowed: 64 or more"),
        (("m.bin", "-m", "dream"), 1, "--mode is 'dream'; allowed: generate or chat"),
        (("m.bin", "-m", "generate"), 1, "please provide a prompt with --input"),
        (("m.bin", "-i", " "), 1, "--input is ' '; there is nothing to answer"),
        (("nowhere.bin", "-i", "hi"), 1, "nowhere.bin: no such file"),
    ],
)
def test_what_cannot_work_is_told(arguments: tuple[str, ...], code: int, told: str) -> None:
    result = run(*arguments)
    assert result.returncode == code
    assert told in result.stderr
    assert result.stdout == ""


def test_a_checkpoint_without_templates_says_so(checkpoint: Path, tmp_path: Path) -> None:
    for ending in ("", ".tokenizer"):
        shutil.copy(f"{checkpoint}{ending}", tmp_path / f"m.bin{ending}")
    result = run(tmp_path / "m.bin", "-i", "hi")
    assert result.returncode == 1
    assert "no chat template" in result.stderr


class FakeClient:
    """Plays answers; those that are errors are raised."""

    def __init__(self, *answers: list[ChatDelta] | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[ChatRequest] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        for delta in answer:
            yield delta


END = ChatDelta(finish_reason="stop", usage=Usage(10, 5))


def test_thoughts_are_shown_in_their_tags_and_not_said_again() -> None:
    thinking = [
        ChatDelta(reasoning="hm, "),
        ChatDelta(reasoning="so"),
        ChatDelta("It "),
        ChatDelta("is."),
        END,
    ]
    client = FakeClient(thinking, [ChatDelta("Yes."), END])
    written: list[str] = []
    talk = Talk(client, SamplingParams(seed=1), system=None, thinking=True)  # type: ignore[arg-type]
    turn = asyncio.run(talk.answer("is it?", written.append))
    asyncio.run(talk.answer("sure?", written.append))
    assert "".join(written) == "<think>\nhm, so\n</think>\n\nIt is.Yes."
    assert (turn.tokens, turn.reason) == (4, "stop")
    said = (Message("user", "is it?"), Message("assistant", "It is."), Message("user", "sure?"))
    assert client.requests[1].messages == said
    assert [request.sampling.seed for request in client.requests] == [1, 2]


def test_what_looks_like_a_tool_call_is_shown_as_it_was_written() -> None:
    client = FakeClient([ChatDelta(tool_call=ToolCall("1", "light", {"on": True})), END])
    written: list[str] = []
    talk = Talk(client, SamplingParams(), system=None, thinking=False)  # type: ignore[arg-type]
    asyncio.run(talk.answer("on", written.append))
    assert "".join(written) == '\n<tool_call>\n{"name": "light", "arguments": {"on": true}}\n</tool_call>'


def test_a_question_too_long_for_the_context_is_an_error_and_forgotten() -> None:
    full = ContextLengthExceeded("too long")
    client = FakeClient([ChatDelta("a"), END], full, RequestError("no"), [ChatDelta("b"), END])
    talk = Talk(client, SamplingParams(), system="s", thinking=False)  # type: ignore[arg-type]
    asyncio.run(talk.answer("1", str))
    for error in (ContextLengthExceeded, RequestError):
        with pytest.raises(error):
            asyncio.run(talk.answer("2", str))
    asyncio.run(talk.answer("3", str))
    said = (Message("user", "1"), Message("assistant", "a"), Message("user", "3"))
    assert client.requests[-1].messages == (Message("system", "s"), *said)


def test_turns_that_the_engine_left_out_are_not_sent_again() -> None:
    cut = ChatDelta(finish_reason="stop", usage=Usage(10, 5, truncated=Truncated(2, 40)))
    client = FakeClient([ChatDelta("a"), END], [ChatDelta("b"), cut], [ChatDelta("c"), END])
    talk = Talk(client, SamplingParams(), system=None, thinking=False)  # type: ignore[arg-type]
    turns = [asyncio.run(talk.answer(text, str)) for text in ("1", "2", "3")]
    assert [turn.forgotten for turn in turns] == [0, 1, 0]
    said = (Message("user", "2"), Message("assistant", "b"), Message("user", "3"))
    assert client.requests[-1].messages == said
