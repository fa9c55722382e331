"""One real house for all end-to-end tests: Home Assistant, the server and the built-in model as processes."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from house_runner.house import House, HouseOptions, open_house


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here starts real processes, which take their time on a busy machine."""
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_house() -> AsyncIterator[House]:
    """The house, started once."""
    async with open_house(HouseOptions()) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def house(running_house: House) -> House:
    """The house with every device as house.yaml says."""
    await running_house.reset()
    return running_house


@pytest_asyncio.fixture(loop_scope="session")
async def satellite(running_house: House) -> Callable[[str], Awaitable[str]]:
    """The device id of the voice satellite of a room."""

    async def find(room: str) -> str:
        devices = await running_house.client.call("config/device_registry/list")
        return next(device["id"] for device in devices if device["name"] == f"{room} voice satellite")

    return find
