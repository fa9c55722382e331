"""Who may import whom, and how large files and functions may be."""

import argparse
import ast
import re
from pathlib import Path

import pytest

from picoqwen_core.__main__ import make_parser
from tests.repository import ROOT, name_of, sources, syntax

MAX_LINES, MAX_FUNCTION, MAX_KERNEL = 400, 50, 120

# Each part of picoqwen_core and the parts it may import besides itself. The longest name that fits counts.
# Nothing here is ever added for an import to the left: __main__ -> commands -> server -> router -> providers
# -> engine client, and worker -> loaded model -> templates, home, engine -> model -> loaders, quants
# -> kernels.
VOCABULARY = {"errors", "messages"}
WIRE = {"engine.protocol"}
MAY_IMPORT: dict[str, set[str]] = {
    "__main__": {"commands", *VOCABULARY},
    "commands": {
        "agents",
        *(
            "server",
            "talk",
            "terminal",
            "config",
            "engine.client",
            "convert",
            "quants",
            "progress",
            "inference",
        ),
        *("strategy", "recommendation", "cpu", "machine", "installed", "doctor"),
        *("bench", "model", "loaders", "engine.environment"),
        *VOCABULARY,
    },
    "doctor": {
        *("config", "folders", "installed", "loaders", "terminal"),
        *("cpu", "machine", "strategy", "recommendation"),
        *VOCABULARY,
    },
    "progress": set(),
    "inference": {"engine.client", *VOCABULARY},
    "convert": {"byte_level", "chat", "loaders", "model.config", "quants", *VOCABULARY},
    "talk": {"terminal", *VOCABULARY},
    "terminal": VOCABULARY,
    "server": {
        *(
            "router",
            "providers",
            "config",
            "installed",
            "memory",
            "machine",
            "cpu",
            "catalog",
            "hub",
            "strategy",
        ),
        *(
            "engine.client",
            "hybrid",
            "spending",
            "budget",
            "upstreams",
            "prices",
            "agents",
            "raw_text",
            "mcp_servers",
            *VOCABULARY,
        ),
    },
    "agents": {"router", "mcp_servers", "counting", *VOCABULARY},
    "router": {"providers", "candidate", "hybrid", "ladder", *VOCABULARY},
    "hedge": {"health", *VOCABULARY},
    "hybrid": {
        *("providers", "candidate", "attempt", "continuation", "hedge", "ladder", "spending"),
        *("restart", *VOCABULARY),
    },
    "attempt": {"candidate", "spending", *VOCABULARY},
    "continuation": {"candidate", "ladder", "pseudonyms", *VOCABULARY},
    "candidate": {"providers", "raw_text", "health", "upstreams", "pseudonyms", *VOCABULARY},
    "raw_text": VOCABULARY,
    "ladder": VOCABULARY,
    "pseudonyms": {"home", *VOCABULARY},
    "spending": {"budget", "counting", "prices", "upstreams", *VOCABULARY},
    "counting": set(),
    "budget": VOCABULARY,
    "health": set(),
    "restart": set(),
    "upstreams": {"prices", "named_list"},
    "prices": set(),
    "providers": {
        *(
            "engine.client",
            "installed",
            "machine",
            "memory",
            "raw_text",
            "upstreams",
            "health",
            "prices",
            "counting",
        ),
        *VOCABULARY,
    },
    "engine.client": {"engine.connection", *WIRE, *VOCABULARY},
    "engine.connection": WIRE | VOCABULARY,
    "engine.protocol": VOCABULARY,
    "engine.worker": {
        *(
            "engine.loaded",
            "engine.setup",
            "engine.jobs",
            "engine.environment",
            "kernels",
            "machine",
            "memory",
            "folders",
        ),
        *(WIRE | VOCABULARY),
    },
    "engine.environment": {"strategy", "cpu", "machine", "folders", *VOCABULARY},
    "engine.room": VOCABULARY,
    "engine.jobs": VOCABULARY,
    "engine.loaded": {
        *("engine.engine", "engine.setup", "engine.cache_store", "engine.tasks", "engine.constraint"),
        *("engine.answer_text", "engine.turns", "engine.weighing"),
        *("grammar", "chat", "parsing", "sampling", "tokenizer", "home", "model", "loaders"),
        *VOCABULARY,
    },
    "engine.answer_text": {"engine.weighing", "parsing", "tokenizer", *VOCABULARY},
    "engine.turns": VOCABULARY,
    "engine.weighing": {"engine.cache", "sampling"},
    "engine.engine": {
        "engine.scheduler",
        "engine.tasks",
        "engine.speculation",
        "engine.constraint",
        "engine.cache",
        "engine.weighing",
        "sampling",
        *VOCABULARY,
    },
    "engine.scheduler": {"engine.tasks", "engine.prefix_cache", "engine.cache", *VOCABULARY},
    "engine.tasks": {
        *("engine.cache", "engine.constraint", "engine.speculation", "engine.weighing", "sampling"),
        *VOCABULARY,
    },
    "engine.speculation": {"engine.cache"},
    "engine.setup": {
        *("engine.engine", "engine.cache_store", "engine.speculation", "engine.room", "model", "loaders"),
        *VOCABULARY,
    },
    "engine.cache_store": {"engine.prefix_cache"},
    "engine.prefix_cache": set(),
    "engine.cache": set(),
    "engine.constraint": set(),
    "grammar": {"tokenizer", "engine.constraint", *VOCABULARY},
    "chat": VOCABULARY,
    "parsing": VOCABULARY,
    "sampling": VOCABULARY,
    "tokenizer": {"byte_level", *VOCABULARY},
    "home": {"memory", *VOCABULARY},
    "model": {"model.config", "loaders", "quants", "kernels", "cpu", *VOCABULARY},
    "model.config": VOCABULARY,
    "loaders": {"quants", "byte_level", *VOCABULARY},
    "quants": {"kernels", *VOCABULARY},
    "kernels": set(),
    "bench": {"model", "loaders", "kernels"},
    "strategy": {"cpu", "machine", "recommendation", "errors"},
    "recommendation": {"machine"},
    "cpu": {"machine", "folders"},
    "machine": set(),
    "folders": set(),
    "byte_level": set(),
    "memory": set(),
    "config": {
        "config_sections",
        "config_values",
        "installed",
        "key_file",
        "mcp_servers",
        "upstreams",
        "errors",
    },
    "config_sections": set(),
    "key_file": {"errors"},
    "mcp_servers": {"named_list", "errors"},
    "named_list": {"errors"},
    "config_values": set(),
    "hub": {"installed", *VOCABULARY},
    "catalog": {"recommendation"},
    "installed": set(),
    "errors": set(),
    "messages": set(),
}
# Libraries that have one home each; everything else would bring them into the API process.
HOMES: dict[str, tuple[str, ...]] = {
    "numba": ("kernels", "quants", "model", "engine.worker"),
    "llvmlite": ("kernels",),
    "numpy": (
        *("kernels", "quants", "model", "loaders", "convert", "sampling", "machine.bandwidth", "bench"),
        *("engine.cache", "engine.tasks", "engine.constraint", "engine.loaded", "engine.weighing"),
        "grammar",
    ),
    "tokenizers": ("tokenizer",),
    "llguidance": ("grammar",),
    "jinja2": ("chat",),
    "hassil": ("home.rules",),
    "home_assistant_intents": ("home.rules",),
    "openai": ("providers.openai",),
    "anthropic": ("providers.anthropic",),
    "httpx2": (
        "providers.openai",
        "providers.anthropic",
        "providers.remote",
        "agents.mcp_client",
        "agents.mcp_wire",
    ),
    "aiohttp": ("server", "hub", "agents"),
    "mcp": (
        *("agents.mcp_changes", "agents.mcp_client", "agents.mcp_documents", "agents.mcp_server"),
        *("agents.mcp_wire", "server.mcp"),
    ),
    "mcp_types": (
        *("agents.mcp_changes", "agents.mcp_client", "agents.mcp_documents", "agents.mcp_server"),
        "agents.mcp_wire",
    ),
    "homeassistant": (),
}
CORE = [path for path in sources("picoqwen_core") if path.name != "__init__.py"]
SOURCES = sources("picoqwen_core", "custom_components", "training", "benchmarks", "house", "script")


