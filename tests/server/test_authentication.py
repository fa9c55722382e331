"""The API key, where one is set."""

import pytest
from aiohttp.test_utils import TestClient

from picoqwen_core.config import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(api_key="s3cret")


@pytest.mark.parametrize("header", [None, "Bearer wrong", "s3cre", "Bearer "])
async def test_without_the_right_key_nothing_is_answered(client: TestClient, header: str | None) -> None:
    headers = {"Authorization": header} if header is not None else {}
    response = await client.get("/v1/models", headers=headers)
    assert response.status == 401
    assert (await response.json())["error"]["code"] == "unauthorized"


async def test_with_the_key_it_is(client: TestClient) -> None:
    response = await client.get("/v1/models", headers={"Authorization": "Bearer s3cret"})
    assert response.status == 200


async def test_health_needs_no_key(client: TestClient) -> None:
    assert (await client.get("/api/v1/health")).status == 200
