"""Every text inside of a value made of plain values, replaced by what a function makes of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable
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


def map_text(value: T, clean: Clean, kept: Container[str] = ()) -> T:
    """A copy with each string, keys of mappings as well, as `clean` returns it. Fields that are
    called as one of `kept` stay as they are."""
    found: Any = _mapped(value, clean, kept)
    return found  # type: ignore[no-any-return]


def _mapped(value: Any, clean: Clean, kept: Container[str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {
            _mapped(key, clean, kept): _mapped(item, clean, kept) for key, item in value.items()
        }
    kind: type = type(value)
    if names := field_names(kind):
        parts = ((name, getattr(value, name)) for name in names)
        return kind(
            **{name: item if name in kept else _mapped(item, clean, kept) for name, item in parts}
        )
    if isinstance(value, (list, tuple)):
        return kind(_mapped(item, clean, kept) for item in value)
    return value
