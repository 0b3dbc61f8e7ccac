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
        value, end = _decoded(name, text, offset)
        yield ManifestDocument(name, value, LineFinder(text, offset).line)
        offset = _skip_space(text, end)


def _decoded(name: str, text: str, offset: int) -> tuple[Any, int]:
    """The value that begins there, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, offset)
        _refuse_deep(value)
        return value, end
    except json.JSONDecodeError as error:
        raise syntax_error(name, error.lineno, error.colno, f"not JSON: {error.msg}") from None
    except DuplicateKey as error:
        raise _duplicate(name, text, offset, str(error)) from None
    except RecursionError:
        raise ConfigError(f"{name}: nested deeper than {DEEPEST} levels.") from None
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise ConfigError(f"{name}: not JSON: {sanitize(error, 120)}.") from None


def _refuse_deep(value: Any) -> None:
    """RecursionError, as json has it from another depth on in each version of Python."""
    level = [value]
    for _ in range(DEEPEST):
        inner = [part for part in level if isinstance(part, (dict, list))]
        level = [v for part in inner for v in (part.values() if isinstance(part, dict) else part)]
        if not level:
            return
    if any(isinstance(part, (dict, list)) for part in level):
        raise RecursionError


def _skip_space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def _duplicate(name: str, text: str, offset: int, key: str) -> ConfigError:
    shown = repr(sanitize(key, 80))
    at = _offset_of_second(text, offset, key)
    if at is None:
        return ConfigError(f"{name}: the key {shown} is there twice in one object.")
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return syntax_error(name, line, column, f"the key {shown} is already set in this object")


def _offset_of_second(text: str, offset: int, key: str) -> int | None:
    seen: set[FieldPath] = set()
    for path, at in field_offsets(text, offset):
        if path in seen and path[-1] == key:
            return at
        seen.add(path)
    return None


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
    walk = _TokenWalk()
    for found in _TOKEN.finditer(text, offset):
        if (path := walk.enter(found[0])) is not None:
            yield path, found.start()
        if walk.ended:
            return


class _TokenWalk:
    """Where in a JSON value a token stands, one token after another. `path` is the present key or
    index in each open object or list; the value has `ended` with its last token."""

    def __init__(self) -> None:
        self.path: list[str | int] = []
        self.ended = False
        self._is_list: list[bool] = []
        self._expects_key = False

    def enter(self, token: str) -> FieldPath | None:
        """The path of the key or item that begins with it, if one does."""
        if token in ("}", "]"):
            self._close()
        elif token == ",":
            self._next()
        elif token != ":":
            return self._begin(token)
        return None

    def _close(self) -> None:
        self.path.pop()
        self._is_list.pop()
        self.ended = not self._is_list
        self._expects_key = False

    def _next(self) -> None:
        if self._is_list[-1]:
            self.path[-1] = int(self.path[-1]) + 1
        self._expects_key = not self._is_list[-1]

    def _begin(self, token: str) -> FieldPath | None:
        begun = self._begun(token)
        self._expects_key = token == "{"
        if token in ("{", "["):
            self.path.append(0)
            self._is_list.append(token == "[")
        elif not self._is_list:
            self.ended = True  # a scalar is the whole value
        return begun

    def _begun(self, token: str) -> FieldPath | None:
        if not self._is_list:
            return None
        if not self._is_list[-1]:
            if not self._expects_key:
                return None
            self.path[-1] = json.loads(token)
        return tuple(self.path)
