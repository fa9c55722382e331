"""What was looked at, how it is, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

type State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """state: "warn" is for what works, but not well; advice: empty where all is well."""

    check: str
    state: State
    told: str
    advice: str = ""


def megabytes(size: float) -> str:
    """Bytes, for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
