"""POST /api/v1/tokenize and /api/v1/detokenize."""

import pytest

from tests.server.conftest import FakeProvider, asking


async def test_a_text_is_told_as_tokens_and_tokens_as_a_text(serve, http):
    url = await serve(FakeProvider())

    async with http.post(f"{url}/api/v1/tokenize", json={"text": "abc"}) as response:
        told = await response.json()
    async with http.post(f"{url}/api/v1/detokenize", json={"tokens": told["tokens"]}) as response:
        back = await response.json()

    assert told == {"model": "tiny", "tokens": [97, 98, 99], "pieces": ["a", "b", "c"], "count": 3}
    assert back == {"model": "tiny", "text": "abc"}


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("tokenize", {}, "text, or messages: one of the two is needed"),
        ("tokenize", asking(text="hi") | {"text": "hi"}, "text, or messages"),
        ("tokenize", {"text": 5}, "text: must be a string, got 5"),
        ("detokenize", {"tokens": [1, -1]}, "tokens.1: must be a whole number"),
        ("detokenize", {}, "tokens: is required"),
        ("detokenize", {"tokens": [], "model": "other"}, "model 'other' is not installed"),
    ],
)
async def test_what_cannot_be_told_is_a_clear_error(serve, http, path, body, told):
    url = await serve(FakeProvider())

    async with http.post(f"{url}/api/v1/{path}", json=body) as response:
        error = (await response.json())["error"]

    assert response.status in (400, 404)
    assert told in error["message"]
