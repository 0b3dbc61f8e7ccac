"""Import directions: cli -> tui -> session -> diagnosis -> collectors; lab stands alone; only
collectors/cluster knows kubernetes, only tui knows textual and rich."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tools.import_diagram import imports, imports_of

ROOT = Path(__file__).parent.parent
SCREENS = {"textual", "rich"}
NOT_INSTALLED = {"tests", "tools", "benchmarks"}
FORBIDDEN = {
    "collectors": SCREENS | {"cli", "tui", "session", "diagnosis", "lab", "themes"},
    "diagnosis": SCREENS
    | {"cli", "tui", "session", "lab", "themes", "kubernetes", "asyncio", "time", "os", "socket"},
    "session": SCREENS | {"cli", "tui", "lab", "themes", "kubernetes", "pyroute2"},
    "tui": {"cli", "kubernetes", "pyroute2", "psutil"},
    "cli": SCREENS | {"kubernetes", "pyroute2", "psutil"},
    "lab": SCREENS | {"cli", "tui", "session", "diagnosis", "collectors", "themes", "kubernetes"},
    "podwire": SCREENS
    | {"tui", "session", "diagnosis", "collectors", "lab", "themes", "kubernetes"},
    "themes": SCREENS | {"cli", "tui", "session", "diagnosis", "collectors", "lab", "kubernetes"},
}
BY_NAME = {  # what imports modules by names that it works out
    "cli/main.py",
    "diagnosis/rules/__init__.py",
    "session/own_sentences.py",
}
IMPORTS_BY_NAME = re.compile(r"\b(import_module|__import__)$")
MARKED_UP = re.compile(r"\b(notify|Static|Label|Button)\b")
FILES = sorted(p for package in FORBIDDEN for p in (ROOT / package).rglob("*.py"))


def wrong_imports(place: Path, names: Iterable[str]) -> set[str]:
    """Of the packages that a file of the repository imports those that it may not."""
    package, found = place.parts[0], {name.partition(".")[0] for name in names}
    forbidden = FORBIDDEN[package] | NOT_INSTALLED
    if package == "collectors" and "cluster" not in place.parts:
        forbidden = forbidden | {"kubernetes"}
    return found & forbidden


@cache
def dotted_modules() -> frozenset[str]:
    return frozenset(name for name in map(module_name, FILES) if "." in name)


def named_modules(tree: ast.AST) -> Iterator[str]:
    """Texts that are a module's name, as `import_module` has them."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    yield from (text for text in texts if isinstance(text, str) and text in dotted_modules())


def unchecked_imports(tree: ast.AST) -> Iterator[str]:
    """Imports of which the names alone do not say what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import: write the package's whole name"
        if isinstance(node, ast.Call) and _is_computed(node):
            yield f"line {node.lineno}: {ast.unparse(node)} imports what nobody can check"


def _is_computed(call: ast.Call) -> bool:
    by_name = IMPORTS_BY_NAME.search(ast.unparse(call.func))
    return bool(by_name) and not isinstance(call.args[0], ast.Constant)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_keep_their_direction(path: Path) -> None:
    place, tree = path.relative_to(ROOT), ast.parse(path.read_text())
    assert not wrong_imports(place, (name for name, _ in imports_of(path)))
    assert not wrong_imports(place, named_modules(tree)), "by import_module, or the like"
    if place.as_posix() not in BY_NAME:
        assert not list(unchecked_imports(tree))


@pytest.mark.parametrize(
    ("place", "text", "wrong"),
    [
        ("collectors/x.py", "def f():\n    from tui import app", {"tui"}),
        ("collectors/x.py", "if TYPE_CHECKING:\n    import rich.text", {"rich"}),
        ("collectors/x.py", "import_module('tui.app')", {"tui"}),
        ("session/x.py", "__import__('cli.main')", {"cli"}),
        ("diagnosis/x.py", "from tests.support import snapshots", {"tests"}),
        ("collectors/kernel/x.py", "import kubernetes", {"kubernetes"}),
        ("collectors/cluster/x.py", "import kubernetes", set()),
        ("tui/x.py", "from session.store import Store", set()),
    ],
)
def test_an_import_upwards_is_found(place: str, text: str, wrong: set[str]) -> None:
    tree = ast.parse(text)
    names = [*(name for name, _ in imports(tree)), *named_modules(tree)]
    assert wrong_imports(Path(place), names) == wrong


@pytest.mark.parametrize(
    "text", ["from . import store", "import_module(f'{a}.b')", "__import__(a)"]
)
def test_an_import_that_cannot_be_checked_is_found(text: str) -> None:
    assert len(list(unchecked_imports(ast.parse(text)))) == 1


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_of(name: str, known: Iterable[str]) -> Iterator[str]:
    """Of `collectors.findings.Finding` its module; none of a name from outside."""
    if name in known:
        yield name
    elif (parent := name.rpartition(".")[0]) in known:
        yield parent


def cycle(graph: dict[str, set[str]]) -> str:
    """Modules that import each other when they are imported; '' where there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def test_no_modules_import_each_other() -> None:
    """Packages may: docs/architecture.md. What is imported inside of functions comes later."""
    paths = {module_name(path): path for path in FILES}
    graph = {
        name: {
            found
            for imported_name, at_import in imports_of(path)
            for found in module_of(imported_name, paths)
            if at_import and found != name
        }
        for name, path in paths.items()
    }
    assert sum(map(len, graph.values())) > len(graph), "the imports are not seen"
    assert cycle(graph) == ""


def test_a_cycle_is_named() -> None:
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}).split(" <- ")) == set("abc")


def test_no_shell_and_no_markup() -> None:
    """No command goes through a shell built from text, and no widget interprets markup in what it is given."""
    for path in FILES:
        text = path.read_text()
        assert "shell=True" not in text, path
        assert "create_subprocess_shell" not in text, path
        assert "os.system" not in text, path
        assert "from_markup" not in text, path
        tree = ast.parse(text) if MARKED_UP.search(text) else ast.Module([], [])
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            name = (
                call.func.attr
                if isinstance(call.func, ast.Attribute)
                else getattr(call.func, "id", "")
            )
            if name in ("notify", "Static", "Label", "Button"):
                plain = any(
                    k.arg == "markup" and getattr(k.value, "value", True) is False
                    for k in call.keywords
                )
                table = name == "Static" and call.args and isinstance(call.args[0], ast.Call)
                assert plain or table, f"{path}:{call.lineno} {name} without markup=False"


def test_no_file_must_be_scrolled_to_be_understood() -> None:
    assert {
        p.name: len(p.read_text().splitlines())
        for p in FILES
        if len(p.read_text().splitlines()) > 400
    } == {}
