"""What constraints let through, cost and save; part of the generation benchmark."""

import asyncio
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jsonschema
import numpy as np

from benchmarks.random_models import SMALL, TINY, random_model
from benchmarks.random_schemas import random_schema
from picoqwen_core.cpu import usable_cores
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.errors import SchemaError
from picoqwen_core.messages import ChatDelta, GenerateRequest, ResponseFormat, SamplingParams

TOKENS, PROMPT = 300, "! " * 32
# Everything that is allowed comes.
HOT = SamplingParams(temperature=3, top_k=0, top_p=1)
ROOMS = ("hall", "kitchen", "office", "attic")
# About 40 tokens of a vocabulary that knows no English; the tool and the room are the model's choice.
CALL = {
    "type": "object",
    "properties": {
        "name": {"enum": ["turn_on", "turn_off"]},
        "arguments": {
            "type": "object",
            "properties": {"area": {"enum": list(ROOMS)}},
            "required": ["area"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "arguments"],
    "additionalProperties": False,
}
# What people ask models for: free text, numbers, choices, lists.
RECORD = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "kind": {"enum": ["report", "note", "warning"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}},
        "people": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "mail": {"type": "string", "format": "email"}},
                "required": ["name"],
            },
        },
    },
    "required": ["title", "count", "share", "kind", "tags", "people"],
}


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    reason: str
    tokens: int
    seconds: float


def random_schemas(count: int) -> dict[str, Any]:
    """How many of the answers that end by themselves do not parse, or are not valid."""
    return asyncio.run(_random_schemas(count))


async def _random_schemas(count: int) -> dict[str, Any]:
    tried = invalid = complete = refused = 0
    client = EngineClient(random_model("Q8_0", TINY), model_id="tiny", context_length=1024, threads=1)
    await client.start()
    try:
        for seed in itertools.count():
            if tried == count:
                break
            schema = random_schema(seed)
            wanted = ResponseFormat("json", schema=schema)
            sampling = replace(HOT, seed=seed)
            try:
                answer = await _ask(client, sampling, TOKENS, wanted)
            except SchemaError:
                refused += 1
                continue
            tried += 1
            if answer.reason == "stop":
                complete += 1
                invalid += not _valid(answer.text, schema)
            elif answer.reason != "length":
                invalid += 1
    finally:
        await client.stop()
    return {
        "schemas_tried": tried,
        "schemas_invalid": invalid,
        "schemas_complete": complete,
        "schemas_refused": refused,
    }


def _valid(text: str, schema: Mapping[str, Any]) -> bool:
    try:
        jsonschema.Draft202012Validator(schema).validate(json.loads(text))
    except (ValueError, jsonschema.ValidationError) as err:
        print(f"invalid: {text!r:.200} for {json.dumps(schema):.400}: {err}"[:900])
        return False
    return True


def cost() -> dict[str, Any]:
    """The share of a token's time that its mask takes at 0.6B, and a call's time against plain decoding."""
    return asyncio.run(_cost())


async def _cost() -> dict[str, Any]:
    path = random_model("Q8_0", SMALL)
    client = EngineClient(path, model_id="small", context_length=1024, threads=min(2, usable_cores()))
    await client.start()
    try:
        await _ask(client, SamplingParams(seed=0), 2)
        wanted = ResponseFormat("json", schema=CALL)
        calls, plain = [], []
        for seed in range(5):
            calls.append(await _ask(client, SamplingParams(seed=seed), 200, wanted))
            plain.append(await _ask(client, SamplingParams(seed=seed), calls[-1].tokens))
        token_seconds = min(each.seconds / each.tokens for each in plain)
    finally:
        await client.stop()
    mask = _mask_seconds(path)
    return {
        "token_ms": round(token_seconds * 1e3, 2),
        "mask_ms": round(mask * 1e3, 3),
        "mask_cost_share": round(mask / token_seconds, 4),
        "jump_forward_tokens": round(float(np.median([call.tokens for call in calls]))),
        "jump_forward_ratio": round(
            float(
                np.median([call.seconds / other.seconds for call, other in zip(calls, plain, strict=True)])
            ),
            3,
        ),
    }


async def _ask(
    client: EngineClient, sampling: SamplingParams, tokens: int, wanted: ResponseFormat | None = None
) -> _Answer:
    """One answer; a plain one never ends by itself before its tokens are used up, or hardly ever."""
    request = GenerateRequest(PROMPT, sampling=sampling, max_tokens=tokens, response_format=wanted)
    start = time.perf_counter()
    deltas: list[ChatDelta] = [delta async for delta in client.generate(request)]
    seconds = time.perf_counter() - start
    usage = deltas[-1].usage
    text = "".join(delta.content for delta in deltas)
    return _Answer(text, deltas[-1].finish_reason or "", usage.completion_tokens if usage else 0, seconds)


def _mask_seconds(path: Any, tokens: int = 2000) -> float:
    """What one drawn token costs more under a constraint, over records whose tokens are drawn at random.

    Drawing from few tokens is cheaper than from all; that is not set off against the constraint's own time.
    """
    from picoqwen_core.grammar.compiler import Grammars  # noqa: PLC0415 - heavy
    from picoqwen_core.loaders.open import open_checkpoint  # noqa: PLC0415
    from picoqwen_core.sampling import Sampler  # noqa: PLC0415
    from picoqwen_core.tokenizer import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_metadata(open_checkpoint(path).metadata)
    grammars = Grammars(tokenizer)
    rng = np.random.default_rng(0)
    logits = [rng.standard_normal(tokenizer.vocab_size).astype(np.float32) for _ in range(16)]
    sampler = Sampler(SamplingParams(seed=0))
    drawn, own, masked, free = 0, 0.0, 0.0, 0.0
    while drawn < tokens:
        constraint = grammars.json(RECORD, "schema")
        while drawn < tokens and not constraint.stopped():
            chosen = logits[drawn % len(logits)]
            start = time.perf_counter()
            ids = constraint.forced()
            mask = None if ids else constraint.mask()
            own += time.perf_counter() - start
            if mask is not None:
                start = time.perf_counter()
                token = sampler.sample(chosen, (), 0, mask)
                masked += time.perf_counter() - start
                start = time.perf_counter()
                sampler.sample(chosen, ())
                free += time.perf_counter() - start
                drawn += 1
                if token in tokenizer.stop_ids:
                    break
                ids = [token]
            start = time.perf_counter()
            for token in ids:
                constraint.accept(token)
            own += time.perf_counter() - start
    return (own + max(0.0, masked - free)) / drawn
