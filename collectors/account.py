"""The account that podwire runs as. In a container it may be a uid that has no name there."""

from __future__ import annotations

import os
from pathlib import Path

NOBODYS = Path("/")


def home() -> Path:
    """The home directory, of $HOME or the password database; / where neither has an absolute
    path."""
    try:
        found = Path.home()
    except RuntimeError:
        return NOBODYS
    return found if found.is_absolute() else NOBODYS


def ensure_home() -> None:
    """A home for modules of others that ask for one when they are imported, and fail where there is
    none (kubernetes.aio); / is what container runtimes give such a uid."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(NOBODYS)


def expanded(name: str) -> Path:
    """With the home directory for a `~` in front; as it is written where nobody has that name."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def user() -> str:
    """Its name, `uid-1000` where it has none."""
    import getpass  # of it the console's first frame needs nothing

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # since Python 3.13, and before
        return f"uid-{os.getuid()}"
