"""The page in six languages: Home Assistant's, without JavaScript, and spoken to in the example home."""

import pytest
from playwright.sync_api import expect

from tests.browser.states import last, say


@pytest.mark.parametrize(("house", "told"), [("it", "Che cosa"), ("pt-BR", "What can I"), ("", "What can I")])
def test_inside_of_home_assistant_the_page_speaks_its_language(scripted_directly, visit, house, told):
    page = visit("about:blank")
    head = f'<html lang="{house}"><meta name="color-scheme" content="light">'
    frame = f'{head}<iframe src="{scripted_directly}"></iframe>'
    page.route(f"{scripted_directly}house", lambda route: route.fulfill(content_type="text/html", body=frame))
    page.goto(f"{scripted_directly}house")
    log = page.frame_locator("iframe").locator("#log")
    expect(log).to_contain_text(told)
    page.evaluate("document.documentElement.lang = 'nl'")
    expect(log).to_contain_text("Wat kan ik")


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "fr-FR", "es-ES", "nl-NL", "it-IT"])
def test_the_example_home_answers_to_its_own_suggestions(product, visit, locale):
    page = visit(product, locale=locale)
    page.locator(".hero button").click()
    expect(page.locator(".hero button")).to_have_count(4)
    suggestions = page.locator(".hero button").all_inner_texts()
    for index, text in enumerate(suggestions):
        say(page, text)
        expect(last(page).locator(".stats")).to_be_visible()
        if index == 1:
            expect(last(page)).to_contain_text("7")
        else:
            expect(last(page).locator(".did")).to_be_visible()
        page.locator("#history > .main").click()


def test_without_javascript_the_page_speaks_the_language_of_the_browser(scripted_directly, visit):
    page = visit(scripted_directly, java_script_enabled=False, locale="de-DE")
    page.get_by_label("Nachricht").fill("hallo")
    page.get_by_role("button", name="Senden").click()
    expect(last(page)).to_contain_text("Antwort")
    expect(last(page)).to_contain_text("You said: hallo")
