"""The note that a running house leaves in its folder, so that `--ask` speaks to it and starts no other."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import HouseError
from .paths import make_folder

NOTE = "running.json"


@dataclass(frozen=True, slots=True)
class RunningHouse:
    """What is needed to speak to a running house."""

    url: str
    token: str
    agent_id: str


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the folder for this process: two Home Assistants on one configuration destroy it."""
    make_folder(folder)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise HouseError("the demo house is already running; stop it first, or use --fresh") from err
        note = folder / NOTE
        note.unlink(missing_ok=True)
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def leave_note(folder: Path, house: RunningHouse) -> None:
    """Say how to speak to the house of this folder."""
    note = folder / NOTE
    note.touch(mode=0o600)
    note.write_text(json.dumps(asdict(house)), encoding="utf-8")


def find_running(folder: Path) -> RunningHouse | None:
    """The running house of this folder, where a living process holds it."""
    note = folder / NOTE
    if not note.exists():
        return None
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return RunningHouse(**json.loads(note.read_text(encoding="utf-8")))
    return None
