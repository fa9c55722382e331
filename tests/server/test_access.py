"""Several keys, how often each may ask, pages of other origins, and how many connections there may be."""

import asyncio
import hashlib
import json

import aiohttp
import pytest

from picoqwen_core.messages import ChatDelta, Usage
from picoqwen_core.server import connections
from picoqwen_core.server.buckets import TokenBuckets
from tests.server.conftest import END, FakeProvider, asking

PANEL = "panel:" + hashlib.sha256(b"panel-key").hexdigest()
PHONE = "phone:" + hashlib.sha256(b"phone-key").hexdigest()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def status_of(http, url, path="/api/v1/models", **headers) -> int:
    async with http.get(url + path, headers=headers) as response:
        return response.status


async def test_each_of_several_keys_opens(serve, http, caplog):
    caplog.set_level("INFO")
    url = await serve(FakeProvider(END), api_key="main", api_keys=(PANEL, PHONE))

    assert [await status_of(http, url, **bearer(key)) for key in ("main", "panel-key", "phone-key")] == [
        200
    ] * 3
    assert await status_of(http, url, **bearer("other")) == 401
    assert await status_of(http, url, **bearer(PANEL.partition(":")[2])) == 401
    assert caplog.text.count(" panel\n") == 1


async def test_a_key_has_a_rate_of_its_own(serve, http):
    url = await serve(FakeProvider(END), api_keys=(PANEL, PHONE), rate_limit=2)

    assert [await status_of(http, url, **bearer("panel-key")) for _ in range(3)] == [200, 200, 429]
    assert await status_of(http, url, **bearer("phone-key")) == 200
    assert await status_of(http, url, "/api/v1/health") == 200
    async with http.get(f"{url}/api/v1/models", headers=bearer("panel-key")) as response:
        assert (await response.json())["error"]["code"] == "rate_limited"
        assert response.headers["Retry-After"]


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0 * 365])
def test_a_clock_that_jumps_neither_locks_out_nor_lets_more_in(jump):
    now = [1_000_000.0]
    buckets = TokenBuckets(lambda: now[0])
    assert [buckets.wait("me", 2) == 0 for _ in range(3)] == [True, True, False]
    now[0] += jump
    allowed = [buckets.wait("me", 2) == 0 for _ in range(3)]
    assert allowed == ([False] * 3 if jump < 0 else [True, True, False])
    now[0] += 60
    assert buckets.wait("me", 2) == 0


def test_a_bucket_fills_with_time():
    now = [0.0]
    buckets = TokenBuckets(lambda: now[0])
    assert [buckets.wait("a", 60) for _ in range(60)] == [0.0] * 60
    assert buckets.wait("a", 60) == pytest.approx(1.0)
    assert buckets.wait("b", 60) == 0.0
    now[0] = 1.0
    assert buckets.wait("a", 60) == 0.0


@pytest.mark.parametrize(
    ("allowed", "origin", "told"),
    [
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("*",), "https://b.example", "https://b.example"),
        (("https://a.example",), "https://evil.example", None),
        ((), "https://a.example", None),
    ],
)
async def test_pages_of_allowed_origins_may_read_answers(serve, http, allowed, origin, told):
    url = await serve(FakeProvider(ChatDelta("hi"), END), allowed_origins=allowed, api_key="k")
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answers = []
    async with http.options(f"{url}/api/v1/chat", headers=asks) as response:
        answers.append(response.headers.get("Access-Control-Allow-Origin"))
        assert (response.status == 204) == (told is not None)
    headers = {"Origin": origin, **bearer("k")}
    async with http.post(f"{url}/api/v1/chat", json=asking(stream=True), headers=headers) as response:
        answers.append(response.headers.get("Access-Control-Allow-Origin"))
    async with http.get(f"{url}/api/v1/models", headers={"Origin": origin}) as response:
        answers.append(response.headers.get("Access-Control-Allow-Origin"))

    assert answers == [told] * 3


