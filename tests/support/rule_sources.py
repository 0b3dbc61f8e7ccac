"""What the source of a rule says that its declaration does not: thresholds that nobody reads,
counters that are not among its inputs, figures that are no threshold."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from inspect import getsource
from types import ModuleType
from typing import get_args

from collectors.findings import ViewKind
from collectors.kernel.counters import COUNTERS
from diagnosis.edit_distance import near
from diagnosis.rule import Rule, Threshold

OF_COUNTERS = ("delta", "rate", "counter", "moved")  # methods of a TargetView
NO_FIGURES = (0, 1)  # none, or not
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def missing_parts(module: ModuleType) -> Iterator[str]:
    """A sentence for each name that the table of rules needs of a module."""
    if not isinstance(getattr(module, "RULE", None), Rule):
        yield "it has no RULE = Rule(…)."
    if not callable(getattr(module, "evaluate", None)):
        yield "it has no function evaluate(snapshot), which yields its findings."


def source_problems(module: ModuleType) -> Iterator[str]:
    """A sentence for each thing in which the source differs from what its RULE declares."""
    yield from _unread_thresholds(module)
    yield from _undeclared_thresholds(module)
    yield from _undeclared_counters(module)
    yield from _bare_figures(ast.parse(getsource(module)))
    yield from _unfounded_figures(getsource(module))
    yield from _unknown_kinds(ast.parse(getsource(module)))


# --- thresholds


def _unread_thresholds(module: ModuleType) -> Iterator[str]:
    unnamed = any(map(_is_threshold, ast.walk(_declaration(ast.parse(getsource(module))))))
    for threshold in module.RULE.thresholds:
        names = list(_names_of(threshold, module))
        if unnamed and not names:
            yield f"the threshold {threshold.text!r} has no name by which evaluate could read it."
        elif names and not any(_is_read(one, name) for one, name in names):
            yield f"the threshold {threshold.text!r} is declared, and nothing reads it."


def _undeclared_thresholds(module: ModuleType) -> Iterator[str]:
    """What the module itself compares with and does not say."""
    declared = {id(one) for one in module.RULE.thresholds}
    for node in ast.parse(getsource(module)).body:
        if isinstance(node, ast.Assign) and _is_threshold(node.value):
            name = ast.unparse(node.targets[0])
            if id(getattr(module, name)) not in declared:
                yield f"the threshold {name} is not among the thresholds of RULE."


def _names_of(threshold: Threshold, module: ModuleType) -> Iterator[tuple[ModuleType, str]]:
    """In this module, and wherever another one of the diagnosis has it."""
    loaded_ones = [one for name, one in sys.modules.items() if name.startswith("diagnosis.")]
    for one in {*loaded_ones, module}:
        yield from ((one, name) for name, value in vars(one).items() if value is threshold)


def _is_read(module: ModuleType, name: str) -> bool:
    """By name, or made of a constant of the module that compares with it."""
    values = (
        node.value.args[1]
        for node in ast.parse(getsource(module)).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        if isinstance(node.value, ast.Call) and len(node.value.args) > 1
    )
    is_made = any(isinstance(node, ast.Name) for one in values for node in ast.walk(one))
    return is_made or name in loaded(module)


@cache
def loaded(module: ModuleType) -> frozenset[str]:
    """Names that a module reads, beside those in the declaration of its rule."""
    tree = ast.parse(getsource(module))
    declared = {id(node) for node in ast.walk(_declaration(tree))}
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return frozenset(
        name.id for name in names if isinstance(name.ctx, ast.Load) and id(name) not in declared
    )


def _declaration(tree: ast.Module) -> ast.stmt:
    found = (node for node in tree.body if ast.unparse(node).startswith("RULE = "))
    return next(found, ast.Pass())


def _is_threshold(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "Threshold"


# --- counters


def _undeclared_counters(module: ModuleType) -> Iterator[str]:
    for name in sorted({*_counters_read(module)} - {*module.RULE.inputs}):
        if name in COUNTERS:
            yield f"it reads the counter {name!r}, which is not among its inputs."
        else:
            alike = near(name, (*module.RULE.inputs, *COUNTERS))
            meant = f" Is {alike!r} meant?" if alike else ""
            yield f"it reads the counter {name!r}: there is none.{meant}"


def _counters_read(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(getsource(module))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in OF_COUNTERS:
            names = node.args[:1] if node.func.attr == "counter" else node.args
            yield from (name for one in names for name in _texts(module, one))


def _texts(module: ModuleType, argument: ast.expr) -> Iterable[str]:
    """The strings of a literal, or of a constant of the module; none of what is worked out."""
    if isinstance(argument, ast.Starred):
        argument = argument.value
    value = getattr(module, argument.id, None) if isinstance(argument, ast.Name) else None
    if isinstance(argument, ast.Constant):
        value = argument.value
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, tuple) else ()


# --- figures


def _bare_figures(tree: ast.Module) -> Iterator[str]:
    """Beside 'none' and 'more than one of a collection' a figure has a name and a source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ORDERS) for op in node.ops):
            sides = (node.left, *node.comparators)
            figures = [side.value for side in sides if isinstance(side, ast.Constant)]
            if any(one not in NO_FIGURES for one in figures) and "len(" not in ast.unparse(node):
                yield f"{ast.unparse(node)!r} compares with a figure that is no threshold of RULE."


def _unfounded_figures(source: str) -> Iterator[str]:
    """A number that has a name and is compared, and is no threshold, says in a comment whose it is."""
    tree, lines = ast.parse(source), source.splitlines()
    sides = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    compared = {
        name.id
        for node in sides
        if any(isinstance(op, ORDERS) for op in node.ops)
        for name in ast.walk(node)
        if isinstance(name, ast.Name)
    }
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        name, comment = ast.unparse(node.targets[0]), lines[node.lineno - 1].partition("#")[2]
        is_number = type(node.value.value) in (int, float)
        if is_number and name in compared and not is_found(comment) and "convention" not in comment:
            yield (
                f"{name} is compared and is no threshold: declare it, or say in a comment behind it "
                "which source it has, or that it is a convention."
            )


def is_found(source: str) -> bool:
    """Whether it looks like a name that can be looked up: RFC 9293, coredns-mixin, arp(7)."""
    return len(re.findall("[A-Za-z]", source)) >= 3 and bool(re.search(r"[-_.#(/:\d]", source))


# --- vantage points


def _unknown_kinds(tree: ast.Module) -> Iterator[str]:
    """Of what there is none, none is ever found."""
    known = get_args(ViewKind)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".of_kind"):
            for kind in (one.value for one in node.args if isinstance(one, ast.Constant)):
                if kind not in known:
                    yield f"of_kind({kind!r}) finds nothing: there are {', '.join(known)}."
