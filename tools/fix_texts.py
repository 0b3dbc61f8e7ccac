"""What a rule's findings advise, from its source: where the declaration has no `fix`, each case has
its own. What is filled in by a case is shown as <name>."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

_PLACEHOLDER = re.compile(r"<\w*>")


def fix_texts(module: ModuleType) -> list[str]:
    """In the order of the source, without what is nothing but a value of the case."""
    tree = ast.parse(inspect.getsource(module))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = dict.fromkeys(
        text.strip()
        for call in _calls(tree)
        for keyword in call.keywords
        if keyword.arg == "fix"
        for text in _texts(keyword.value, module, functions)
    )
    return [text for text in found if _PLACEHOLDER.sub("", text).strip()]


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "RULE.finding":
            yield node


def _texts(
    node: ast.expr, module: ModuleType, functions: dict[str, ast.FunctionDef]
) -> Iterator[str]:
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield _rendered(node)
    elif isinstance(node, ast.Name):
        value = getattr(module, node.id, None)
        yield from [value] if isinstance(value, str) else ()
    elif isinstance(node, ast.IfExp):
        for one in (node.body, node.orelse):
            yield from _texts(one, module, functions)
    elif isinstance(node, ast.BoolOp):
        for one in node.values:
            yield from _texts(one, module, functions)
    elif isinstance(node, ast.Call) and (called := functions.get(ast.unparse(node.func))):
        for returned in ast.walk(called):
            if isinstance(returned, ast.Return) and returned.value is not None:
                yield from _texts(returned.value, module, functions)


def _rendered(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_rendered, node.values))
    assert isinstance(node, ast.FormattedValue)
    return f"<{_name(node.value)}>"


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.IfExp):
        return _name(node.body)
    words = re.findall(r"[a-z_]+", ast.unparse(node))
    return words[-1].strip("_") if words else "value"
