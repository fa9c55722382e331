"""The rules of the tree: who may import whom, and how large files and functions may be."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES, MAX_FUNCTION, MAX_KERNEL = 400, 50, 120
PACKAGES = ("picoqwen_core", "custom_components", "training", "benchmarks", "house", "script")

# Each room of picoqwen_core, and the rooms it may import; the shared vocabulary is open to all of them.
SHARED = {"errors", "messages"}
ALLOWED: dict[str, set[str]] = {
    "__main__": {"server", "config", "engine", "terminal"},
    "server": {"config", "router", "providers", "engine"},
    "terminal": set(),
    "router": {"providers"},
    "providers": {"engine"},
    "engine": {"chat", "parsing", "sampling", "tokenizer", "home", "model", "loaders"},
    "home": set(),
    "chat": set(),
    "parsing": set(),
    "sampling": set(),
    "tokenizer": set(),
    "model": {"loaders", "quants", "kernels", "cpu"},
    "loaders": {"quants"},
    "quants": set(),
    "kernels": set(),
    "cpu": set(),
    "config": set(),
    "errors": set(),
    "messages": set(),
}
NUMBA_ROOMS = {"kernels"}
# The API process must stay small: of the engine, only its client may be imported there.
API_ROOMS = {"__main__", "server", "router", "providers"}
ENGINE_CLIENT = {"picoqwen_core.engine.client"}


def tracked(*suffixes: str) -> list[Path]:
    """Files of the repository, as git knows them (new ones included)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]


SOURCES = [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in PACKAGES]
CORE = [path for path in SOURCES if path.relative_to(ROOT).parts[0] == "picoqwen_core"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "picoqwen_core").parts
    return parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_rooms_import_only_what_lies_below_them(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    imported = {name.split(".")[1] for name in imports_of(path) if name.startswith("picoqwen_core.")}
    assert imported - SHARED - {room, "__version__"} <= ALLOWED[room]


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_only_kernels_import_numba(path: Path) -> None:
    if room_of(path) not in NUMBA_ROOMS:
        assert not {name for name in imports_of(path) if name.split(".")[0] in ("numba", "llvmlite")}


@pytest.mark.parametrize("path", [p for p in CORE if room_of(p) in API_ROOMS], ids=name_of)
def test_the_api_process_knows_only_the_engines_client(path: Path) -> None:
    modules = {name for name in imports_of(path) if re.fullmatch(r"picoqwen_core\.engine\.\w+", name)}
    assert modules <= ENGINE_CLIENT


def test_the_integration_never_imports_the_server() -> None:
    integration = [path for path in SOURCES if "custom_components" in path.parts]
    assert integration
    for path in integration:
        assert not {name for name in imports_of(path) if name.startswith("picoqwen_core")}, path


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_are_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    limit = MAX_KERNEL if "kernels" in path.parts else MAX_FUNCTION
    assert text.count("\n") <= MAX_LINES
    assert ast.get_docstring(tree), "the first line says what lives here"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "vector_ops":
            length = (node.end_lineno or 0) - node.lineno
            assert length <= limit, f"{node.name} has {length} lines"


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"#.*\b(TODO|FIXME|XXX)\b|\bNotImplementedError\b")
    for path in SOURCES:
        assert not marks.search(path.read_text()), path


def test_the_project_names_no_registry_and_no_foreign_path() -> None:
    forbidden = re.compile(r"files\.pythonhosted\.org|pypi\.org/simple|/work/|--index-url|--extra-index-url")
    for path in tracked(".py", ".md", ".sh", ".toml", ".yaml", ".yml", ".json", ".txt", ".in", "Dockerfile"):
        if path.name != Path(__file__).name:
            assert not forbidden.search(path.read_text(errors="replace")), path


def test_requirements_are_pinned_with_hashes() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        if path.with_suffix(".in").exists():
            text = path.read_text()
            names = re.findall(r"^[A-Za-z0-9][\w.\[\]-]*==", text, flags=re.MULTILINE)
            assert len(names) > 3
            assert text.count("--hash=sha256:") >= len(names)


def test_hacs_finds_exactly_one_integration() -> None:
    folders = {path.relative_to(ROOT).parts[1] for path in tracked("") if "custom_components" in path.parts}
    assert {name for name in folders if not name.endswith(".py")} == {"picoqwen"}
