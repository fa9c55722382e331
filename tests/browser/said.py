"""What servers say seldom, in the words of the API: for states.py, which says it in their place.

test_states.py holds each to the API's own description, so that no page is looked at over what no server says.
"""

import json
from typing import Any

BUSY = {
    "error": {"code": "busy", "message": "the queue is full: 8 requests are waiting", "type": "server_error"}
}
NO_KEY = {
    "error": {
        "code": "unauthorized",
        "message": "the API key is missing or wrong",
        "type": "invalid_request_error",
    }
}


def _model(name: str, **more: Any) -> dict[str, Any]:
    model = {
        "id": name,
        "size": 2_487_375_000,
        "loaded": False,
        "state": "stopped",
        "error": None,
        "parameters": 4_020_000_000,
    }
    return {
        **model,
        "quantization": "Q4_K_M",
        "context_length": 40960,
        "built_in": False,
        "pinned": False,
        "memory_mb": None,
        **more,
    }


MODELS = {
    "data": [
        _model(
            "pico-home",
            size=7_635_776,
            loaded=True,
            state="ready",
            context_length=512,
            built_in=True,
            memory_mb=151.1,
        ),
        _model("Qwen3-4B-Q4_K_M", loaded=True, state="ready", memory_mb=3127.4),
        _model("Qwen3-1.7B-Q8_0", state="starting", size=1_827_500_000),
        _model("Qwen3-8B-Q4_K_M-of-somebody-with-a-long-name", size=5_067_562_500),
        _model(
            "Qwen3-0.6B-Q8_0",
            state="failed",
            error="the engine was killed, probably for want of memory",
            size=633_250_000,
        ),
    ]
}


def _download(number: int, state: str, received: int, **more: Any) -> dict[str, Any]:
    job = {
        "id": f"d{number}",
        "repository": "Qwen/Qwen3-4B-GGUF",
        "file": "Qwen3-4B-Q8_0.gguf",
        "state": state,
    }
    return {**job, "received": received, "size": 4_271_250_000, "error": None, "model": None, **more}


DOWNLOADS = {
    "data": [
        _download(1, "running", 1_271_250_000),
        _download(2, "waiting", 0, file="Qwen3-8B-Q4_K_M.gguf", size=None),
        _download(
            3,
            "failed",
            9_000_000,
            error={
                "code": "download_failed",
                "type": "server_error",
                "message": "the checksum is wrong; download it again",
            },
        ),
        _download(4, "done", 4_271_250_000, model="Qwen3-4B-Q4_K_M"),
    ]
}


def _offer(name: str, size: int, memory: int, **more: Any) -> dict[str, Any]:
    quantization = name.partition("B-")[2]
    offer = {
        "id": name,
        "repository": "Qwen/Qwen3-GGUF",
        "file": f"{name}.gguf",
        "quantization": quantization,
        "parameters": 10**9,
    }
    return {
        **offer,
        "size": size,
        "memory_mb": memory,
        "fits": True,
        "recommended": False,
        "installed": False,
        **more,
    }


CATALOG = {
    "machine": {"memory_mb": 5400, "cores": 4},
    "data": [
        _offer("Qwen3-0.6B-Q8_0", 633_250_000, 1197, installed=True),
        _offer("Qwen3-4B-Q5_K_M", 2_874_300_000, 3514, recommended=True),
        _offer("Qwen3-4B-Q8_0", 4_271_250_000, 4910),
        _offer("Qwen3-32B-Q4_K_M", 19_800_000_000, 22_000, fits=False),
    ],
}


def _provider(name: str, model: str, condition: str, **more: Any) -> dict[str, Any]:
    provider = {
        "name": name,
        "model": model,
        "condition": condition,
        "error": None,
        "latency_ms": 412.0,
        "latency_p95_ms": 900.1,
    }
    return {**provider, "answers": 120, "failures": 0, "retry_after_s": 0.0, **more}


