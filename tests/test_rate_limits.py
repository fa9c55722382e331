"""How long a server is left alone, by what the headers of its answers say."""

import pytest

from picoqwen_core.health import Vitals
from picoqwen_core.providers.rate_limits import refused_for, used_up_for

DATE = {"date": "Fri, 27 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        (DATE | {"retry-after": "Fri, 27 Nov 2026 12:01:00 GMT"}, 60),
        (DATE | {"retry-after": "Fri, 27 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 27 Nov 2026 12:01:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360),
    ],
)
def test_a_refusal_says_when_to_come_again(headers, seconds):
    assert refused_for(headers) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "tomorrow"}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
        (
            DATE
            | {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-27T12:00:20Z",
            },
            20,
        ),
    ],
)
def test_an_answer_says_that_it_was_the_last_for_a_while(headers, seconds):
    assert used_up_for(headers) == seconds


def test_who_has_nothing_left_is_left_alone_though_it_answered():
    vitals = Vitals(lambda: 100.0)
    vitals.succeeded(0.1, 20)
    assert (vitals.may_try(), vitals.banned_seconds, vitals.condition) == (False, 20, "unavailable")
    vitals.succeeded(0.1)
    assert vitals.may_try()
