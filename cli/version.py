"""What `podwire --version` prints."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

CORE = "pure Python"  # decoding and flow tables: there is no compiled core


def version_line() -> str:
    try:
        installed = version("podwire")
    except PackageNotFoundError:
        installed = "(not installed)"
    return f"podwire {installed}, Python {platform.python_version()}, {CORE}"
