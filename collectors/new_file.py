"""Files that are made for somebody's evidence: theirs alone, and never another file."""

from __future__ import annotations

import os
from pathlib import Path

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def open_new(path: Path) -> int:
    """A descriptor to write a new file of mode 0600 by. FileExistsError where there is one."""
    return os.open(path, FLAGS, 0o600)
