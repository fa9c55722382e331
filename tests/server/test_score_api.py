"""POST /api/v1/score."""

import math

import pytest

from picoqwen_core.errors import RequestError
from tests.server.conftest import FakeProvider, asking


async def test_choices_come_back_with_their_probabilities(serve, http):
    provider = FakeProvider(scores=[math.log(0.6), math.log(0.2)])
    url = await serve(provider)

    async with http.post(f"{url}/api/v1/score", json=asking(choices=["A", "B"])) as response:
        body = await response.json()

    first, second = body["choices"]
    assert (body["model"], first["text"], second["text"]) == ("tiny", "A", "B")
    assert first["logprob"] == pytest.approx(math.log(0.6))
    assert (first["probability"], second["probability"]) == pytest.approx((0.75, 0.25))
    assert body["coverage"] == pytest.approx(0.8)
    assert provider.requests[0].choices == ("A", "B")


async def test_what_a_model_cannot_weigh_is_a_clear_error(serve, http):
    url = await serve(FakeProvider(RequestError("the built-in model answers no free questions")))

    async with http.post(f"{url}/api/v1/score", json=asking(choices=["A", "B"])) as response:
        body = await response.json()

    assert response.status == 400
    assert body["error"]["message"] == "the built-in model answers no free questions"


async def test_an_answer_that_takes_too_long_is_given_up(serve, http):
    url = await serve(FakeProvider(30.0), first_token_timeout=0.2)

    async with http.post(f"{url}/api/v1/score", json=asking(choices=["A", "B"])) as response:
        assert response.status == 503


@pytest.mark.parametrize("choices", [None, [], ["A"], ["A", 1], "AB"])
async def test_choices_have_to_be_several_texts(serve, http, choices):
    url = await serve(FakeProvider())

    async with http.post(f"{url}/api/v1/score", json=asking(choices=choices)) as response:
        body = await response.json()

    assert response.status == 400
    assert body["error"]["message"].startswith("choices")
