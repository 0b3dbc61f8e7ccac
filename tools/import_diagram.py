"""Draws what imports what: python tools/import_diagram.py [--write] [ROOT]

Mermaid flowcharts of the packages, and a table of the libraries they import, between two comments
of docs/architecture.md; `--write` puts them there, else they are printed. ROOT is another checkout.
An arrow is dashed where all imports are inside of functions or for types alone.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent.parent
DOCUMENT = HERE / "docs" / "architecture.md"
BEGIN, END = "<!-- imports: made by tools/import_diagram.py -->", "<!-- end of imports -->"
TOP = ("cli", "tui", "session", "diagnosis", "collectors", "themes", "lab")
OUTSIDE = ("textual", "rich", "kubernetes", "pyroute2", "psutil", "aiohttp", "yaml")


class Import(NamedTuple):
    """`at_import`: made when the module is imported; else later, or for types alone."""

    importer: str
    imported: str
    at_import: bool


class Module(NamedTuple):
    path: Path
    package: str  # dotted


class Arrow(NamedTuple):
    importer: str
    imported: str
    at_import: bool


def modules(root: Path) -> list[Module]:
    found = []
    for top in TOP:
        for path in sorted((root / top).rglob("*.py")):
            package = ".".join(path.relative_to(root).parent.parts)
            found.append(Module(path, package))
    return found


def is_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:`"""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(tree: ast.AST, at_import: bool = True) -> Iterator[tuple[str, bool]]:
    """Names that are imported, e.g. `collectors.capture.flows.FlowTable`, each with `at_import`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", at_import) for alias in node.names)
        else:
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_for_types(node)
            yield from imports(node, at_import and not later)


@cache
def imports_of(path: Path) -> tuple[tuple[str, bool], ...]:
    """The same of a file."""
    return tuple(imports(ast.parse(path.read_text())))


def package_of(name: str, packages: set[str]) -> str:
    """The package of the product, or the library of OUTSIDE, that a name is from; '' for others."""
    parts = name.split(".")
    if parts[0] in OUTSIDE:
        return parts[0]
    for length in range(len(parts), 0, -1):
        if (package := ".".join(parts[:length])) in packages:
            return package
    return ""


def arrows(root: Path) -> list[Arrow]:
    """Between packages, and from packages to libraries of OUTSIDE."""
    found = modules(root)
    packages = {module.package for module in found}
    at_imports: dict[tuple[str, str], bool] = {}
    for module in found:
        for name, at_import in imports_of(module.path):
            imported = package_of(name, packages)
            if imported and imported != module.package:
                pair = (module.package, imported)
                at_imports[pair] = at_imports.get(pair, False) or at_import
    return [Arrow(*pair, at_import) for pair, at_import in sorted(at_imports.items())]


def room(package: str) -> str:
    return package.partition(".")[0]


def between_rooms(drawn: list[Arrow]) -> list[Arrow]:
    """The arrows between the packages at the top, one for all inside of them."""
    at_imports: dict[tuple[str, str], bool] = {}
    for importer, imported, at_import in drawn:
        pair = (room(importer), room(imported))
        if pair[0] != pair[1] and imported not in OUTSIDE:
            at_imports[pair] = at_imports.get(pair, False) or at_import
    return [Arrow(*pair, at_import) for pair, at_import in sorted(at_imports.items())]


def mermaid(drawn: list[Arrow]) -> str:
    lines = [
        f"  {importer} {'-->' if at_import else '-.->'} {imported}"
        for importer, imported, at_import in drawn
    ]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def inside_of_rooms(drawn: list[Arrow]) -> list[str]:
    """A heading and a diagram for each package that has packages of its own."""
    parts = []
    for top in TOP:
        inside = [arrow for arrow in drawn if room(arrow.importer) == room(arrow.imported) == top]
        if inside:
            parts += [f"### Inside {top}", mermaid(inside)]
    return parts


def libraries(drawn: list[Arrow]) -> str:
    """Which package imports which library of OUTSIDE."""
    importers: dict[str, list[str]] = {}
    for arrow in drawn:
        importers.setdefault(arrow.imported, []).append(f"`{arrow.importer}`")
    rows = [f"| {name} | {', '.join(importers[name])} |" for name in OUTSIDE if name in importers]
    return "\n".join(["| library | imported in |", "| --- | --- |", *rows])


def section(root: Path) -> str:
    drawn = arrows(root)
    parts = [BEGIN, mermaid(between_rooms(drawn)), *inside_of_rooms(drawn), libraries(drawn), END]
    return "\n\n".join(parts)


def with_section(document: str, made: str) -> str:
    before, _, rest = document.partition(BEGIN)
    return before + made + rest.partition(END)[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=HERE)
    parser.add_argument("--write", action="store_true", help="into docs/architecture.md")
    options = parser.parse_args()
    made = section(options.root)
    if options.write:
        DOCUMENT.write_text(with_section(DOCUMENT.read_text(), made))
    else:
        sys.stdout.write(made + "\n")


if __name__ == "__main__":
    main()
