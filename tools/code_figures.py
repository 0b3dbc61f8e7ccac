"""Figures of how the code reads: python tools/code_figures.py [--list] [PATH…]

Tokens a function, complexity, line width, positional arguments, repeated class names, the longest
class. `--list` names what misses a bar. Without paths: the packages of the product.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
import tokenize
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

PACKAGES = ("collectors", "diagnosis", "session", "cli", "tui", "themes", "lab")
IGNORED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
STARTS, ENDS = ("FSTRING_START", "TSTRING_START"), ("FSTRING_END", "TSTRING_END")
BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.comprehension,
    ast.match_case,
    ast.Assert,
)
MOST_TOKENS, MOST_COMPLEXITY, MOST_POSITIONAL, MOST_CLASS_LINES = 150, 10, 5, 250
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Figures:
    """What was counted, each with the place where it stands."""

    tokens: list[tuple[int, str]] = field(default_factory=list)
    complexity: list[tuple[int, str]] = field(default_factory=list)
    positional: list[tuple[int, str]] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    class_lines: list[tuple[int, str]] = field(default_factory=list)
    fmt_skips: int = 0


def files_of(paths: list[str]) -> Iterator[Path]:
    for path in map(Path, paths):
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def complexity(function: Function) -> int:
    """McCabe's: one, and one more a branch; functions inside are counted by themselves."""
    count, waiting = 1, list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            continue
        count += isinstance(node, BRANCHES)
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        if isinstance(node, ast.comprehension):
            count += len(node.ifs)
        waiting += ast.iter_child_nodes(node)
    return count


def token_lines(text: str) -> list[int]:
    """The line of each token; docstrings and comments are left out by the caller. A string with
    fields is one, as it was until Python 3.12."""
    lines, depth = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        depth -= kind in ENDS
        if token.type not in IGNORED and depth == 0 and kind not in STARTS:
            lines.append(token.start[0])
        depth += kind in STARTS
    return lines


def docstring_lines(function: Function) -> tuple[int, int]:
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first.lineno, first.end_lineno or first.lineno
    return 0, -1


def _count(lines: Sequence[int], first: int, last: int) -> int:
    """How many of them, in order, are from the first to the last."""
    return bisect_right(lines, last) - bisect_left(lines, first)


def measure(path: Path, figures: Figures) -> None:
    text = path.read_text()
    lines = text.splitlines()
    figures.widths += [len(line) for line in lines if line.strip()]
    figures.fmt_skips += text.count("fmt: skip") + text.count("fmt: off")
    starts = token_lines(text)
    for node in ast.walk(ast.parse(text)):
        place = f"{path}:{getattr(node, 'lineno', 0)} {getattr(node, 'name', '')}"
        if isinstance(node, Function):
            begin, end = docstring_lines(node)
            last = node.end_lineno or node.lineno
            inside = _count(starts, node.lineno, last) - _count(starts, begin, end)
            figures.tokens.append((inside, place))
            figures.complexity.append((complexity(node), place))
        elif isinstance(node, ast.ClassDef):
            figures.classes[node.name].append(place)
            figures.class_lines.append(((node.end_lineno or 0) - node.lineno + 1, place))
        elif isinstance(node, ast.Call):
            figures.positional.append((len(node.args), place))


def report(figures: Figures) -> str:
    tokens = [count for count, _ in figures.tokens]
    branchy = [one for one in figures.complexity if one[0] > MOST_COMPLEXITY]
    share = 100 * len(branchy) / len(tokens)
    positional = sum(count > MOST_POSITIONAL for count, _ in figures.positional)
    repeated = sum(len(places) > 1 for places in figures.classes.values())
    rows = (
        ("functions", len(tokens), ""),
        ("tokens a function, median", median(tokens), "under 50"),
        ("tokens a function, p90", quantiles(tokens, n=10)[8], "under 150"),
        ("functions of complexity over 10, %", round(share, 1), "under 3"),
        ("line width, p90", quantiles(figures.widths, n=10)[8], ""),
        ("calls with over five positional arguments", positional, "0"),
        ("fmt: skip, fmt: off", figures.fmt_skips, "under 20"),
        ("class names used twice", repeated, "0"),
        ("longest class, lines", max(figures.class_lines)[0], "under 250"),
    )
    return "\n".join(f"{name:<44}{value:>8}  {bar}" for name, value, bar in rows)


def misses(figures: Figures) -> Iterator[str]:
    for count, place in sorted(figures.tokens, reverse=True):
        if count > MOST_TOKENS:
            yield f"{count:4} tokens      {place}"
    for count, place in sorted(figures.complexity, reverse=True):
        if count > MOST_COMPLEXITY:
            yield f"{count:4} complexity  {place}"
    for count, place in figures.positional:
        if count > MOST_POSITIONAL:
            yield f"{count:4} positional  {place}"
    for count, place in figures.class_lines:
        if count > MOST_CLASS_LINES:
            yield f"{count:4} class lines {place}"
    for name, places in figures.classes.items():
        if len(places) > 1:
            yield f"     class twice {name}: {', '.join(places)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=PACKAGES)
    parser.add_argument("--list", action="store_true", help="name what misses a bar")
    options = parser.parse_args()
    figures = Figures()
    for path in files_of(list(options.paths)):
        measure(path, figures)
    text = [report(figures), *(misses(figures) if options.list else ())]
    sys.stdout.write("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
