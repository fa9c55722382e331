"""Four answers at once through the server, beside one: tokens a second in all, over HTTP streams."""

import json
import shutil
import statistics
import tempfile
import threading
import time
import urllib.request
from typing import Any

from benchmarks.primed import home_model, served
from picoqwen_core.folders import cache_folder

TOKENS, ROUNDS, TOGETHER = 96, 5, 4


def figures() -> dict[str, Any]:
    """Medians over a few rounds, in each of which one stream and four take turns."""
    with tempfile.TemporaryDirectory() as folder:
        ignored = shutil.ignore_patterns("prefixes", "*.gguf")
        shutil.copytree(cache_folder(), folder, dirs_exist_ok=True, ignore=ignored)
        with served(home_model(), folder) as url:
            _together(url, 1)
            rounds = [(_together(url, 1), _together(url, TOGETHER)) for _ in range(ROUNDS)]
    return {
        "served_one_tokens_per_s": round(statistics.median(one for one, _ in rounds), 1),
        "served_four_tokens_per_s": round(statistics.median(four for _, four in rounds), 1),
        "served_batch4_ratio": round(statistics.median(four / one for one, four in rounds), 2),
    }


def _together(url: str, count: int) -> float:
    """Tokens a second of all streams together, from the last one's first token to the end of all."""
    spans: list[tuple[float, float, int]] = []
    threads = [
        threading.Thread(target=lambda n=number: spans.append(_stream(url, n))) for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tokens = sum(pieces - 1 for _, _, pieces in spans)
    return tokens / (max(end for _, end, _ in spans) - min(first for first, _, _ in spans))


def _stream(url: str, number: int) -> tuple[float, float, int]:
    """When the first piece came and when the last, and how many tokens there were."""
    body = {"prompt": f"! {number} " * 16, "max_tokens": TOKENS, "stream": True}
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{url}/api/v1/generate", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    first = 0.0
    with urllib.request.build_opener().open(request, timeout=300) as response:
        for line in response:
            if not first and line.startswith(b"data: {"):
                first = time.perf_counter()
    return first, time.perf_counter(), TOKENS
