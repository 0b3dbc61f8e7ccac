"""One document of a manifest: its value, and the line of each of its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.errors import ConfigError
from collectors.frozen import frozen

FieldPath = tuple[str | int, ...]
DEEPEST = 100  # levels of nesting; what the API serves has less than 40


@frozen
class ManifestDocument:
    """`value` is made of JSON's types. `find_line` gives the line of a path, counted from 1."""

    name: str
    value: Any
    find_line: Callable[[FieldPath], int]

    def line(self, path: FieldPath = ()) -> int:
        return self.find_line(path)


def syntax_error(name: str, line: int, column: int, reason: str) -> ConfigError:
    return ConfigError(f"{name}: line {line}, column {column}: {reason}.")


def shown_path(path: FieldPath) -> str:
    """`spec.ingress[0].ports`, `metadata.labels[app.kubernetes.io/name]`."""
    text = ""
    for part in path:
        if isinstance(part, int) or not part.replace("-", "").replace("_", "").isalnum():
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
