"""A command to a home of 60 entities whose prompt was primed: time to the tool call, beside llama-server."""

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import llama_cpp, random_models
from benchmarks.random_models import FOLDER, SMALL, VOCABULARY
from picoqwen_core.cpu import usable_cores
from picoqwen_core.folders import cache_folder
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.quants.formats import FORMATS
from tests.vocabulary import qwen3_metadata

ENTITIES, ROUNDS, CONTEXT, MOST_TOKENS = 60, 5, 6144, 200
SENTENCES = (
    "Turn on the lamp in the kitchen, please.",
    "It is too dark here, do something about the hall.",
    "Switch everything off in the office when I leave.",
    "Could you open the blinds in the bedroom?",
    "The fan in the attic is too loud.",
    "Good night, all lights in the garage off.",
)
_ROOMS = (
    "kitchen",
    "hall",
    "office",
    "bedroom",
    "attic",
    "garage",
    "bathroom",
    "living room",
    "garden",
    "cellar",
)
_THINGS = ("ceiling light", "floor lamp", "fan", "blinds", "heating", "socket")
_UNUSED_TOKEN = 5
_START_SECONDS = 300.0
_OPENER = urllib.request.build_opener()


def main(argv: list[str] | None = None) -> None:
    """Print the figures, and with --json one object on the last line."""
    parser = argparse.ArgumentParser(prog="script/bench primed", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--no-peer", action="store_true", help="without llama-server, so without its ratio")
    arguments = parser.parse_args(argv)
    found = figures(peer=not arguments.no_peer)
    print()
    for name, value in found.items():
        print(f"{name:40} {value:>10}")
    if arguments.json:
        print(json.dumps(found))


def figures(*, peer: bool = True) -> dict[str, Any]:
    """Both servers answer the same requests in turn, on the same file."""
    path = home_model()
    with tempfile.TemporaryDirectory() as folder, _peer(path, wanted=peer) as theirs:
        # With the compiled kernels that there are, but without what was read before.
        ignored = shutil.ignore_patterns("prefixes", "*.gguf")
        shutil.copytree(cache_folder(), folder, dirs_exist_ok=True, ignore=ignored)
        with served(path, folder) as url:
            start = time.perf_counter()
            primed = _post(f"{url}/api/v1/prime", _body(None))
            priming = time.perf_counter() - start
            if theirs:
                _post(f"{theirs}/completion", _peer_body(theirs, "Hello.", 0) | {"n_predict": 1})
            before, others = _turns(url, theirs)
            _until_saved(Path(folder))
        with served(path, folder) as url:
            after, _ = _turns(url, None)
    ours = statistics.median(seconds for seconds, _, _ in before)
    found: dict[str, Any] = {
        "prompt_tokens": primed["prompt_tokens"],
        "prime_s": round(priming, 2),
        "tool_call_tokens": statistics.median(tokens for _, _, tokens in before),
        "tool_call_primed_ms": round(1e3 * ours),
        "cache_hit_ratio": round(statistics.mean(share for _, share, _ in before), 4),
        "restart_ratio": round(statistics.median(seconds for seconds, _, _ in after) / ours, 3),
        "restart_first_ms": round(1e3 * after[0][0]),
        "restart_cache_hit_ratio": round(statistics.mean(share for _, share, _ in after), 4),
    }
    if others:
        median = statistics.median(seconds for seconds, _, _ in others)
        found["llama_server_ms"] = round(1e3 * median)
        found["llama_server_tokens"] = statistics.median(tokens for _, _, tokens in others)
        found["tool_call_primed_ratio_to_llama_server"] = round(ours / median, 3)
    return found


def home_model() -> Path:
    """A random-weight Qwen3-0.6B in Q8_0 with Qwen's own vocabulary and template."""
    path = FOLDER / "qwen3-0.6b-random-home-q8_0.gguf"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        own = qwen3_metadata()
        tokens, types = own["tokenizer.ggml.tokens"], own["tokenizer.ggml.token_type"]
        missing = range(len(tokens), VOCABULARY)
        own["tokenizer.ggml.tokens"] = [*tokens, *(f"[PAD{number}]" for number in missing)]
        own["tokenizer.ggml.token_type"] = [*types, *(_UNUSED_TOKEN for _ in missing)]
        metadata = random_models._metadata(SMALL) | own  # noqa: SLF001 - the same file but for its texts
        tensors = random_models._tensors(FORMATS["Q8_0"], SMALL)  # noqa: SLF001
        write_gguf(path, metadata, tensors)
    return path


def _body(sentence: str | None, seed: int = 0) -> dict[str, Any]:
    """A request as Home Assistant makes it; without a sentence, its part that is always the same."""
    names = [f"{room} {thing}" for room in _ROOMS for thing in _THINGS][:ENTITIES]
    lines = [
        f"- names: {name}\n  domain: {name.rsplit(' ', 1)[-1]}\n  areas: {name.split(' ', 1)[0]}\n"
        f"  state: {'on' if number % 3 else 'off'}\n  attributes: brightness {number}, since 2026-11-27"
        for number, name in enumerate(names)
    ]
    system = "You are a voice assistant for a home. Call a tool to act.\nAn overview of the devices:\n"
    messages = [{"role": "system", "content": system + "\n".join(lines)}]
    if sentence is not None:
        messages.append({"role": "user", "content": sentence})
    return {
        "messages": messages,
        "tools": [_tool(name, names) for name in ("HassTurnOn", "HassTurnOff", "HassToggle")],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_tokens": MOST_TOKENS,
        "temperature": 0.7,
        "seed": seed,
    }


def _tool(name: str, names: list[str]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": names}},
        "required": ["name"],
        "additionalProperties": False,
    }
    description = "Acts on a device or entity of the home by its name."
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _turns(
    ours: str, theirs: str | None
) -> tuple[list[tuple[float, float, int]], list[tuple[float, float, int]]]:
    """Seconds, share of the prompt that was known, and tokens, of each request to us and to the peer."""
    answers: tuple[list[tuple[float, float, int]], list[tuple[float, float, int]]] = ([], [])
    for seed in range(ROUNDS):
        body = _body(SENTENCES[seed % len(SENTENCES)], seed)
        answers[0].append(_call(f"{ours}/v1/chat/completions", body | {"enable_thinking": False}))
        if theirs:
            answers[1].append(_peer_call(theirs, SENTENCES[seed % len(SENTENCES)], seed))
    return answers


def _call(url: str, body: dict[str, Any]) -> tuple[float, float, int]:
    start = time.perf_counter()
    answer = _post(url, body)
    seconds = time.perf_counter() - start
    call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    assert json.loads(call["arguments"])["name"], answer
    usage = answer["usage"]
    known = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return seconds, known / usage["prompt_tokens"], usage["completion_tokens"]


def _peer_body(url: str, sentence: str, seed: int) -> dict[str, Any]:
    """The same prompt for llama-server, and a grammar for the same calls.

    Its own grammar for tools allows blanks, of which random weights write hundreds.
    """
    body = _body(sentence)
    asked = {"messages": body["messages"], "tools": body["tools"]}
    template = _post(f"{url}/apply-template", asked | {"chat_template_kwargs": {"enable_thinking": False}})
    tools = [tool["function"]["name"] for tool in body["tools"]]
    names = body["tools"][0]["function"]["parameters"]["properties"]["name"]["enum"]
    grammar = (
        r'root ::= "{\"name\": \"" tool "\", \"arguments\": {\"name\": \"" thing "\"}}"'
        + "\ntool ::= "
        + " | ".join(f'"{tool}"' for tool in tools)
        + "\nthing ::= "
        + " | ".join(f'"{name}"' for name in names)
    )
    wanted = {"n_predict": MOST_TOKENS, "temperature": body["temperature"], "seed": seed}
    return {"prompt": template["prompt"], "grammar": grammar, "cache_prompt": True, **wanted}


def _peer_call(url: str, sentence: str, seed: int) -> tuple[float, float, int]:
    body = _peer_body(url, sentence, seed)
    start = time.perf_counter()
    answer = _post(f"{url}/completion", body)
    seconds = time.perf_counter() - start
    assert json.loads(answer["content"])["arguments"]["name"], answer
    known = answer["tokens_evaluated"] - answer["timings"]["prompt_n"]
    return seconds, known / answer["tokens_evaluated"], answer["tokens_predicted"]


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own address
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with _OPENER.open(request, timeout=_START_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as err:
        raise SystemExit(f"{url} answers {err.code}: {err.read().decode()[:1000]}") from err
    return answer


@contextmanager
def served(path: Path, folder: str) -> Iterator[str]:
    """The URL of a server of ours with this model, which keeps its caches in the folder."""
    port = _free_port()
    environment = os.environ | {"PICOQWEN_CACHE_DIR": folder, "PICOQWEN_BUILT_IN": "false"}
    command = [sys.executable, "-m", "picoqwen_core", "serve", "--port", str(port), "--model", str(path)]
    options = ["--context", str(CONTEXT), "--log-level", "warning"]
    with _running([*command, *options], f"http://127.0.0.1:{port}/v1/models", environment):
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _get(f"{url}/api/v1/health").get("status") == "ok", "the server to load the model")
        yield url


@contextmanager
def _peer(path: Path, *, wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    port = _free_port()
    command = [str(llama_cpp.tool("llama-server")), "-m", str(path), "--port", str(port)]
    options = ["-t", str(usable_cores()), "-c", str(CONTEXT), "-np", "1"]
    with _running([*command, *options], f"http://127.0.0.1:{port}/health", dict(os.environ)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], url: str, environment: dict[str, str]) -> Iterator[None]:
    """A server process, from when it answers until the end of the block."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: process.poll() is not None or bool(_get(url)), command[0])
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _get(url: str) -> dict[str, Any]:
    try:
        with _OPENER.open(url, timeout=5) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except (OSError, ValueError, http.client.HTTPException):
        return {}


def _until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited too long for {what}")
        time.sleep(0.05)


def _until_saved(folder: Path) -> None:
    _until(lambda: any((folder / "prefixes").glob("*.kv")), "the prefixes to be written")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