def module_of(path: Path) -> str:
    """A file's name inside picoqwen_core: engine.client."""
    return ".".join(path.relative_to(ROOT / "picoqwen_core").with_suffix("").parts)


def part_of(module: str) -> str | None:
    """The entry of the table that a module belongs to."""
    fitting = [part for part in MAY_IMPORT if f"{module}.".startswith(f"{part}.")]
    return max(fitting, key=len, default=None)


def imports_of(path: Path) -> set[str]:
    """All names that a file imports, wherever in it; `from a import b` is both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.update({module, *(f"{module}.{alias.name}" for alias in node.names)})
    return found


def functions_in(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions below a node, at any depth."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds) and node is not tree]


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    """The lines of a function, decorators left out."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    own = part_of(module_of(path))
    assert own is not None, "a new part needs a line in the table"
    names = {
        name.removeprefix("picoqwen_core.") for name in imports_of(path) if name.startswith("picoqwen_core.")
    }
    parts = {part_of(name) for name in names}
    assert parts - {own, None} <= MAY_IMPORT[own]


def test_every_line_of_the_table_is_used() -> None:
    assert {part_of(module_of(path)) for path in CORE} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_heavy_libraries_stay_in_their_homes(path: Path) -> None:
    libraries = {name.split(".")[0] for name in imports_of(path)}
    module = f"{module_of(path)}."
    for library in libraries & set(HOMES):
        homes = HOMES[library]
        assert any(module.startswith(f"{home}.") for home in homes), f"{library} belongs into {homes}"


