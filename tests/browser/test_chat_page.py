"""The chat page in a real browser: talking, and everything that may come between."""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import stand_in

expect.set_options(timeout=30_000)


def say(page: Page, text: str) -> None:
    page.locator("#message").fill(text)
    page.locator("#send").click()


def last(page: Page):
    return page.locator("#log > li").last


def wait_until_online(page: Page) -> None:
    expect(page.locator("#model option").first).to_be_attached()


def test_a_home_is_commanded_through_the_built_in_model(product, visit):
    page = visit(product)
    page.get_by_role("button", name="Try the example home").click()
    page.get_by_role("button", name="Turn on the kitchen lamp").click()

    expect(last(page)).to_contain_text("Turned on the Kitchen lamp.")
    expect(last(page).locator(".did summary")).to_have_text("Turned on or opened: Kitchen lamp")
    expect(last(page).locator(".stats")).to_contain_text("tokens")


def test_the_home_is_spoken_to_in_another_language(product, visit):
    page = visit(product, locale="de-DE")
    page.get_by_role("button", name="Beispielhaus ausprobieren").click()
    say(page, "Schalte die Küchenlampe ein")
    expect(last(page)).to_contain_text("Eingeschaltet: Küchenlampe.")
    expect(last(page).locator(".served")).to_contain_text("Antwort von: ")


def test_the_built_in_model_says_what_it_cannot_do(product, visit):
    page = visit(product)
    wait_until_online(page)
    say(page, "write a poem")
    expect(last(page)).to_contain_text("I can only control a home")


def test_the_conversation_goes_on_and_is_there_after_a_reload(scripted, visit):
    page = visit(scripted)
    say(page, "hello")
    expect(last(page)).to_contain_text("You said: hello. turns 1")
    say(page, "again")
    expect(last(page)).to_contain_text("turns 3")

    page.reload()
    expect(last(page)).to_contain_text("turns 3")
    expect(page.locator("#history li")).to_have_count(1)


def test_an_answer_is_stopped_and_the_server_stops_too(scripted, visit):
    page = visit(scripted)
    say(page, "slowly")
    expect(last(page)).to_contain_text("word3")
    page.locator("#stop").click()

    expect(last(page)).to_contain_text("Stopped")
    expect(page.locator("#send")).to_be_visible()
    assert "word399" not in last(page).inner_text()


def test_a_question_is_edited_and_an_answer_asked_for_again(scripted, visit):
    page = visit(scripted)
    say(page, "first")
    expect(last(page)).to_contain_text("You said: first")
    page.get_by_role("button", name="Try again").click()
    expect(last(page)).to_contain_text("You said: first. turns 1")
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("#message")).to_have_value("first")
    # Nothing is lost before it is sent.
    expect(last(page)).to_contain_text("You said: first")
    page.locator("#stop-editing").click()
    expect(page.locator("#message")).to_have_value("")
    page.get_by_role("button", name="Edit").click()
    say(page, "second")
    expect(last(page)).to_contain_text("You said: second. turns 1")


def test_the_system_prompt_is_sent_along(scripted, visit):
    page = visit(scripted)
    page.get_by_text("Options").click()
    page.get_by_label("System prompt").fill("be brief")
    say(page, "hello")
    expect(last(page)).to_contain_text("be brief")


def test_thinking_is_folded(scripted, visit):
    page = visit(scripted)
    say(page, "think")
    expect(last(page)).to_contain_text("thought through")
    expect(page.get_by_text("a deep thought")).to_be_hidden()
    page.get_by_text("What the model thought").click()
    expect(page.get_by_text("a deep thought")).to_be_visible()


def test_markdown_is_shown_and_never_run(scripted, visit):
    page = visit(scripted)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    say(page, "attack")
    expect(last(page).locator("strong")).to_have_text("bold")

    assert page.evaluate("window.hacked") is None
    assert last(page).locator("img, script, b").count() == 0
    assert [a.get_attribute("href") for a in last(page).locator("a").all()] == ["https://evil.example/x.png"]
    assert not [url for url in asked if "evil" in url]
    expect(last(page).locator("td").nth(1)).to_have_text("<b>2</b>")
    expect(last(page).locator(".text li")).to_have_count(2)


def test_a_full_queue_is_told_and_tried_again(scripted, visit):
    page = visit(scripted)
    say(page, "busy once")
    expect(page.get_by_role("alert").filter(has_text="busy")).to_contain_text("the queue is full")
    page.get_by_role("button", name="Try again").click()
    expect(last(page)).to_contain_text("You said: busy once")


def test_an_answer_that_breaks_off_is_kept_and_told(scripted, visit):
    page = visit(scripted)
    say(page, "break")
    expect(last(page)).to_contain_text("the engine was killed")
    expect(page.locator(".assistant")).to_contain_text("You said: break")


def test_the_key_is_asked_for_and_used(visit):
    with stand_in(0, "--key", "secret") as (_, url):
        page = visit(url)
        expect(page.locator("#banner")).to_contain_text("The server asks for a key.")
        say(page, "hello")
        page.locator("dialog input[type=password]").fill("secret")
        page.get_by_role("button", name="Save").click()
        expect(last(page)).to_contain_text("You said: hello")
        expect(page.locator("#banner")).to_be_hidden()


