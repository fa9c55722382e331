"""POST /api/v1/prime, over a fake provider."""

from picoqwen_core.errors import BusyError
from tests.server.conftest import FakeProvider

BODY = {"messages": [{"role": "system", "content": "You are a home."}, {"role": "user", "content": "Hi"}]}


async def test_priming_answers_how_many_tokens_were_read_and_known(serve, http):
    provider = FakeProvider()
    url = await serve(provider)
    response = await http.post(f"{url}/api/v1/prime", json=BODY)
    assert response.status == 200
    assert await response.json() == {
        "model": "tiny",
        "prompt_tokens": 7,
        "cached_tokens": 3,
        "state": "ready",
    }
    assert provider.requests[0].messages[0].content == "You are a home."


async def test_a_wrong_body_is_refused_as_a_chats_is(serve, http):
    url = await serve(FakeProvider())
    response = await http.post(f"{url}/api/v1/prime", json={"messages": "Hi"})
    assert response.status == 400
    assert "messages" in (await response.json())["error"]["message"]


async def test_too_many_at_once_are_told_to_come_back(serve, http):
    url = await serve(FakeProvider(BusyError("4 requests are waiting already")))
    response = await http.post(f"{url}/api/v1/prime", json=BODY)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0
