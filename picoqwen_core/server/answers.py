"""The JSON schemas of answers, for the OpenAPI document; what is asked is described by the checks themselves.

tests/server/test_openapi.py holds real answers against them.
"""

from typing import Any

type Json = dict[str, Any]

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
TRUTH: Json = {"type": "boolean"}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def _object(**fields: Json) -> Json:
    """All fields are there; newer servers may have more."""
    return {"type": "object", "required": list(fields), "properties": fields}


_USAGE = _object(prompt_tokens=WHOLE, completion_tokens=WHOLE, total_tokens=WHOLE)
_REASON: Json = {"type": ["string", "null"]}
_CALL = _object(
    id=TEXT, type={"const": "function"}, function=_object(name=TEXT, arguments={"type": "string"})
)
_MESSAGE = _object(role={"const": "assistant"}, content=_or_null(TEXT))
_MESSAGE["properties"] |= {"reasoning_content": TEXT, "tool_calls": _list(_CALL)}
_CHAT = _object(
    id=TEXT,
    object={"const": "chat.completion"},
    created=WHOLE,
    model=TEXT,
    choices=_list(_object(index=WHOLE, message=_MESSAGE, finish_reason=_REASON)),
    usage=_USAGE,
)
_MODEL = _object(
    id=TEXT,
    size=WHOLE,
    loaded=TRUTH,
    state={"enum": ["ready", "starting", "idle", "failed", "stopped"]},
    error=_or_null(TEXT),
    parameters=_or_null(WHOLE),
    quantization=_or_null(TEXT),
    context_length=_or_null(WHOLE),
    built_in=_or_null(TRUTH),
    pinned=TRUTH,
    memory_mb=_or_null(NUMBER),
)
_OPENAI_MODEL = _object(id=TEXT, object={"const": "model"}, created=WHOLE, owned_by=TEXT)
_DOWNLOAD = _object(
    id=TEXT,
    repository=TEXT,
    state=TEXT,
    size=_or_null(WHOLE),
    received=WHOLE,
    error=_or_null(_object(message=TEXT, type=TEXT, code=TEXT)),
)
_ENGINE = _object(
    model=_or_null(TEXT), state=TEXT, error=_or_null(TEXT), restarts=WHOLE, rss_mb=_or_null(NUMBER)
)
_NAMES = _list(TEXT)
_OFFER = _object(
    id=TEXT,
    repository=TEXT,
    file=TEXT,
    quantization=TEXT,
    parameters=WHOLE,
    size=WHOLE,
    memory_mb=WHOLE,
    fits=TRUTH,
    recommended=TRUTH,
    installed=TRUTH,
)
# Ollama's, as its clients read them.
_DETAILS = _object(
    parent_model=TEXT,
    format=TEXT,
    family=TEXT,
    families=_NAMES,
    parameter_size=TEXT,
    quantization_level=TEXT,
)
_LISTED = {
    "name": TEXT,
    "model": TEXT,
    "modified_at": TEXT,
    "size": WHOLE,
    "digest": TEXT,
    "details": _DETAILS,
}
_SPOKEN = _object(role={"const": "assistant"}, content=TEXT)
_SPOKEN["properties"] |= {
    "thinking": TEXT,
    "tool_calls": _list(_object(function=_object(name=TEXT, arguments={"type": "object"}))),
}
_DONE = {"model": TEXT, "created_at": TEXT, "done": {"const": True}, "done_reason": TEXT}
_SOURCE = _object(title=TEXT, url=TEXT)
_FLOW = _object(
    name=TEXT,
    description=TEXT,
    input=TEXT,
    tools=_NAMES,
    lacks=_NAMES,
    limits=_object(steps=WHOLE, tokens=WHOLE, seconds=NUMBER, cost=NUMBER),
)
_RUN = _object(
    id=TEXT,
    flow=TEXT,
    state={"enum": ["running", "done", "limited", "failed", "cancelled", "interrupted"]},
    started=NUMBER,
    input=TEXT,
    output=TEXT,
    sources=_list(_SOURCE),
    steps=_list(_object(step=WHOLE, name=TEXT)),
    usage=_object(steps=WHOLE, prompt_tokens=WHOLE, completion_tokens=WHOLE, seconds=NUMBER, cost=NUMBER),
    limits_hit=_NAMES,
)
_RUN["properties"]["error"] = TEXT
_TOOL_STATES = {"enum": ["called", "done", "failed", "refused", "confirm"]}


def _event(kind: str, **fields: Json) -> Json:
    return _object(type={"const": kind}, **fields)


_TOOL_EVENT = _event("tool", tool=TEXT, arguments={"type": "object"}, state=_TOOL_STATES)
_TOOL_EVENT["properties"]["reason"] = TEXT
# What a stream tells of a run, an event each; the last one is the run.
FLOW_EVENT: Json = {
    "oneOf": [
        _event("started", id=TEXT, flow=TEXT),
        _event("step", step=WHOLE, name=TEXT),
        _event("delta", text=TEXT),
        _event("limit", limit=TEXT, message=TEXT),
        _event("error", message=TEXT),
        _TOOL_EVENT,
        {"allOf": [_event("done"), _RUN]},
    ]
}

