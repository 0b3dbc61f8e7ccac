"""Import directions: cli -> tui -> session -> diagnosis -> collectors; lab stands alone; only
collectors/cluster knows kubernetes, only tui knows textual and rich."""

import ast
import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tools.import_diagram import imports_of

ROOT = Path(__file__).parent.parent
SCREENS = {"textual", "rich"}
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
MARKED_UP = re.compile(r"\b(notify|Static|Label|Button)\b")
FILES = sorted(p for package in FORBIDDEN for p in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    return {name.partition(".")[0] for name, _ in imports_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_keep_their_direction(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert not imported(path) & FORBIDDEN[package]
    if package == "collectors" and "cluster" not in path.parts:
        assert "kubernetes" not in imported(path)


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
