"""Answers that attack the page, and that would stop it: through the real page, in pieces as they come."""

import pytest
from playwright.sync_api import expect

from tests.browser.states import last, say
from tests.browser.test_chat_page import wait_until_online

NASTY = {
    "a handler in a picture": "<img src=x onerror=window.hacked=1>",
    "a script in svg": "<svg><script>window.hacked=1</script></svg><svg/onload=window.hacked=1>",
    "a frame with a document": "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "a link of script, in capitals": "[a](JaVaScRiPt:window.hacked=1) [b](&#106;avascript:window.hacked=1)",
    "a link with a line in it": "[a](java\tscript:window.hacked=1) [b](\x01javascript:window.hacked=1)",
    "a link of data": "[a](data:text/html;base64,PHNjcmlwdD53aW5kb3cuaGFja2VkPTE8L3NjcmlwdD4=)",
    "references": "[a][1] <javascript:window.hacked=1>\n\n[1]: javascript:window.hacked=1",
    "quotes that leave an attribute": '[a](https://ok.example/"onmouseover="window.hacked=1) ![x](https://evil.example/"onload="hacked=1)',
    "a fence of elements": "```<img/src=x/onerror=hacked=1>\n</pre><script>window.hacked=1</script>\n```",
    "a table of them": "| <script>hacked=1</script> |\n|---|\n| <a href=javascript:window.hacked=1>x</a> |",
    "a form": "<base href=https://evil.example/><form action=https://evil.example/><input autofocus></form>",
    "styles that hide the page": "<style>*{display:none}</style><link rel=stylesheet href=https://evil.example/x.css>",
    "elements by the names of our own": "<div id=composer></div><input id=message><a id=live name=live>x</a>",
    "text that turns round": "safe\u202egpj.exe\u202c [\u202eelpmaxe.live//:sptth](https://ok.example)",
    "a template of something": "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1}",
    "the marks of the page without scripts": '<!--talk--> name="history" value=""',
}
# Each would stop a page whose patterns look further than they have to.
HEAVY = {
    "brackets": "[" * 100_000,
    "half a table": "|\n" + "-" * 100_000 + "x",
    "a heading of spaces": "# a" + " " * 100_000 + "b",
    "a heading of marks": "# " + "#" * 100_000 + "x",
    "ticks": "`" * 100_000,
    "unclosed strong words": " __a" * 25_000,
    "stars": "*a **b " * 15_000,
    "quotes in quotes": ">" * 100_000,
    "lists in lists": "\n".join(" " * (2 * depth) + "- x" for depth in range(400)),
    "one word": "x" * 100_000,
    "links that do not end": "[a](https://" * 9_000,
    "spaces": " " * 100_000 + "x",
}


@pytest.mark.parametrize("name", NASTY)
def test_an_answer_cannot_be_more_than_text(scripted_directly, visit, name):
    page = visit(scripted_directly)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wait_until_online(page)
    say(page, "echo " + NASTY[name])
    expect(last(page).locator(".stats")).to_be_visible()

    assert page.evaluate("window.hacked") is None
    text = last(page).locator(":scope > .text")
    allowed = "p, br, hr, a, strong, em, del, code, pre, ul, ol, li, h3, blockquote"
    table = "table, thead, tbody, tr, th, td"
    own = f"{allowed}, {table}, .scroll, .code, .bar, .bar *"
    assert text.locator(f":scope *:not({own})").count() == 0
    allowed_attributes = {
        "dir",
        "href",
        "target",
        "rel",
        "class",
        "tabindex",
        "start",
        "type",
        "aria-label",
        "aria-hidden",
        "title",
    }
    names = text.evaluate(
        "(node) => [...node.querySelectorAll('*')].flatMap((each) => each.getAttributeNames())"
    )
    assert set(names) <= allowed_attributes
    for link in text.locator("a").all():
        assert link.get_attribute("href").startswith("https://")
        assert link.get_attribute("rel") == "noopener noreferrer"
    assert [url for url in asked if not url.startswith(scripted_directly)] == []
    # The page goes on working.
    say(page, "hello")
    expect(last(page)).to_contain_text("You said: hello")


@pytest.mark.parametrize("name", HEAVY)
def test_no_answer_stops_the_page(scripted_directly, visit, name):
    page = visit(scripted_directly)
    wait_until_online(page)
    script = """async (text) => {
      const { markdown } = await import("./ui/markdown.js");
      return [text.slice(0, text.length / 4), text].map((part) => {
        const start = performance.now();
        markdown(part);
        return performance.now() - start;
      });
    }"""
    quarter, whole = page.evaluate(script, HEAVY[name])
    # Four times the text takes four times as long, not sixteen times; what is over in a moment tells nothing.
    assert whole < max(2000, 10 * quarter), f"{quarter:.0f} ms for a quarter, {whole:.0f} ms for the whole"


def test_drawn_as_it_comes_an_answer_is_what_it_is_drawn_at_once(scripted_directly, visit):
    page = visit(scripted_directly)
    wait_until_online(page)
    script = """async (texts) => {
      const { grow, markdown } = await import("./ui/markdown.js");
      const different = [];
      for (const text of texts) for (const step of [1, 3, 50]) {
        const grown = document.createElement("div"), whole = document.createElement("div");
        for (let end = step; end < text.length + step; end += step) grow(grown, text.slice(0, end));
        whole.append(markdown(text));
        if (grown.innerHTML !== whole.innerHTML) different.push([text, step, grown.innerHTML]);
      }
      return different;
    }"""
    texts = [
        "- a\n- b\n\n- c\n\n1. x\n2. y\n\ntext\n\n- d\n",
        "para\n\n```py\ncode\n\nmore\n```\nafter\n\n> q\n> r\n\nend",
        "a | b\n---|---\n1 | 2\n\n# h\n\n***\n* x\n* y\n\n\n\n  z",
        "line\r\n\r\n- a\r\n\r\n  b\r\n\r\n---\r\n-",
        *NASTY.values(),
    ]
    assert page.evaluate(script, texts) == []


def test_an_answer_of_100_000_characters_is_shown_kept_and_scrolled(scripted_directly, visit):
    page = visit(scripted_directly)
    say(page, "long")
    expect(last(page).locator(".stats")).to_be_visible(timeout=120_000)
    assert len(last(page).locator(":scope > .text").inner_text()) > 100_000
    expect(page.locator("#to-end")).to_be_hidden()
    page.reload()
    expect(last(page)).to_contain_text("Line 999")
    say(page, "hello")
    expect(last(page)).to_contain_text("You said: hello. turns 3")