# By method and path; those that are not here answer no JSON.
ANSWERS: dict[tuple[str, str], Json] = {
    ("POST", "/api/v1/chat"): _CHAT,
    ("POST", "/v1/chat/completions"): _CHAT,
    ("POST", "/api/v1/generate"): _object(text=TEXT, model=TEXT, finish_reason=_REASON, usage=_USAGE),
    ("POST", "/v1/completions"): _object(
        id=TEXT,
        object={"const": "text_completion"},
        created=WHOLE,
        model=TEXT,
        choices=_list(_object(index=WHOLE, text=TEXT, finish_reason=_REASON)),
        usage=_USAGE,
    ),
    ("POST", "/api/v1/score"): _object(
        model=TEXT,
        choices=_list(_object(text=TEXT, logprob=NUMBER, probability=NUMBER)),
        coverage=NUMBER,
    ),
    ("POST", "/api/v1/prime"): _object(model=TEXT, prompt_tokens=WHOLE, cached_tokens=WHOLE, state=TEXT),
    ("POST", "/api/v1/tokenize"): _object(model=TEXT, tokens=_list(WHOLE), pieces=_NAMES, count=WHOLE),
    ("POST", "/api/v1/detokenize"): _object(model=TEXT, text=TEXT),
    ("GET", "/api/v1/models"): _object(data=_list(_MODEL)),
    ("POST", "/api/v1/models/{id}/load"): _MODEL,
    ("POST", "/api/v1/models/{id}/unload"): _MODEL,
    ("DELETE", "/api/v1/models/{id}"): _object(id=TEXT, deleted=TRUTH),
    ("GET", "/v1/models"): _object(object={"const": "list"}, data=_list(_OPENAI_MODEL)),
    ("GET", "/v1/models/{id}"): _OPENAI_MODEL,
    ("GET", "/api/v1/downloads"): _object(data=_list(_DOWNLOAD)),
    ("POST", "/api/v1/downloads"): _DOWNLOAD,
    ("GET", "/api/v1/downloads/{id}"): _DOWNLOAD,
    ("DELETE", "/api/v1/downloads/{id}"): _DOWNLOAD,
    ("GET", "/api/v1/health"): _object(
        status={"enum": ["ok", "starting", "degraded"]},
        version=TEXT,
        uptime_s=NUMBER,
        models=_NAMES,
        api_rss_mb=_or_null(NUMBER),
        memory_level=WHOLE,
        memory_step=TEXT,
        engines=_list(_ENGINE),
        hybrid=_or_null({"type": "object"}),
        agents=TRUTH,
    ),
    ("GET", "/api/v1/status"): _object(
        version=TEXT,
        uptime_s=NUMBER,
        memory=_object(total_mb=WHOLE, available_mb=WHOLE, stalled=_or_null(NUMBER), level=WHOLE, step=TEXT),
        answers=WHOLE,
        rungs=_object(rules=WHOLE, built_in=WHOLE, local=WHOLE, cloud=WHOLE),
        tokens={"type": "object"},
        tokens_per_second=NUMBER,
        connections=WHOLE,
        evictions=WHOLE,
        downloads=WHOLE,
        engines=_list({"type": "object"}),
    ),
    ("GET", "/api/v1/flows"): _object(flows=_list(_FLOW)),
    ("POST", "/api/v1/flows/{id}/runs"): _RUN,
    ("GET", "/api/v1/flows/runs"): _object(runs=_list(_RUN)),
    ("GET", "/api/v1/flows/runs/{id}"): _RUN,
    ("DELETE", "/api/v1/flows/runs/{id}"): _RUN,
    ("POST", "/api/v1/flows/runs/{id}/resume"): _RUN,
    ("POST", "/api/v1/reload"): _object(changed=_NAMES, needs_restart=_NAMES),
    ("GET", "/api/v1/catalog"): _object(
        machine=_object(memory_mb=WHOLE, cores=WHOLE),
        data=_list(_OFFER),
    ),
    ("GET", "/api/v1/logs"): _object(lines=_NAMES),
    ("GET", "/api/version"): _object(version=TEXT),
    ("GET", "/api/tags"): _object(models=_list(_object(**_LISTED))),
    ("GET", "/api/ps"): _object(models=_list(_object(**_LISTED, size_vram=WHOLE, expires_at=TEXT))),
    ("POST", "/api/show"): _object(
        details=_DETAILS, capabilities=_NAMES, model_info=_object(**{"general.architecture": TEXT})
    ),
    ("POST", "/api/chat"): _object(**_DONE, message=_SPOKEN),
    ("POST", "/api/generate"): _object(**_DONE, response=TEXT),
    ("POST", "/api/pull"): _object(status=TEXT),
    ("DELETE", "/api/delete"): {"type": "object"},
}
