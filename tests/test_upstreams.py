"""What the settings say of other servers."""

import json

import pytest

from picoqwen_core.config import Settings, load_settings
from picoqwen_core.errors import ConfigError
from picoqwen_core.prices import PRICES, PRICES_AS_OF, Price, price_of
from picoqwen_core.upstreams import Upstream

GOOD = {"name": "cloud", "base_url": "https://x.example/v1", "model": "gpt-5-mini", "api_key": "s3cret"}


def test_known_models_have_a_price_and_options_win():
    assert Upstream("a", "http://x/v1", "openai/gpt-5-mini").price == PRICES["gpt-5-mini"]
    assert Upstream("a", "http://x/v1", "gpt-5-mini", input_price=1).price == Price(1, 2.0)
    assert Upstream("a", "http://x/v1", "unknown").price is None
    assert Upstream("a", "http://x/v1", "unknown", trusted=True).price == Price(0, 0)


def test_the_key_is_never_shown():
    settings = load_settings(environment={"PICOQWEN_UPSTREAMS": json.dumps([GOOD])})
    assert settings.upstreams[0].api_key == "s3cret"
    assert "s3cret" not in repr(settings)
    with pytest.raises(ConfigError) as raised:
        load_settings(environment={"PICOQWEN_UPSTREAMS": json.dumps([GOOD])[:-1]})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "My Cloud"}, "'My Cloud': name is 'My Cloud'; allowed: 1 to 32 of a-z"),
        ({"name": "local"}, "this machine"),
        ({"base_url": "x.example"}, "'cloud': base_url is 'x.example'; allowed: http://HOST:PORT/v1"),
        ({"model": ""}, "'cloud': model is missing"),
        ({"timeout": 0}, "timeout is 0; allowed: more than 0 seconds"),
        ({"timeout": "soon"}, "timeout is 'soon'; allowed: a number"),
        ({"trusted": "yes"}, "trusted is 'yes'; allowed: true or false"),
        ({"input_price": -1}, "input_price is -1; allowed: 0 or more"),
        ({"colour": "red"}, "unknown field 'colour'; known: name, base_url"),
        ({"kind": "other"}, "kind is 'other'; allowed: openai, anthropic"),
        ({"api_key": 7}, "api_key is (hidden); allowed: text"),
    ],
)
def test_a_bad_field_is_named_with_what_is_allowed(change, told):
    with pytest.raises(ConfigError) as raised:
        load_settings(environment={"PICOQWEN_UPSTREAMS": json.dumps([{**GOOD, **change}])})
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-5-mini", (0.25, 2.0)),
        ("openai/gpt-5-mini-2025-08-07", (0.25, 2.0)),
        ("claude-haiku-4-5-20251001", (1.0, 5.0)),
        ("anthropic/claude-opus-4.5", (5.0, 25.0)),
        ("gpt-5-giant", None),
    ],
)
def test_prices_are_known_whoever_sells_a_model_and_of_whatever_day(model, known):
    price = price_of(model)
    assert (price and (price.read, price.written)) == known
    assert price is None or price.as_of >= PRICES_AS_OF


def test_two_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="'cloud' is there twice"):
        load_settings(environment={"PICOQWEN_UPSTREAMS": json.dumps([GOOD, GOOD])})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"routing": "random"},
            "routing is 'random'; allowed: local_first, cloud_first, cheapest, fastest, by_rung",
        ),
        ({"privacy": "some"}, "privacy is 'some'; allowed: nothing, no_home, pseudonyms, everything"),
        ({"hedge": "maybe"}, "hedge is 'maybe'; allowed: degraded, always, off"),
        ({"budget_per_day": -1}, "budget_per_day is -1; allowed: 0 dollars or more"),
        ({"health_check_interval": 0}, "health_check_interval is 0; allowed: 1 second or more"),
    ],
)
def test_bad_settings_are_named(settings, told):
    with pytest.raises(ConfigError) as raised:
        Settings(**settings)
    assert told in str(raised.value)
