"""JSON, several documents after one another, by the JSON parser; lines are found when asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from collectors.errors import ConfigError
from collectors.manifests.documents import DEEPEST, FieldPath, ManifestDocument, syntax_error
from collectors.sanitize import sanitize

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)


class DuplicateKey(Exception):
    """An object has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise DuplicateKey(next(key for key in keys if keys.count(key) > 1))
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def json_documents(name: str, text: str) -> Iterator[ManifestDocument]:
    """ConfigError with line and column where the text is not JSON, or a key is there twice."""
    offset = _skip_space(text, 0)
    while offset < len(text):
        try:
            value, end = _DECODER.raw_decode(text, offset)
        except json.JSONDecodeError as error:
            raise syntax_error(name, error.lineno, error.colno, f"not JSON: {error.msg}") from None
        except DuplicateKey as error:
            raise _duplicate(name, text, offset, str(error)) from None
        except RecursionError:
            raise ConfigError(f"{name}: nested deeper than {DEEPEST} levels.") from None
        except ValueError as error:  # NaN, or a number of thousands of digits
            raise ConfigError(f"{name}: not JSON: {sanitize(error, 120)}.") from None
        yield ManifestDocument(name, value, LineFinder(text, offset).line)
        offset = _skip_space(text, end)


def _skip_space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def _duplicate(name: str, text: str, offset: int, key: str) -> ConfigError:
    seen: set[FieldPath] = set()
    for path, at in field_offsets(text, offset):
        if path in seen and path[-1] == key:
            line = text.count("\n", 0, at) + 1
            column = at - text.rfind("\n", 0, at)
            reason = f"the key {sanitize(key, 80)!r} is already set in this object"
            return syntax_error(name, line, column, reason)
        seen.add(path)
    return ConfigError(f"{name}: the key {sanitize(key, 80)!r} is there twice in one object.")


class LineFinder:
    """Finds the line of a field by reading the text again: only errors ask for it."""

    def __init__(self, text: str, offset: int) -> None:
        self.text, self.offset = text, offset

    def line(self, path: FieldPath) -> int:
        """The line of a path, or of the last of its parts that is there."""
        best, found = 0, self.offset
        for here, at in field_offsets(self.text, self.offset):
            if len(here) > best and path[: len(here)] == here:
                best, found = len(here), at
                if best == len(path):
                    break
        return self.text.count("\n", 0, found) + 1


def field_offsets(text: str, offset: int) -> Iterator[tuple[FieldPath, int]]:
    """(path, where its key or item begins) of everything in the JSON value at `offset`."""
    path: list[str | int] = []  # of each open object or list its present key or index
    is_list: list[bool] = []
    expects_key = False
    previous = ""
    for found in _TOKEN.finditer(text, offset):
        token = found[0]
        if token in ("}", "]"):
            path.pop()
            is_list.pop()
            if not is_list:
                return
            expects_key = False
        elif token == ",":
            if is_list[-1]:
                path[-1] = int(path[-1]) + 1
            expects_key = not is_list[-1]
        elif token != ":":
            if is_list and (is_list[-1] or expects_key):
                if expects_key and not is_list[-1]:
                    path[-1] = json.loads(token)
                yield tuple(path), found.start()
            expects_key = token == "{"
            if token in ("{", "["):
                path.append(0)
                is_list.append(token == "[")
            elif previous == "" and not is_list:
                return
        previous = token
