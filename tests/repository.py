"""The files of the repository, for the tests that check its rules."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SKIPPED = frozenset({".git", ".venv", ".cache", "__pycache__"})


@cache
def files() -> tuple[Path, ...]:
    """Every file that git tracks or would track; of an unpacked archive, every file there is."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = {ROOT / name for name in listed.stdout.split("\0") if name}
    else:
        found = {path for path in ROOT.rglob("*") if not _SKIPPED & set(path.relative_to(ROOT).parts)}
    return tuple(sorted(path for path in found if path.is_file() and not path.is_symlink()))


def sources(*folders: str) -> list[Path]:
    """The Python files in these folders of the root."""
    return [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def name_of(path: Path) -> str:
    """A path as it is written in the repository."""
    return path.relative_to(ROOT).as_posix()


@cache
def syntax(path: Path) -> ast.Module:
    """A parsed Python file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def texts() -> dict[Path, str]:
    """Every file that is text."""
    found = {}
    for path in files():
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found
