"""`python -m tools.rule_api > docs/rule-api.md`: what rules of other packages may rely on, from
diagnosis/api.py. Members whose types are not in it are not promised, and not listed."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any, get_args

from collectors import findings
from diagnosis import api, rule

HEAD = f"""# Types for rules of other packages

Version {api.VERSION} of `diagnosis.api`, made by `python -m tools.rule_api > docs/rule-api.md`.
[extending.md](extending.md) says how a package with rules is made. Major goes up where something
here goes or changes, minor where something is added; what is not here may change with any version.
Times are seconds since 1970 unless a name or text says otherwise.
"""
_NAME = re.compile(r"\b[A-Z]\w+")
GENERAL = {"Iterable", "Iterator", "Mapping", "None", "True", "False", "Literal"}
KINDS = {  # names of texts of a kind, and what there is of each
    name: get_args(getattr(module, name))
    for module, names in (
        (rule, ("Scope", "Screen", "SymptomName")),
        (findings, ("Severity", "Confidence", "Stage", "FixKind", "SubjectKind", "ViewKind")),
    )
    for name in names
}
LABELS = "Labels"  # pairs of texts


def page() -> str:
    return HEAD + "".join((*(f"\n{_section(name)}" for name in api.__all__), f"\n{_kinds()}"))


def promised() -> list[str]:
    """A line for each name and member."""
    return [line for line in page().splitlines() if line.startswith(("## ", "- `"))]


def _section(name: str) -> str:
    value = getattr(api, name)
    if inspect.isclass(value):
        members = "".join(f"- `{line}`\n" for line in _members(value))
        return f"## {name}\n\n{_about(value)}{members}"
    if callable(value):
        return f"## {name}\n\n{_about(value)}- `{name}{_signature(value)}`\n"
    return f"## {name}\n\n- `{name}: {type(value).__name__}`\n"


def _kinds() -> str:
    rows = "".join(f"- `{name}: {one!r}`\n" for name, known in KINDS.items() for one in known)
    return f"## Texts of a kind\n\n`{LABELS}` are pairs of texts, sorted by the first.\n\n{rows}"


def _about(value: object) -> str:
    text = inspect.getdoc(value) or ""
    is_made = text.startswith(f"{getattr(value, '__name__', '')}(")
    return f"{' '.join(text.split())}\n\n" if text and not is_made else ""


def _members(owner: type) -> Iterator[str]:
    for name, annotation in owner.__annotations__.items():
        kind = str(getattr(annotation, "__forward_arg__", annotation))
        if _is_promised(name, kind):
            yield f"{name}: {kind}"
    for name, value in vars(owner).items():
        if (line := _method(name, value)) and _is_promised(name, line):
            yield line


def _method(name: str, value: Any) -> str:
    if isinstance(value, property | cached_property):
        function: Any = value.fget if isinstance(value, property) else value.func
        return f"{name}: {function.__annotations__.get('return', '')}"
    if inspect.isfunction(value):
        return f"{name}{_signature(value)}" if not name.startswith("_") else ""
    return ""


def _signature(value: Any) -> str:
    text = re.sub(r"(: |-> )'([^']+)'", r"\1\2", str(inspect.signature(value)))
    return text.replace("(self, ", "(").replace("(self)", "()")


def _is_promised(name: str, kind: str) -> bool:
    types = set(_NAME.findall(kind)) - GENERAL - {*KINDS, LABELS}
    return not name.startswith("_") and types <= set(api.__all__)


if __name__ == "__main__":
    sys.stdout.write(page())