@pytest.mark.parametrize(
    ("headers", "settings", "status"),
    [
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, {}, 403),
        ({"Origin": "https://evil.example"}, {}, 403),
        ({"Origin": "null"}, {}, 403),
        ({"Origin": "http://HERE"}, {}, 200),
        ({"Origin": "https://home.example", "Sec-Fetch-Site": "same-origin"}, {}, 200),
        ({"Origin": "https://a.example"}, {"allowed_origins": ("https://a.example",)}, 200),
        ({"Origin": "https://evil.example", **bearer("k")}, {"api_key": "k"}, 200),
        (
            {"Origin": "http://homeassistant.local:8123", "X-Ingress-Path": "/x"},
            {"ingress_address": "127.0.0.1"},
            200,
        ),
    ],
)
async def test_a_page_of_another_site_makes_no_browser_ask_without_a_key(
    serve, http, headers, settings, status
):
    url = await serve(FakeProvider(ChatDelta("hi"), END), **settings)
    headers = {name: value.replace("HERE", url.removeprefix("http://")) for name, value in headers.items()}
    # As text, which a browser sends to other sites without asking them first.
    sent = {**headers, "Content-Type": "text/plain"}
    async with http.post(f"{url}/api/v1/chat", data=json.dumps(asking()), headers=sent) as response:
        assert response.status == status
    if status == 403:
        assert (await _refused(http, url, headers)) == 403
        assert await status_of(http, url, **headers) == 200


async def _refused(http, url: str, headers: dict[str, str]) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{url}/api/v1/events", headers=headers)
    return refused.value.status


def address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


