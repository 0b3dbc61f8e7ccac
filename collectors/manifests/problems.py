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
    """Gathers the problems of an object; `found` in the order in which they were met."""

    def __init__(self) -> None:
        self.found: list[FieldProblem] = []

    def add(self, path: FieldPath, reason: str) -> None:
        self.found.append(FieldProblem(path, reason))

    def test(self, value: Any, path: FieldPath, *tests: Test) -> None:
        """The first reason of some tests; an absent value has none."""
        if value is None:
            return
        for test in tests:
            if reason := test(value):
                self.add(path, reason)
                return

    def required(self, value: Any, path: FieldPath, *tests: Test) -> None:
        """Like `test`, for a field that must be there."""
        if value in (None, ""):
            self.add(path, "is required")
        else:
            self.test(value, path, *tests)