_ENGINE = {
    "model": "pico-home",
    "state": "ready",
    "error": None,
    "restarts": 0,
    "compiled": None,
    "rss_mb": 151.1,
}
_HEALTH = {
    "status": "ok",
    "trouble": None,
    "version": "0.1.0",
    "uptime_s": 98_765.0,
    "models": ["pico-home", "Qwen3-4B-Q4_K_M"],
    "api_rss_mb": 57.6,
}
_HEALTH |= {"memory_level": 0, "memory_step": "none", "engines": [_ENGINE], "hybrid": None, "agents": True}
HYBRID = {
    **_HEALTH,
    "hybrid": {
        "routing": "local_first",
        "privacy": "open",
        "failovers": 3,
        "hedged": 0,
        "providers": [
            _provider("shed", "shed/llama-3.3-70b-instruct", "healthy"),
            _provider(
                "cloud",
                "claude-sonnet",
                "unavailable",
                failures=4,
                latency_ms=None,
                error="cannot be reached: Name or service not known",
            ),
        ],
        "budget": {"spent_today": 0.0412, "spent_this_month": 1.2345, "per_day": 1.0, "per_month": None},
    },
}
STARTING = {
    **_HEALTH,
    "status": "starting",
    "engines": [{**_ENGINE, "state": "starting", "compiled": [12, 57]}],
}
BROKEN = {
    **_HEALTH,
    "trouble": "routing must be one of local_only, local_first, got 'cloud'; the built-in model answers",
    "status": "degraded",
    "engines": [
        _ENGINE,
        {
            **_ENGINE,
            "model": "Qwen3-4B-Q4_K_M",
            "state": "failed",
            "restarts": 5,
            "rss_mb": None,
            "error": "the engine was killed, probably for want of memory; a smaller model needs less",
        },
    ],
}
_COUNTERS = {
    "model": "pico-home",
    "active": True,
    "queued": 2,
    "prefilled_tokens": 123_456,
    "decoded_tokens": 7890,
    "cached_tokens": 98_765,
}
_COUNTERS |= {
    "rss_bytes": 151_064_576,
    "guessed_tokens": 12,
    "right_guesses": 9,
    "context_limit": 512,
    "memory_step": 0,
}
STATUS = {
    "version": "0.1.0",
    "uptime_s": 98_765.0,
    "api_rss_mb": 49.5,
    "memory": {
        "total_mb": 8276,
        "available_mb": 3335,
        "stalled": 0.0,
        "level": 0,
        "step": "none",
        "for_models_mb": 5400,
    },
    "answers": 1234,
    "rungs": {"rules": 800, "built_in": 400, "local": 30, "cloud": 4},
    "tokens": {"prompt": 1_234_567, "cached": 1_034_567, "completion": 45_678},
    "tokens_per_second": 12.3,
    "connections": 4,
    "evictions": 0,
    "downloads": 0,
    "mcp_servers": [],
    "engines": [_COUNTERS],
}
_DONE = {
    "id": "r1",
    "flow": "research",
    "state": "done",
    "started": 1795780800.0,
    "input": "How do heat pumps work?",
    "output": "They move **heat** from outside to inside [1], three times as much as they take [2].",
    "sources": [
        {"title": "Heat pump", "url": "https://example.org/heat-pump"},
        {
            "title": "",
            "url": "https://example.org/a/very/long/address/without/any/title/at/all/that/goes/on-and-on.html",
        },
    ],
    "steps": [],
    "usage": {"steps": 5, "prompt_tokens": 3120, "completion_tokens": 214, "seconds": 12.5, "cost": 0.0021},
    "limits_hit": [],
}
RUNS = [
    _DONE,
    {
        **_DONE,
        "id": "r2",
        "state": "interrupted",
        "input": "Which tariff is the cheapest for a house with solar panels, and what is it in winter?",
    },
    {**_DONE, "id": "r3", "flow": "think", "state": "failed", "output": ""},
]
_EVENTS = [
    {"type": "started", "id": "r1", "flow": "research"},
    {"type": "step", "step": 1, "name": "plan"},
    {"type": "tool", "tool": "web_search", "arguments": {"query": "how heat pumps work"}, "state": "called"},
    {"type": "tool", "tool": "web_search", "arguments": {"query": "how heat pumps work"}, "state": "done"},
    {
        "type": "tool",
        "tool": "read_page",
        "arguments": {"url": "https://example.org/heat-pump"},
        "state": "called",
    },
    {
        "type": "tool",
        "tool": "read_page",
        "arguments": {"url": "https://example.org/heat-pump"},
        "state": "failed",
        "reason": "404",
    },
    {"type": "step", "step": 2, "name": "synthesize"},
    {"type": "done", **_DONE},
]
_LINES = [*(f"data: {json.dumps(event)}\n\n" for event in _EVENTS), "data: [DONE]\n\n"]
RUN = {"content_type": "text/event-stream", "body": "".join(_LINES)}
# What each is in the server's API.
PROMISES = [
    ("/api/v1/models", MODELS),
    ("/api/v1/downloads", DOWNLOADS),
    ("/api/v1/catalog", CATALOG),
    ("/api/v1/health", HYBRID),
    ("/api/v1/health", STARTING),
    ("/api/v1/health", BROKEN),
    ("/api/v1/status", STATUS),
    ("/api/v1/flows/runs", {"runs": RUNS}),
]
EVENTS = _EVENTS
_TALKS = [
    {
        "id": f"{index}-a",
        "title": title,
        "system": "",
        "messages": [{"role": "user", "content": title}, {"role": "assistant", "content": "Yes."}],
    }
    for index, title in enumerate(
        [
            "Turn off the lights",
            "How warm is it in the bedroom?",
            "A very long first question that goes on and on, as people do who explain everything",
            *["Short"] * 9,
        ]
    )
]
KEPT = f"localStorage.setItem('picoqwen.conversations', {json.dumps(json.dumps(_TALKS))})"