def test_without_the_server_the_page_opens_and_says_so_and_comes_back(way, visit):
    with stand_in(0, *way) as (server, url):
        page = visit(url)
        say(page, "remember me")
        expect(last(page)).to_contain_text("You said: remember me")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        server.kill()
        server.wait()
        page.reload()
        expect(last(page)).to_contain_text("You said: remember me")
        expect(page.locator("#banner")).to_contain_text("The server cannot be reached.")
        say(page, "are you there?")
        expect(last(page)).to_contain_text("The server cannot be reached.")
    with stand_in(urlsplit(url).port, *way):
        expect(page.locator("#banner")).to_be_hidden()
        page.get_by_role("button", name="Try again").click()
        expect(last(page)).to_contain_text("You said: are you there?")


def test_everything_can_be_done_with_the_keyboard(scripted, visit):
    page = visit(scripted)
    wait_until_online(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#message")).to_be_focused()
    page.keyboard.type("slowly")
    page.keyboard.press("Enter")
    expect(last(page)).to_contain_text("word2")
    page.keyboard.press("Escape")
    expect(last(page)).to_contain_text("Stopped")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator("#view-models")).to_contain_text("scripted")
    page.keyboard.press("3")
    expect(page.locator("#view-status")).to_contain_text("All is well")
    page.keyboard.press("4")
    expect(page.locator("#view-agents h2").first).to_have_text("Agents")
    page.keyboard.press("n")
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("#log > li.user")).to_have_count(0)


class AxeOfAnotherWorld(Axe):
    """The page's policy forbids what axe does to itself; a devtools session is not bound by it."""

    def run(self, page: Page, **more):
        page.context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
        page.reload()
        wait_until_online(page)
        page.wait_for_timeout(500)
        return super().run(page, **more)


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("de-DE", "Was kann ich"),
        ("fr-FR", "Que puis-je"),
        ("nl", "Wat kan"),
        ("es", "¿Qué"),
        ("it-IT", "Che cosa"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(scripted, visit, locale, told):
    page = visit(scripted, locale=locale)
    expect(page.locator("#log")).to_contain_text(told)
    assert page.evaluate("document.documentElement.lang") == locale[:2]


@pytest.mark.parametrize(("house", "text"), [("dark", "rgb(232, 235, 239)"), ("light", "rgb(22, 25, 29)")])
def test_inside_of_home_assistant_the_page_has_its_colours(scripted, visit, house, text):
    page = visit("about:blank", color_scheme="light" if house == "dark" else "dark")
    frame = f'<meta name="color-scheme" content="{house}"><iframe src="{scripted}"></iframe>'
    page.route(f"{scripted}house", lambda route: route.fulfill(content_type="text/html", body=frame))
    page.goto(f"{scripted}house")
    body = page.frame_locator("iframe").locator("body")
    expect(body).to_have_css("color", text)
    page.evaluate("document.querySelector('meta').content = 'dark'")
    expect(body).to_have_css("color", "rgb(232, 235, 239)")


def test_saving_data_asks_for_whole_answers_and_draws_no_plots(scripted, visit):
    page = visit(scripted)
    wait_until_online(page)
    page.keyboard.press("s")
    page.get_by_label("Save data").check()
    page.get_by_role("button", name="Save").click()
    with page.expect_response("**/api/v1/chat") as response:
        page.locator("#message").fill("hello")
        page.locator("#send").click()
    assert response.value.headers["content-type"].startswith("application/json")
    expect(last(page)).to_contain_text("You said: hello")
    page.goto(f"{scripted}#status")
    expect(page.locator("#view-status")).to_contain_text("All is well")
    expect(page.locator("svg.plot")).to_have_count(0)


def test_saving_data_the_page_opens_offline_and_fetches_nothing_for_it(way, visit):
    with stand_in(0, *way) as (server, url):
        page = visit("about:blank", locale="de-DE")
        page.add_init_script("localStorage.setItem('picoqwen.settings', '{\"lite\": true}')")
        asked: list[str] = []
        page.context.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        page.goto(url)
        say(page, "remember me")
        expect(last(page)).to_contain_text("You said: remember me")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        assert not {"status.js", "models.js", "text_fr.js", "text_en.js", "more_de.js"} & set(asked)
        server.kill()
        server.wait()
        page.reload()
        expect(page.locator("#banner")).to_contain_text("Der Server ist nicht zu erreichen.")
        expect(last(page)).to_contain_text("You said: remember me")


def test_without_javascript_the_form_answers(scripted, visit):
    page = visit(scripted, java_script_enabled=False)
    page.get_by_label("Message").fill("hello <b>you</b>")
    page.get_by_role("button", name="Send").click()
    expect(last(page)).to_contain_text("You said: hello <b>you</b>. turns 1")
    page.get_by_label("Message").fill("more")
    page.get_by_role("button", name="Send").click()
    expect(last(page)).to_contain_text("turns 3")