def test_the_integration_and_the_server_never_import_each_other() -> None:
    integration = sources("custom_components")
    assert integration
    for path in integration:
        assert not any(name.startswith("picoqwen_core") for name in imports_of(path)), path
    for path in CORE:
        assert not any(name.startswith("custom_components") for name in imports_of(path)), path


def test_pytorch_lives_in_training_only() -> None:
    elsewhere = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "training"]
    for path in elsewhere:
        assert not {"torch", "transformers"} & {name.split(".")[0] for name in imports_of(path)}, path


def test_every_command_has_its_file_and_every_file_its_command() -> None:
    files = {path.stem for path in (ROOT / "picoqwen_core" / "commands").glob("*.py")} - {"__init__"}
    (commands,) = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert files == set(commands.choices)


def test_packages_hold_a_docstring_and_no_logic() -> None:
    for path in sources("picoqwen_core"):
        if path.name == "__init__.py":
            kinds = {type(node) for node in syntax(path).body[1:]}
            assert kinds <= {ast.Assign, ast.AnnAssign}, path


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_are_small_and_say_what_they_are(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= MAX_LINES
    assert ast.get_docstring(syntax(path)), "the first line says what lives here"
    limit = MAX_KERNEL if "kernels" in path.parts else MAX_FUNCTION
    for function in functions_in(syntax(path)):
        # What is defined inside is a function of its own, as in a factory of kernels.
        inner = {line for nested in functions_in(function) for line in lines_of(nested)}
        length = len(set(lines_of(function)) - inner)
        assert length <= limit, f"{function.name} has {length} lines"


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"#.*\b(TODO|FIXME|XXX)\b|\bNotImplementedError\b")
    for path in SOURCES:
        assert not marks.search(path.read_text(encoding="utf-8")), path
