"""Keys, ids, the log, and errors that no handler makes."""

import asyncio
import hashlib
import io
import json
import logging

import pytest

from picoqwen_core.messages import ChatDelta
from picoqwen_core.server.logs import JsonLines
from tests.server.conftest import END, FakeProvider, asking


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "secret"},
        {"Authorization": "Basic secret"},
        {"Authorization": "Bearer \udce4"},
    ],
)
async def test_without_the_key_only_health_answers(serve, http, headers):
    url = await serve(FakeProvider(END), api_key="secret")

    async with http.get(f"{url}/api/v1/models", headers=headers) as response:
        error = (await response.json())["error"]
    async with http.get(f"{url}/api/v1/health") as health:
        assert health.status == 200

    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert error["code"] == "unauthorized"


async def test_the_key_opens_everything(serve, http):
    url = await serve(FakeProvider(ChatDelta("hi"), END), api_key="schlüssel")

    headers = {"Authorization": "bearer schlüssel"}
    async with http.post(f"{url}/api/v1/chat", json=asking(), headers=headers) as response:
        assert response.status == 200


async def test_every_answer_bears_an_id_and_keeps_a_given_one(serve, http):
    url = await serve(FakeProvider(ChatDelta("hi"), END))

    async with http.post(f"{url}/api/v1/chat", json=asking(stream=True)) as made:
        await made.read()
    async with http.get(f"{url}/nowhere", headers={"X-Request-Id": "my-id.7"}) as kept:
        pass
    async with http.get(f"{url}/nowhere", headers={"X-Request-Id": "no id; at all"}) as replaced:
        pass

    assert len(made.headers["X-Request-Id"]) == 12
    assert kept.headers["X-Request-Id"] == "my-id.7"
    assert " " not in replaced.headers["X-Request-Id"]


async def test_the_log_has_one_line_a_request_and_nothing_of_what_was_said(serve, http, caplog):
    caplog.set_level(logging.INFO)
    url = await serve(FakeProvider(ChatDelta("my answer"), END), api_key="hush")

    headers = {"X-Request-Id": "abc", "Authorization": "Bearer hush"}
    async with http.post(f"{url}/api/v1/chat", json=asking("my question"), headers=headers):
        pass

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("picoqwen_core")]
    assert len(lines) == 1
    assert lines[0].startswith("abc POST /api/v1/chat 200 ")
    assert not any(word in caplog.text for word in ("question", "answer", "hush"))


async def test_a_client_that_left_is_logged_as_such(serve, http, caplog):
    caplog.set_level(logging.INFO)
    provider = FakeProvider(3600.0)
    url = await serve(provider)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await http.post(f"{url}/api/v1/chat", json=asking())
    async with asyncio.timeout(5):
        await provider.closed.wait()
        while "POST /api/v1/chat 499" not in caplog.text:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v1/chat", 405, "method_not_allowed"),
        ("POST", "/api/v1/chat", 413, "body_too_large"),
    ],
)
async def test_what_aiohttp_refuses_has_the_same_shape(serve, http, method, path, status, code):
    url = await serve(FakeProvider(END), max_body_bytes=2000)

    async with http.request(method, url + path, data=b"x" * 3000) as response:
        error = (await response.json())["error"]

    assert (response.status, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert path in error["message"]


async def test_a_wrong_method_is_told_the_right_one(serve, http):
    url = await serve(FakeProvider(END))

    async with http.get(f"{url}/api/v1/chat") as response:
        assert response.headers["Allow"] == "POST"


async def test_a_page_of_another_site_gets_no_permission(serve, http):
    url = await serve(FakeProvider(END))

    async with http.get(f"{url}/api/v1/models", headers={"Origin": "https://evil.example"}) as response:
        assert not any(name.lower().startswith("access-control-") for name in response.headers)


async def test_the_log_can_be_objects_that_say_everything_but_what_was_said(serve, http):
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("picoqwen_core.server.middleware")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        key = "mine:" + hashlib.sha256(b"hush").hexdigest()
        url = await serve(FakeProvider(ChatDelta("my answer"), END), api_keys=(key,))
        headers = {"X-Request-Id": "abc", "Authorization": "Bearer hush"}
        async with http.post(f"{url}/api/v1/chat", json=asking("my question"), headers=headers):
            pass
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    (line,) = lines.getvalue().splitlines()
    told = json.loads(line)
    asked = {name: told[name] for name in ("request_id", "method", "path", "status", "caller", "level")}
    assert list(asked.values()) == ["abc", "POST", "/api/v1/chat", 200, "mine", "info"]
    assert told["ms"] >= 0
    assert not any(word in line for word in ("question", "answer", "hush"))
