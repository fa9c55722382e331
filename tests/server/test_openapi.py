"""The OpenAPI document says what the server does; schemathesis tries to prove otherwise."""

import asyncio
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from picoqwen_core.messages import ChatDelta
from picoqwen_core.server.answers import ANSWERS
from picoqwen_core.server.fields import validated
from picoqwen_core.server.openapi import json_schema
from picoqwen_core.server.routes import ROUTES
from picoqwen_core.server.schemas import CHAT
from tests.server.conftest import END, FakeProvider, asking

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


class Weighing(FakeProvider):
    """Weighs as many choices as there are."""

    async def score(self, request):
        return [-1.0 for _ in request.choices]


@pytest.fixture
async def document(serve, http):
    url = await serve(FakeProvider(END))
    async with http.get(f"{url}/api/v1/openapi.json") as response:
        return await response.json()


async def test_every_path_is_documented_with_the_fields_that_are_checked(document):
    chat = document["paths"]["/api/v1/chat"]["post"]
    fields = chat["requestBody"]["content"]["application/json"]["schema"]

    assert {"/api/v1/health", "/v1/completions", "/api/v1/models/{id}/load"} <= set(document["paths"])
    assert fields["required"] == ["messages"]
    assert fields["properties"]["temperature"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 5}
    assert fields["properties"]["messages"]["minItems"] == 1
    operations = [
        each for path in document["paths"].values() for key, each in path.items() if key != "parameters"
    ]
    assert all(operation["summary"] for operation in operations)


def test_what_the_schema_requires_is_what_is_checked():
    schema = json_schema(CHAT)
    assert set(schema["properties"]) >= set(asking())
    assert validated(CHAT, asking())["messages"]


def test_every_described_answer_is_that_of_a_route():
    paths = {(route.method, route.path) for route in ROUTES}
    assert set(ANSWERS) <= paths


async def test_there_is_a_page_to_read(serve, http):
    url = await serve(FakeProvider(END))
    async with http.get(f"{url}/api/v1/docs") as response:
        text = await response.text()
    assert "POST /api/v1/chat" in text
    assert "temperature" in text


async def test_no_request_makes_the_server_fail_or_answer_what_is_not_documented(serve):
    url = await serve(Weighing(ChatDelta("hi"), END))
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    result = await asyncio.to_thread(
        subprocess.run,
        [
            *(SCHEMATHESIS, "run", f"{url}/api/v1/openapi.json", "--checks", checks),
            *(
                "--max-examples",
                "15",
                "--phases",
                "examples,fuzzing",
                "--seed",
                "1",
                "--request-timeout",
                "20",
            ),
            *("--suppress-health-check", "all", "--no-color"),
        ],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/tags", None),
        ("GET", "/api/ps", None),
        ("POST", "/api/show", {"model": "tiny"}),
        ("POST", "/api/chat", asking(stream=False, model="tiny")),
        ("POST", "/api/chat", {"messages": []}),
        ("POST", "/api/generate", {"prompt": "hello", "stream": False}),
        ("POST", "/api/generate", {"prompt": "hello", "stream": False, "raw": True}),
        ("GET", "/api/v1/catalog", None),
        ("GET", "/api/v1/logs", None),
        ("POST", "/v1/completions", {"prompt": "hello"}),
    ],
)
async def test_an_answer_has_the_shape_that_is_documented(serve, http, document, method, path, body):
    url = await serve(Weighing(ChatDelta("hi"), END))
    async with http.request(method, url + path, json=body) as response:
        answer = await response.json()

    assert response.status == 200
    told = document["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]
    jsonschema.validate(answer, told["schema"])
    assert told["schema"]["required"]


async def test_ollamas_bodies_are_documented_as_they_are_checked(serve, http, document):
    chat = document["paths"]["/api/chat"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"messages", "tools", "options", "format", "think", "keep_alive"} <= set(chat["properties"])
    url = await serve(FakeProvider(END))
    async with http.post(f"{url}/api/chat", json={"messages": [], "options": 5}) as response:
        error = (await response.json())["error"]
    assert (response.status, error) == (400, "options: must be an object, got 5")
