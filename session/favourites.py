"""Places that a user comes back to: contexts, and namespaces in them, in a file of the state
directory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from collectors.errors import NotWritten
from collectors.sanitize import sanitize
from session.files import private_directory, state_directory

MOST = 200
NAME = "favourites.json"


class ContextNamespace(NamedTuple):
    """A context of the kubeconfig, and a namespace in it: '' for that of the context."""

    context: str
    namespace: str = ""

    @property
    def text(self) -> str:
        """As the command line has it: `prod shop`."""
        return f"{self.context} {self.namespace}".strip()


class Favourites:
    """Read at once; each change is written at once. What cannot be read is not a favourite."""

    def __init__(self, directory: Path | None = None) -> None:
        self._path = (directory or state_directory()) / NAME
        self.places = list(_read(self._path))

    def add(self, place: ContextNamespace) -> bool:
        """False where it was one. NotWritten where it cannot be kept."""
        if place in self.places:
            return False
        self._keep([*self.places, place][-MOST:])
        return True

    def remove(self, place: ContextNamespace) -> bool:
        """False where it was none."""
        if place not in self.places:
            return False
        self._keep([one for one in self.places if one != place])
        return True

    def _keep(self, places: list[ContextNamespace]) -> None:
        try:
            private_directory(self._path.parent)
            beside = self._path.with_suffix(f".{os.getpid()}")
            beside.touch(mode=0o600)
            beside.write_text(json.dumps([list(place) for place in places], indent=1) + "\n")
            beside.replace(self._path)
        except OSError as error:
            where = sanitize(self._path)
            text = f"Favourites cannot be kept in {where}: {error.strerror}."
            raise NotWritten(text, error) from None
        self.places = places


def _read(path: Path) -> Iterable[ContextNamespace]:
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError):
        return
    for row in rows[:MOST] if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) == 2 and all(isinstance(one, str) for one in row):
            yield ContextNamespace(*row)
