"""Where a key stands in a TOML file: tomllib says what is in it, not where."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

KeyPath = tuple[str, ...]  # of a key, with the tables that it is in
_TABLE = re.compile(r"\s*\[\[?(?P<name>[^\[\]]+)\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?P<name>[^=#\[]+?)\s*=")


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """The line, from 1, of each key and table; the first where it stands twice."""
    found: dict[KeyPath, int] = {}
    for path, number in _keys(text):
        found.setdefault(path, number)
    return found


def _keys(text: str) -> Iterator[tuple[KeyPath, int]]:
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.fullmatch(line):
            table = _path(header["name"])
            yield table, number
        elif key := _KEY.match(line):
            path = (*table, *_path(key["name"]))
            yield from ((path[:end], number) for end in range(len(table) + 1, len(path) + 1))


def _path(name: str) -> KeyPath:
    """`contexts."a.b".theme` in its parts; () of what is not a key."""
    try:
        data: object = tomllib.loads(f"{name} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(data, dict) and len(data) == 1:
        ((part, data),) = data.items()
        parts.append(part)
    return tuple(parts)