async def raw(url: str, text: str) -> str:
    """What a server answers to these bytes, until it closes."""
    reader, writer = await asyncio.open_connection(*address(url))
    writer.write(text.encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_one_connection_too_many_is_told_and_health_still_answers(serve, http):
    url = await serve(FakeProvider(END), max_connections=2)
    held = [await asyncio.open_connection(*address(url)) for _ in range(2)]
    await asyncio.sleep(0.1)

    refused = await raw(url, "GET /api/v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    healthy = await raw(url, "GET /api/v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert "503" in refused.splitlines()[0]
    assert "too_many_connections" in refused
    assert "200" in healthy.splitlines()[0]
    for _, writer in held:
        writer.close()
    async with asyncio.timeout(10):
        while await status_of(http, url) != 200:
            await asyncio.sleep(0.05)


async def test_a_crowd_is_refused_before_anything_is_read(serve):
    url = await serve(FakeProvider(END), max_connections=1)
    held = [await asyncio.open_connection(*address(url)) for _ in range(1 + connections.SPARE)]
    await asyncio.sleep(0.1)

    reader, writer = await asyncio.open_connection(*address(url))
    async with asyncio.timeout(10):
        answer = await reader.read()

    assert b"503 Service Unavailable" in answer
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]["code"] == "too_many_connections"
    for _, each in [*held, (reader, writer)]:
        each.close()


async def test_who_sends_headers_slowly_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(connections.Connections.__init__, "__defaults__", (0.3,))
    url = await serve(FakeProvider(1.0, ChatDelta("hi"), END))
    slow, slow_writer = await asyncio.open_connection(*address(url))
    slow_writer.write(b"GET /api/v1/health HTTP/1.1\r\nX-Slow: ")

    body = json.dumps(asking())
    head = (
        f"POST /api/v1/chat HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    answer = await raw(url, head + body)
    async with asyncio.timeout(10):
        assert await slow.read() == b""

    # Whoever waits for an answer is not silent.
    assert "200" in answer.splitlines()[0]
    slow_writer.close()


async def test_what_cannot_be_read_leaves_no_key_in_the_log(serve, caplog):
    caplog.set_level("INFO")
    url = await serve(FakeProvider(END), api_key="top-secret")
    head = "GET /api/v1/models HTTP/1.1\r\nHost: x\r\n"
    answer = await raw(url, f"{head}Authorization: Bearer top-secret\x00\r\n\r\n")

    assert "400" in answer.splitlines()[0]
    assert "What came from 127.0.0.1 cannot be read as HTTP" in caplog.text
    assert "top-secret" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_headers_have_a_limit(serve):
    url = await serve(FakeProvider(END))
    answer = await raw(url, f"GET /api/v1/health HTTP/1.1\r\nX-Long: {'x' * 20_000}\r\n\r\n")
    assert "400" in answer.splitlines()[0]


async def test_metrics_count_requests_tokens_and_time(serve, http):
    end = ChatDelta(finish_reason="stop", usage=Usage(7, 2, 3))
    url = await serve(FakeProvider(ChatDelta("hi"), end))
    async with http.post(f"{url}/api/v1/chat", json=asking()) as response:
        await response.read()
    async with http.get(f"{url}/nowhere?secret") as response:
        assert response.status == 404
    async with http.get(f"{url}/metrics") as response:
        text = await response.text()

    lines = text.splitlines()
    assert 'picoqwen_requests_total{path="/api/v1/chat",status="200"} 1' in lines
    assert 'picoqwen_requests_total{path="other",status="404"} 1' in lines
    assert 'picoqwen_tokens_total{kind="prompt"} 7' in lines
    assert 'picoqwen_tokens_total{kind="cached"} 3' in lines
    assert "picoqwen_cache_hit_ratio 0.4285714286" in lines
    assert "picoqwen_time_to_first_token_seconds_count 1" in lines
    assert "picoqwen_failovers_total 0" in lines
    assert 'picoqwen_spent_dollars{period="today"} 0' in lines
    assert 'picoqwen_time_to_first_token_seconds_bucket{le="+Inf"} 1' in lines
    assert "secret" not in text
    for line in lines:
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0


async def test_the_speed_is_that_of_writing_or_of_the_whole_where_all_came_at_once(serve, http):
    end = ChatDelta(finish_reason="stop", usage=Usage(7, 11, 0))
    speeds = []
    for answer in ((0.5, ChatDelta("hi"), end), (ChatDelta("hi"), 0.5, end)):
        url = await serve(FakeProvider(*answer))
        async with http.post(f"{url}/api/v1/chat", json=asking()) as response:
            await response.read()
        async with http.get(f"{url}/api/v1/status") as response:
            speeds.append((await response.json())["tokens_per_second"])
    # 11 tokens in half a second and all that comes beside it; 10 behind the first one.
    assert 0 < speeds[0] <= 22
    assert 0 < speeds[1] <= 20


async def test_the_status_tells_what_was_done(serve, http):
    url = await serve(FakeProvider(ChatDelta("hi"), END))
    async with http.post(f"{url}/api/v1/chat", json=asking()) as response:
        await response.read()
    async with http.get(f"{url}/api/v1/status") as response:
        status = await response.json()

    assert (status["answers"], status["tokens"]["prompt"]) == (1, 7)
    assert status["memory"]["total_mb"] > 0
    assert status["connections"] >= 1


async def test_events_tell_of_answers_and_never_of_what_is_said(serve, http):
    provider = FakeProvider(ChatDelta("secret"), END)
    url = await serve(provider)
    async with http.ws_connect(f"{url}/api/v1/events") as socket, asyncio.timeout(10):
        first = await socket.receive_json()
        async with http.post(f"{url}/api/v1/chat", json=asking("secret")) as response:
            await response.read()
        told = [await socket.receive_json(), await socket.receive_json()]

    assert (first["type"], first["status"], first["models"]) == ("status", "ok", ["tiny"])
    assert [event["type"] for event in told] == ["token", "answer"]
    assert (told[1]["model"], told[1]["prompt_tokens"]) == ("tiny", 7)
    assert "secret" not in json.dumps(told)


async def test_ingress_from_another_address_than_the_set_one_is_told_which_it_came_from(serve, http):
    url = await serve(FakeProvider(END), api_key="k", ingress_address="172.30.32.2")
    async with http.get(f"{url}/api/v1/models", headers={"X-Ingress-Path": "/x"}) as response:
        error = (await response.json())["error"]

    assert response.status == 401
    assert error["message"].endswith(
        "ingress needs none where it comes from ingress_address, and this came from 127.0.0.1"
    )
