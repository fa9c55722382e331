"""The OpenAPI 3.1 document of the server, made of its routes and of the schemas that check requests.

GET /api/v1/openapi.json, and GET /api/v1/docs as a page to read.
"""

import html
from typing import Any

import voluptuous as vol
from aiohttp import web

from picoqwen_core import __version__
from picoqwen_core.server import ollama_bodies
from picoqwen_core.server.answers import ANSWERS, FLOW_EVENT
from picoqwen_core.server.downloads import DOWNLOAD
from picoqwen_core.server.fields import JSON_SCHEMAS, NULLABLE
from picoqwen_core.server.flows import RESUME, RUN
from picoqwen_core.server.middleware import is_plain
from picoqwen_core.server.models import LOAD
from picoqwen_core.server.page import ROUTES as PAGE_ROUTES
from picoqwen_core.server.schemas import CHAT, DETOKENIZE, GENERATE, SCORE, TOKENIZE

# What each path that takes a body checks it with.
BODIES: dict[str, Any] = {
    "/api/v1/chat": CHAT,
    "/v1/chat/completions": CHAT,
    "/api/v1/prime": CHAT,
    "/api/v1/generate": GENERATE,
    "/v1/completions": GENERATE,
    "/api/v1/score": SCORE,
    "/api/v1/tokenize": TOKENIZE,
    "/api/v1/detokenize": DETOKENIZE,
    "/api/v1/models/{id}/load": LOAD,
    "/api/v1/downloads": DOWNLOAD,
    "/api/v1/flows/{id}/runs": RUN,
    "/api/v1/flows/runs/{id}/resume": RESUME,
    "/api/show": ollama_bodies.NAMED,
    "/api/pull": ollama_bodies.NAMED,
    "/api/delete": ollama_bodies.NAMED,
    "/api/chat": ollama_bodies.CHAT,
    "/api/generate": ollama_bodies.GENERATE,
}
_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {
                "message": _TEXT,
                "type": {"enum": ["invalid_request_error", "server_error"]},
                "code": _TEXT,
            },
        }
    },
}
# Under Ollama's paths, as its clients read it.
_PLAIN_ERROR = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {"error": _TEXT, "code": _TEXT},
}
# The success of a route where it is not 200.
_SUCCESS = {("POST", "/api/v1/downloads"): ("200", "202"), ("GET", "/api/v1/events"): ("101",)}
_FAILURES = {
    "4XX": "The request cannot be met as it is; `code` says why.",
    "5XX": "It failed here, or cannot be met now; `code` says why, and `Retry-After` when to try again.",
}
_TYPES = ("application/json", "text/event-stream", "application/x-ndjson", "text/plain", "text/html")


async def document(request: web.Request) -> web.Response:
    """The OpenAPI document."""
    return web.json_response(make_document(request.app))


async def page(request: web.Request) -> web.Response:
    """The paths and their fields, to be read."""
    parts = ["<!doctype html><meta charset=utf-8><title>Pico-Qwen API</title><h1>Pico-Qwen API</h1>"]
    for path, operations in make_document(request.app)["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>")
            parts.append(f"<p>{html.escape(operation['summary'])}</p>")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            fields = body.get("schema", {}).get("properties", {})
            rows = "".join(f"<li><code>{html.escape(name)}</code></li>" for name in fields)
            parts.append(f"<ul>{rows}</ul>")
    return web.Response(text="".join(parts), content_type="text/html")


def make_document(app: web.Application) -> dict[str, Any]:
    """The document of an application's routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in app.router.routes():
        if route.resource is None or route.method == "HEAD":
            continue
        path = route.resource.canonical
        # MCP has a description of its own.
        if path in PAGE_ROUTES or route.method == "*":
            continue
        entry = paths.setdefault(path, {})
        if "{id}" in path:
            parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            entry["parameters"] = [parameter]
        entry[route.method.lower()] = _operation(route.method, path, route.handler.__doc__ or "")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pico-Qwen", "version": __version__},
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            # Events of a run, which a stream sends; OpenAPI 3.1 has no place for them beside an answer.
            "schemas": {"Error": _ERROR, "PlainError": _PLAIN_ERROR, "FlowEvent": FLOW_EVENT},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(method: str, path: str, text: str) -> dict[str, Any]:
    success = {
        status: {"description": "Done.", "content": {kind: {} for kind in _TYPES} | _json(method, path)}
        for status in _SUCCESS.get((method, path), ("200",))
    }
    name = "PlainError" if is_plain(path) else "Error"
    error = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    failures = {status: {"description": told, "content": error} for status, told in _FAILURES.items()}
    operation: dict[str, Any] = {
        "summary": text.strip().partition("\n")[0],
        "responses": {**success, **failures},
    }
    if method != "GET" and path in BODIES:
        schema = json_schema(BODIES[path])
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": bool(schema.get("required")), "content": content}
    return operation


def _json(method: str, path: str) -> dict[str, Any]:
    """What the answer is where it is JSON."""
    schema = ANSWERS.get((method, path))
    return {} if schema is None else {"application/json": {"schema": schema}}


def json_schema(schema: Any) -> dict[str, Any]:
    """The JSON schema of a check; what only our code can tell is left open."""
    if isinstance(schema, vol.Schema):
        return json_schema(schema.schema)
    if isinstance(schema, dict):
        properties = {str(key.schema): json_schema(check) for key, check in schema.items()}
        required = [str(key.schema) for key in schema if isinstance(key, vol.Required)]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}
    if isinstance(schema, list):
        return {"type": "array", "items": json_schema(schema[0])}
    if isinstance(schema, vol.All):
        merged: dict[str, Any] = {}
        for each in schema.validators:
            merged |= json_schema(each)
        return merged
    if isinstance(schema, vol.Length):
        limits = {"minItems": schema.min, "maxItems": schema.max}
        return {name: value for name, value in limits.items() if value is not None}
    if callable(schema) and schema in NULLABLE:
        inner = json_schema(NULLABLE[schema])
        return {"anyOf": [inner, {"type": "null"}]} if inner else {}
    return dict(JSON_SCHEMAS.get(schema, {})) if callable(schema) else {}
