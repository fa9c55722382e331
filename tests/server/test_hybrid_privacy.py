"""What of the home other servers may learn: nothing, names in place of names, or all."""

import pytest

from picoqwen_core.messages import ChatDelta
from tests.server.conftest import END, FakeProvider
from tests.server.others import HERE, THERE, TOOL, ask, cloud, stopped, text


@pytest.mark.parametrize(
    "private",
    [
        {"home": {"entities": [{"id": "light.a", "name": "Lamp", "state": "on", "domain": "light"}]}},
        {"tools": [TOOL]},
        {
            "messages": [
                {"role": "system", "content": "Static Context: lamp"},
                {"role": "user", "content": "?"},
            ]
        },
    ],
)
async def test_nothing_of_the_home_leaves_it_unless_allowed(house, http, stand_in, private):
    url = await house(FakeProvider(ChatDelta(HERE), END), [cloud(stand_in)], routing="cloud_first")
    for model in (None, "cloud/well"):
        answer = await ask(http, url, model=model, **private)
        assert text(answer) == HERE
        assert answer["picoqwen"]["notes"] == ["not cloud: privacy is no_home"]
    assert stand_in.bodies == []


async def test_the_error_says_that_privacy_left_somebody_out(house, http, stand_in):
    url = await house(await stopped(), [cloud(stand_in)])
    answer = await ask(http, url, tools=[TOOL])
    assert "local: it has died; not cloud: privacy is no_home" in answer["error"]["message"]


async def test_what_may_leave_leaves_without_the_structured_home(house, http, stand_in):
    url = await house(
        FakeProvider(ChatDelta(HERE), END), [cloud(stand_in)], routing="cloud_first", privacy="everything"
    )
    assert text(await ask(http, url, home={"area": "kitchen"})) == THERE
    (body,) = stand_in.bodies
    assert "kitchen" not in str(body)
    assert body["messages"] == [{"role": "user", "content": "hello"}]


async def test_nothing_leaves_where_nothing_may(house, http, stand_in):
    url = await house(FakeProvider(ChatDelta(HERE), END), [cloud(stand_in)], privacy="nothing")
    assert text(await ask(http, url, routing="cloud_first")) == HERE
    assert stand_in.bodies == []


async def test_with_pseudonyms_no_name_of_the_home_reaches_the_server(house, http, stand_in):
    home = {
        "entities": [{"id": "light.kueche", "name": "Küche Sternwarte", "state": "on", "domain": "light"}]
    }
    url = await house(
        FakeProvider(ChatDelta(HERE), END), [cloud(stand_in)], routing="cloud_first", privacy="pseudonyms"
    )
    said = [{"role": "user", "content": "KÜCHENLICHT und Sternwarten, light.kueche"}]
    assert text(await ask(http, url, home=home, messages=said, tools=[TOOL])) == THERE
    sent = str(stand_in.bodies).lower()
    assert len(stand_in.bodies) == 1
    assert not [name for name in ("küche", "kueche", "sternwarte") if name in sent]
    answer = await ask(http, url, tools=[TOOL])
    assert answer["picoqwen"]["notes"] == ["not cloud: privacy is pseudonyms"]
