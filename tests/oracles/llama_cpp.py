"""What llama.cpp computes on a GGUF file: probabilities of a given text, and greedy continuations."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.llama_cpp import tool

_START_SECONDS, _ANSWER_SECONDS = 60, 120
# Our names of kinds of KV caches, and llama.cpp's: both int8 have a float16 scale for each 32 numbers.
CACHES = {"f32": "f32", "f16": "f16", "int8": "q8_0"}


@dataclass(frozen=True)
class Scored:
    """What llama-perplexity computed of a text, cut into windows that are each read from their beginning.

    tokens: int32 (windows, window). log_probs: float32 (windows, window - 1 - window / 2, vocabulary), of
    what follows the tokens from the middle of each window on, to a 65,535th of their range of at most 16.
    """

    tokens: NDArray[np.int32]
    log_probs: NDArray[np.float32]


def score(model: Path, text: str, window: int, cache: str = "f32") -> Scored:
    """llama-perplexity's logits of a text. cache: f32, f16 or int8."""
    folder = model.parent
    text_file, logits = folder / "text", folder / "logits"
    text_file.write_text(text)
    command = [
        *(str(tool("llama-perplexity")), "-m", str(model), "-f", str(text_file)),
        *("-c", str(window), "-b", str(window), "-t", "1", "--no-warmup", "--save-all-logits", str(logits)),
        *_cache_options(cache),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return _read(logits)


def _cache_options(cache: str) -> tuple[str, ...]:
    """llama.cpp's; it wants flash attention for quantized values."""
    return "-ctk", CACHES[cache], "-ctv", CACHES[cache], "-fa", "off" if cache == "f32" else "on"


def _read(path: Path) -> Scored:
    """llama-perplexity's file: process_logits and log_softmax in its perplexity.cpp."""
    data = path.read_bytes()
    if data[:8] != b"_logits_":
        raise SystemExit(f"llama-perplexity wrote {data[:8]!r} instead of logits")
    window, vocabulary, windows = (int(n) for n in np.frombuffer(data, np.int32, 3, 8))
    tokens = np.frombuffer(data, np.int32, windows * window, 20).reshape(windows, window)
    columns = 2 * ((vocabulary + 1) // 2) + 4
    rows = np.frombuffer(data, np.uint16, offset=20 + tokens.nbytes).reshape(-1, columns)
    scale, lowest = np.ascontiguousarray(rows[:, :4]).view(np.float32).T[:, :, None]
    log_probs = lowest + scale * rows[:, 4 : 4 + vocabulary].astype(np.float32)
    return Scored(tokens, log_probs.reshape(windows, -1, vocabulary))


def greedy(
    model: Path, prompts: list[list[int]], count: int, cache: str = "f32", *, stop: bool = False
) -> list[list[int]]:
    """The `count` most likely tokens after each prompt, as llama-server writes them.

    stop: an answer ends with the model's stop token, else that is never chosen.
    """
    port = _free_port()
    command = [
        *(str(tool("llama-server")), "-m", str(model), "-c", "2048", "-t", "1", "-np", "1"),
        *(*_cache_options(cache), "--host", "127.0.0.1", "--port", str(port)),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(server, port)
            return [_complete(port, prompt, count, stop=stop) for prompt in prompts]
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"llama-server did not start within {_START_SECONDS} s")


def _complete(port: int, prompt: list[int], count: int, *, stop: bool) -> list[int]:
    wanted: dict[str, Any] = {
        "prompt": prompt,
        "n_predict": count,
        "temperature": 0,
        "ignore_eos": not stop,
        "return_tokens": True,
        "cache_prompt": False,
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/completion",
        json.dumps(wanted).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
        tokens: list[int] = json.load(answer)["tokens"]
    return tokens
