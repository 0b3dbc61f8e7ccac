"""Nouns behind a number: `1 packet`, `2 packets`."""

from __future__ import annotations


def plural(number: float, one: str, several: str = "") -> str:
    """The noun alone; `several` where it is not `one` with an s."""
    return one if number == 1 else several or f"{one}s"


def counted(number: int, one: str, several: str = "") -> str:
    """`1,200 packets`."""
    return f"{number:,} {plural(number, one, several)}"
