"""What was copied last, in a private file: a terminal's clipboard may refuse it in silence."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from session.files import private_directory, state_directory


def keep(text: str) -> Path:
    """Write it in place of what was copied before; OSError where that is not possible."""
    directory = private_directory(state_directory())
    number, name = tempfile.mkstemp(".txt", "copying-", directory)  # 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return Path(name).replace(directory / "copied.txt")
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
