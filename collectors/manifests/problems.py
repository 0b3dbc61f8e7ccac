"""What is wrong with the fields of one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.frozen import frozen
from collectors.manifests.documents import FieldPath

Test = Callable[[Any], str]  # why a value is refused, '' where it is not


@frozen
class FieldProblem:
    path: FieldPath
    reason: str


class FieldProblems:
    """Gathers the problems of an object; `found` in the order in which they were met. Paths are
    below `path`: `within` is for a part of the object, whose problems are those of the whole."""

    def __init__(self, path: FieldPath = (), found: list[FieldProblem] | None = None) -> None:
        self.path = path
        self.found: list[FieldProblem] = [] if found is None else found

    def within(self, *path: str | int) -> FieldProblems:
        return FieldProblems((*self.path, *path), self.found)

    def add(self, path: FieldPath, reason: str) -> None:
        self.found.append(FieldProblem((*self.path, *path), reason))

    def test(self, value: Any, path: FieldPath, *tests: Test) -> None:
        """The first reason of some tests; an absent value has none."""
        if value is None:
            return
        for test in tests:
            if reason := test(value):
                self.add(path, reason)
                return

    def test_each(self, values: Any, path: FieldPath, *tests: Test) -> None:
        """`test` for every value of a list."""
        for number, value in enumerate(values or ()):
            self.test(value, (*path, number), *tests)

    def required(self, value: Any, path: FieldPath, *tests: Test) -> None:
        """Like `test`, for a field that must be there."""
        if value in (None, ""):
            self.add(path, "is required")
        else:
            self.test(value, path, *tests)
