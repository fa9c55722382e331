"""A talk on the terminal: what was said before, and the commands that begin with a slash."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from picoqwen_core.errors import RequestError
from picoqwen_core.terminal import Server

_MOST_LINES = 1000


class Talk:
    """One conversation. `say` answers a line or obeys a command; both yield the pieces to print."""

    def __init__(self, server: Server, model: str | None = None) -> None:
        self.server, self.model = server, model
        self.system: str | None = None
        self.messages: list[dict[str, str]] = []

    def say(self, line: str) -> Iterator[str]:
        """The answer to a line."""
        if not line.strip():
            return
        if line.startswith("/"):
            word, _, rest = line[1:].strip().partition(" ")
            command = _COMMANDS.get(word)
            yield from command(self, rest.strip()) if command else _unknown(word)
            return
        yield from self._answer([*self.messages, {"role": "user", "content": line}])

    def _answer(self, asked: list[dict[str, str]]) -> Iterator[str]:
        """An answer that failed is forgotten, with its question."""
        said, waited = "", False
        system = [{"role": "system", "content": self.system}] if self.system else []
        try:
            for delta in self.server.chat([*system, *asked], self.model):
                if "loading" in delta:
                    waited = True
                    yield f"\r[loading the model, {delta['loading']:.0f} s] "
                    continue
                if waited:
                    waited = False
                    yield "\r" + " " * 40 + "\r"
                said += delta.get("content") or ""
                yield delta.get("content") or ""
        except RequestError as err:
            yield f"[{err}]\n"
            return
        yield "\n"
        self.messages = [*asked, {"role": "assistant", "content": said}]


def _help(_talk: Talk, _rest: str) -> Iterator[str]:
    """what there is to say"""
    for word, command in _COMMANDS.items():
        yield f"  /{word:<10} {command.__doc__}\n"
    yield f"  /{'quit':<10} end the talk, as Ctrl-D does\n"


def _clear(talk: Talk, _rest: str) -> Iterator[str]:
    """forget what was said"""
    talk.messages = []
    yield "[forgotten]\n"


def _history(talk: Talk, _rest: str) -> Iterator[str]:
    """show what was said"""
    for message in talk.messages:
        yield f"{message['role']}: {message['content']}\n"
    if not talk.messages:
        yield "[nothing yet]\n"


def _retry(talk: Talk, _rest: str) -> Iterator[str]:
    """ask the last question again"""
    if not talk.messages:
        yield "[nothing was asked yet]\n"
        return
    yield from talk._answer(talk.messages[:-1])  # noqa: SLF001 - a command is part of the talk


def _model(talk: Talk, rest: str) -> Iterator[str]:
    """NAME: go on with another model; without a name, say which"""
    if rest:
        known = [each["id"] for each in talk.server.models()]
        if rest not in known:
            yield f"[model {rest!r} is not installed; there is: {', '.join(known)}]\n"
            return
        talk.model = rest
    yield f"[{talk.model or 'the default model'}]\n"


def _models(talk: Talk, _rest: str) -> Iterator[str]:
    """list the models"""
    for model in talk.server.models():
        yield f"  {model['id']:<32} {'loaded' if model['loaded'] else 'not loaded'}\n"


def _system(talk: Talk, rest: str) -> Iterator[str]:
    """TEXT: what the model is told first; without a text, nothing"""
    talk.system = rest or None
    yield "[told]\n" if rest else "[nothing is told first]\n"


def _save(talk: Talk, rest: str) -> Iterator[str]:
    """FILE: write the talk as JSON"""
    if not rest:
        yield "[/save needs a file's name]\n"
        return
    try:
        Path(rest).write_text(json.dumps(talk.messages, ensure_ascii=False, indent=2), encoding="utf-8")
    except OSError as err:
        yield f"[{rest} cannot be written: {err.strerror or err}]\n"
        return
    yield f"[written to {rest}]\n"


def _unknown(word: str) -> Iterator[str]:
    yield f"[/{word} is not known; /help tells what is]\n"


_COMMANDS: dict[str, Callable[[Talk, str], Iterator[str]]] = {
    "help": _help,
    "clear": _clear,
    "history": _history,
    "retry": _retry,
    "model": _model,
    "models": _models,
    "system": _system,
    "save": _save,
}


def talk(server: Server, model: str | None, lines: Iterator[str]) -> Iterator[str]:
    """Answer one line after another with the whole conversation in mind; yields the pieces to print."""
    going = Talk(server, model)
    for line in lines:
        yield from going.say(line)


def typed_lines(prompt: str, history: Path | None = None) -> Iterator[str]:
    """What is typed, until Ctrl-D or /quit. history: where lines are kept for the next time's arrow keys."""
    keep = _remembering(history) if history is not None else lambda: None
    try:
        while True:
            try:
                line = input(prompt)
            except EOFError:
                return
            if line.strip() == "/quit":
                return
            yield line
    finally:
        keep()


def _remembering(history: Path) -> Callable[[], None]:
    """Read the lines of former talks; the result writes them down with the new ones, for this user alone."""
    try:
        import readline  # noqa: PLC0415 - a terminal only, and not every Python has it
    except ImportError:
        return lambda: None
    with suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(_MOST_LINES)

    def keep() -> None:
        with suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            history.touch(mode=0o600)
            readline.write_history_file(history)

    return keep
