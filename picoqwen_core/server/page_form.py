"""POST /: the chat page's form, answered with the whole page where the browser runs no JavaScript."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from aiohttp import web

from picoqwen_core.errors import AuthError, ForbiddenError, PicoQwenError, RequestError
from picoqwen_core.server.access import CALLER, is_open_to, key_name
from picoqwen_core.server.completion import collected
from picoqwen_core.server.metrics import measured
from picoqwen_core.server.page import PAGE_HEADERS, page_language
from picoqwen_core.server.page_text import page_in, texts
from picoqwen_core.server.patience import patient
from picoqwen_core.server.schemas import BODY_SECONDS, chat_request
from picoqwen_core.server.state import state_of

_TALK, _HISTORY = "<!--talk-->", 'name="history" value=""'
_WHO = {"user": "you", "assistant": "answer"}


async def answer(request: web.Request) -> web.Response:
    """The page with the conversation so far and the answer, or the reason why there is none."""
    form = await _fields(request)
    messages: list[Any] = []
    language = page_language(request)
    try:
        _check_caller(request, form)
        messages = [*_history(form.get("history", "")), {"role": "user", "content": _said(form)}]
        said = await _ask(request, messages)
    except PicoQwenError as err:
        shown = f'{_items(messages, language)}<li><p class="error" role="alert">{escape(str(err))}</p></li>'
        # What could not be answered is not part of the conversation; it is typed again.
        return _page(shown, messages[:-1], language, err.status)
    messages.append({"role": "assistant", "content": said})
    return _page(_items(messages, language), messages, language)


async def _fields(request: web.Request) -> Mapping[str, str]:
    """The text fields of the form. Raises RequestError where it does not arrive."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            form = await request.post()
    except TimeoutError as err:
        raise RequestError(f"the form did not arrive within {BODY_SECONDS:g} s") from err
    except ValueError as err:
        raise RequestError(f"the form cannot be read: {err}") from err
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _check_caller(request: web.Request, form: Mapping[str, str]) -> None:
    """A form can be sent by any web page, unlike JSON; one of another origin is refused."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise ForbiddenError("this form was sent by another web page")
    settings = state_of(request).settings
    if is_open_to(request, settings):
        return
    name = key_name(form.get("key", ""), settings)
    if name is None:
        raise AuthError("the API key is missing or wrong; it is asked for below the message")
    request[CALLER] = name


def _said(form: Mapping[str, str]) -> str:
    text = form.get("message", "").strip()
    if not text:
        raise RequestError("the message is empty; type something and send it again")
    return text


def _history(text: str) -> list[dict[str, str]]:
    """What was said before, as the page itself wrote it into its hidden field."""
    try:
        found = json.loads(text or "[]")
        return [{"role": str(role), "content": str(content)} for role, content in found]
    except (ValueError, TypeError, RecursionError) as err:
        raise RequestError(f"the conversation so far cannot be read: {err}") from err


async def _ask(request: web.Request, messages: list[Any]) -> str:
    state = state_of(request)
    parsed = chat_request({"messages": messages})
    deltas, model = state.router.route(parsed)
    body = await collected(measured(patient(deltas, state.settings), state, model), model)
    return str(body["choices"][0]["message"]["content"] or "")


def _items(messages: Iterable[Mapping[str, str]], language: str) -> str:
    names = {role: texts(language)[key] for role, key in _WHO.items()}
    return "".join(
        f'<li class="{escape(each["role"])}"><h2>{names.get(each["role"], "")}</h2>'
        f'<div class="text plain" dir="auto">{escape(each["content"])}</div></li>'
        for each in messages
    )


def _page(
    shown: str, messages: Iterable[Mapping[str, str]], language: str, status: int = 200
) -> web.Response:
    kept = json.dumps([[each["role"], each["content"]] for each in messages], ensure_ascii=False)
    text = (
        page_in(language)
        .replace(_TALK, shown, 1)
        .replace(_HISTORY, f'name="history" value="{escape(kept)}"', 1)
    )
    headers = {**PAGE_HEADERS, "Cache-Control": "no-store"}
    return web.Response(text=text, content_type="text/html", headers=headers, status=status)
