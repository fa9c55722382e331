"""What may happen to a page that is used for long: closed tabs, fallen servers, full storage, clocks."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, stand_in
from tests.browser.states import answer, last, say
from tests.browser.test_chat_page import wait_until_online

KEEP = "picoqwen.conversations"


def place(page: Page) -> tuple[float, bool]:
    """How far the conversation is scrolled, and whether its end is in sight."""
    log = page.locator("#log")
    top = log.evaluate("(log) => log.scrollTop")
    return top, log.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight < 80")


def test_the_newest_stays_in_sight_until_the_reader_scrolls_up(scripted_directly, visit):
    page = visit(scripted_directly, **PHONE)
    for _ in range(3):
        say(page, "rich")
        expect(last(page).locator(".stats")).to_be_visible()
    say(page, "slowly")
    expect(last(page)).to_contain_text("word30")
    assert place(page)[1]
    page.locator("#log").evaluate("(log) => { log.scrollTop = 300; }")
    expect(page.locator("#to-end")).to_be_visible()
    expect(last(page)).to_contain_text("word60")
    assert place(page) == (300, False)
    # Neither the end of the answer takes the reader away.
    page.locator("#stop").click()
    expect(page.locator("#send")).to_be_visible()
    assert place(page) == (300, False)
    page.locator("#to-end").click()
    expect(page.locator("#to-end")).to_be_hidden()
    assert place(page)[1]


def test_what_was_marked_stays_marked_while_the_answer_grows(scripted_directly, visit):
    page = visit(scripted_directly)
    say(page, "hello")
    expect(last(page).locator(".stats")).to_be_visible()
    say(page, "slowly")
    expect(last(page)).to_contain_text("word9")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.assistant .text p'))")
    expect(last(page)).to_contain_text("word40")
    assert page.evaluate("getSelection().toString()").startswith("You said: hello")


def test_two_tabs_keep_what_both_said(scripted_directly, visit):
    page = visit(scripted_directly)
    other = page.context.new_page()
    other.goto(scripted_directly)
    wait_until_online(other)
    say(page, "of the first tab")
    expect(last(page).locator(".stats")).to_be_visible()
    say(other, "of the second tab")
    expect(last(other).locator(".stats")).to_be_visible()
    for each in (page, other):
        expect(each.locator("#history li")).to_have_count(2)
    page.reload()
    expect(page.locator("#history")).to_contain_text("of the first tab")
    expect(page.locator("#history")).to_contain_text("of the second tab")


def test_one_conversation_in_two_tabs_goes_on_in_both(scripted_directly, visit):
    page = visit(scripted_directly)
    say(page, "begun")
    expect(last(page).locator(".stats")).to_be_visible()
    other = page.context.new_page()
    other.goto(scripted_directly)
    expect(last(other)).to_contain_text("You said: begun")
    say(other, "gone on with")
    expect(last(other)).to_contain_text("You said: gone on with. turns 3")
    # The first tab shows it too, and goes on from there.
    expect(last(page)).to_contain_text("You said: gone on with")
    say(page, "and on")
    expect(last(page)).to_contain_text("turns 5")
    expect(page.locator("#history li")).to_have_count(1)


def test_both_are_kept_where_two_tabs_go_different_ways_at_once(scripted_directly, visit):
    page = visit(scripted_directly)
    say(page, "begun")
    expect(last(page).locator(".stats")).to_be_visible()
    other = page.context.new_page()
    other.goto(scripted_directly)
    wait_until_online(other)
    say(other, "slowly")
    expect(last(other)).to_contain_text("word5")
    page.evaluate("new Promise(requestAnimationFrame)")
    # As if the first tab had not heard of it yet.
    kept = json.loads(page.evaluate(f"localStorage.getItem('{KEEP}')"))
    kept[0]["version"] = "another"
    kept[0]["messages"].append({"role": "user", "content": "said elsewhere"})
    page.evaluate("([name, value]) => localStorage.setItem(name, value)", [KEEP, json.dumps(kept)])
    other.locator("#stop").click()
    expect(other.locator("#history li")).to_have_count(2)
    expect(last(other)).to_contain_text("Stopped")


def test_reloaded_in_the_middle_of_an_answer_nothing_is_lost(scripted, visit):
    page = visit(scripted)
    say(page, "slowly")
    expect(last(page)).to_contain_text("word9")
    page.reload()
    expect(last(page)).to_contain_text("word9")
    expect(last(page)).to_contain_text("The answer broke off before it was whole.")
    expect(page.locator(".user")).to_contain_text("slowly")
    last(page).get_by_role("button", name="Try again").click()
    expect(page.locator("#stop")).to_be_visible()
    expect(last(page)).to_contain_text("word3")
    assert "word399" not in last(page).inner_text()


def test_a_question_whose_page_was_closed_before_the_answer_can_be_asked_again(scripted_directly, visit):
    page = visit(scripted_directly)
    wait_until_online(page)
    page.route("**/api/v1/chat", lambda route: None)
    say(page, "hello")
    expect(page.locator("#stop")).to_be_visible()
    page.unroute("**/api/v1/chat")
    page.reload()
    expect(last(page)).to_contain_text("hello")
    last(page).get_by_role("button", name="Try again").click()
    expect(last(page)).to_contain_text("You said: hello. turns 1")


def test_a_server_that_falls_while_it_answers_leaves_what_it_said(way, visit):
    with stand_in(0, *way) as (server, url):
        page = visit(url)
        wait_until_online(page)
        say(page, "fall")
        expect(last(page)).to_contain_text("The connection broke")
        server.wait()
        expect(page.locator(".assistant")).to_contain_text("word9")
        expect(page.locator("#banner")).to_contain_text("The server cannot be reached.", timeout=60_000)
    with stand_in(urlsplit(url).port, *way):
        expect(page.locator("#banner")).to_be_hidden(timeout=60_000)
        page.locator("#log .error").get_by_role("button", name="Try again").click()
        expect(last(page)).to_contain_text("word3")
        expect(page.locator("#log .error")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "code", "words", "told"),
    [
        (429, "rate_limited", "more than 60 requests a minute; try again in 3.0 s", "The server is busy."),
        (503, "engine_unavailable", "no answer began within 300 s", "The model cannot answer at the moment."),
        (503, "insufficient_memory", "2.5 GB are missing", "The server is busy."),
        (400, "context_length_exceeded", "5000 tokens", "The conversation is too long for this model."),
        (500, "internal_error", "something went wrong", "something went wrong"),
        (502, "", "", "The server cannot be reached."),
    ],
)
def test_a_refusal_says_what_to_do_and_keeps_the_answer_before(
    scripted_directly, visit, status, code, words, told
):
    page = visit(scripted_directly)
    say(page, "hello")
    expect(last(page).locator(".stats")).to_be_visible()
    if code:
        answer(page, "chat", {"error": {"code": code, "message": words}}, status)
    else:
        page.route("**/api/v1/chat", lambda route: route.fulfill(status=status, body="<h1>Bad Gateway</h1>"))
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#log .error")).to_contain_text(told)
    expect(page.locator("#log .error")).to_contain_text(words)
    expect(page.locator(".assistant")).to_contain_text("You said: hello")
    page.unroute_all()
    page.locator("#log .error").get_by_role("button", name="Try again").click()
    expect(page.locator("#log .error")).to_have_count(0)
    expect(page.locator(".assistant")).to_have_count(1)


SHUT = """Object.defineProperty(window, 'localStorage', {
  get() { throw new DOMException('no', 'SecurityError'); },
});"""
FULL = """Storage.prototype.setItem = function (name, value) {
  if (name !== 'picoqwen.settings') throw new DOMException('full', 'QuotaExceededError');
};"""


@pytest.mark.parametrize("storage", [SHUT, FULL], ids=["shut", "full"])
def test_without_a_place_to_keep_them_conversations_go_on_and_the_page_says_so(
    scripted_directly, visit, storage
):
    page = visit("about:blank")
    page.add_init_script(storage)
    page.goto(scripted_directly)
    for text in ("one", "two"):
        say(page, text)
        expect(last(page)).to_contain_text(f"You said: {text}")
        page.locator("#history > .main").click()
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#history .error")).to_contain_text("This browser keeps nothing")
    page.locator("#history li > :first-child").last.click()
    expect(last(page)).to_contain_text("You said: one")


def test_where_there_is_little_room_the_oldest_goes_and_the_newest_is_kept(scripted_directly, visit):
    page = visit(scripted_directly)
    talks = [
        {
            "id": f"{index}",
            "title": f"talk {index}",
            "system": "",
            "messages": [{"role": "user", "content": "x" * 100_000}],
        }
        for index in range(40)
    ]
    page.evaluate("([name, value]) => localStorage.setItem(name, value)", [KEEP, json.dumps(talks)])
    page.evaluate("localStorage.setItem('of somebody else', 'y'.repeat(1_100_000))")
    page.reload()
    expect(page.locator("#history li")).to_have_count(40)
    page.locator("#history > .main").click()
    say(page, "echo " + "z" * 90_000)
    expect(last(page).locator(".stats")).to_be_visible(timeout=60_000)
    page.reload()
    expect(page.locator(".user")).to_contain_text("echo zzz")
    expect(page.locator("#history .error")).to_have_count(0)
    assert 30 < page.locator("#history li").count() < 41


@pytest.mark.parametrize(
    "value", ["{", "null", "5", '{"a": 1}', '[null, 1, {"id": "a"}, {"id": "b", "messages": [null, 3, {}]}]']
)
def test_what_cannot_be_read_of_what_was_kept_does_no_harm(scripted_directly, visit, value):
    page = visit(scripted_directly)
    page.evaluate(
        """(value) => ["conversations", "settings"].forEach(
          (name) => localStorage.setItem(`picoqwen.${name}`, value))""",
        value,
    )
    page.reload()
    wait_until_online(page)
    page.locator("#history > .main").click()
    say(page, "hello")
    expect(last(page)).to_contain_text("You said: hello")


def test_a_clock_that_jumps_disturbs_nothing(scripted_directly, visit):
    page = visit(scripted_directly)
    for index, when in enumerate(("2031-05-05T12:00:00", "1999-12-31T23:59:59", "2026-11-27T10:00:00")):
        page.clock.set_fixed_time(when)
        page.locator("#history > .main").click()
        say(page, f"talk {index}")
        expect(last(page).locator(".stats")).to_be_visible()
        assert "-" not in last(page).locator(".stats").inner_text()
    # The newest stands first, whatever the clock said.
    titles = page.locator("#history li > :first-child").all_inner_texts()
    assert titles == ["talk 2", "talk 1", "talk 0"]


def test_a_new_version_in_the_middle_of_an_answer_lets_it_end(way, visit):
    with stand_in(0, *way) as (_, url):
        page = visit(url)
        wait_until_online(page)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        wait_until_online(page)
        say(page, "slowly")
        expect(last(page)).to_contain_text("word9")
        page.evaluate("navigator.serviceWorker.dispatchEvent(new Event('controllerchange'))")
        expect(page.locator("#banner")).to_contain_text("There is a new version of this page.")
        expect(last(page)).to_contain_text("word50")
        page.locator("#stop").click()
        expect(page.locator("#banner")).to_contain_text("There is a new version of this page.")


def test_a_server_of_another_version_is_told_without_a_service_worker(scripted_directly, visit):
    page = visit(scripted_directly)
    wait_until_online(page)
    page.route(
        "**/api/v1/health", lambda route: route.fulfill(json=route.fetch().json() | {"version": "99.0"})
    )
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("#banner")).to_contain_text("There is a new version of this page.")


def test_what_is_written_from_right_to_left_stands_on_the_right(scripted_directly, visit):
    page = visit(scripted_directly)
    say(page, "rtl: אור")
    expect(last(page).locator(".stats")).to_be_visible()
    directions = (
        last(page)
        .locator(".text > *")
        .evaluate_all("(all) => all.map((each) => getComputedStyle(each).direction)")
    )
    assert directions == ["rtl", "rtl", "ltr"]
    assert page.locator("#message").get_attribute("dir") == "auto"


def test_what_a_model_writes_as_arguments_may_be_anything(scripted_directly, visit):
    page = visit(scripted_directly)
    wait_until_online(page)
    calls = [
        {"id": f"{index}", "type": "function", "function": {"name": "mcp__do", "arguments": text}}
        for index, text in enumerate(["{", "null", "[1]", '"x"', '{"name": {"a": 1}}'])
    ]
    events = [{"model": "m", "choices": [{"delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    page.route("**/api/v1/chat", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    say(page, "hello")
    expect(last(page).locator(".did > li")).to_have_count(5)
    expect(page.locator("#log .error")).to_have_count(0)


def test_code_and_answers_are_copied_by_plain_http_too(scripted_directly, visit):
    for has_clipboard in (True, False):
        page = visit("about:blank", permissions=["clipboard-read", "clipboard-write"])
        if not has_clipboard:
            page.add_init_script(
                "Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })"
            )
            page.add_init_script(
                "document.addEventListener('copy', () => { window.copied = getSelection().toString(); })"
            )
        page.goto(scripted_directly)
        say(page, "rich")
        expect(last(page).locator(".stats")).to_be_visible()
        last(page).locator(".code button").click()
        expect(page.locator("#live")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()" if has_clipboard else "window.copied")
        assert copied.startswith("def answer(question: str")


def test_a_thousand_messages_are_led_on_with(scripted_directly, visit):
    page = visit("about:blank")
    turns = [
        {"role": role, "content": f"{role} **{index}**\n\n- a\n- b"}
        for index in range(500)
        for role in ("user", "assistant")
    ]
    talks = [{"id": "a", "title": "long", "system": "", "messages": turns}]
    page.add_init_script(
        f"localStorage.getItem('{KEEP}') || localStorage.setItem('{KEEP}', {json.dumps(json.dumps(talks))})"
    )
    page.goto(scripted_directly)
    expect(last(page)).to_contain_text("assistant 499")
    first = page.locator("#log > li").first.element_handle()
    say(page, "hello")
    expect(last(page)).to_contain_text("turns 499", timeout=60_000)
    # What was there is not made anew.
    assert first.evaluate("(node) => node.isConnected")
    assert place(page)[1]
