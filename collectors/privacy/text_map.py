"""Every text inside of a value made of plain values, replaced by what a function makes of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
Clean = Callable[[str], str]


@cache
def field_names(kind: Hashable) -> tuple[str, ...]:
    """Of a dataclass or a named tuple; () of anything else."""
    if isinstance(kind, type) and is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    return tuple(getattr(kind, "_fields", ()))


def map_text(value: T, clean: Clean) -> T:
    """A copy with each string, keys of mappings as well, as `clean` returns it."""
    found: Any = _mapped(value, clean)
    return found  # type: ignore[no-any-return]


def _mapped(value: Any, clean: Clean) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_mapped(key, clean): _mapped(item, clean) for key, item in value.items()}
    kind: type = type(value)
    if names := field_names(kind):
        return kind(**{name: _mapped(getattr(value, name), clean) for name in names})
    if isinstance(value, (list, tuple)):
        return kind(_mapped(item, clean) for item in value)
    return value
