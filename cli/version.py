"""What `podwire --version` prints."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from cli.packages import package_notes
from collectors import capture


def core() -> str:
    """Whether packets are decoded by the compiled core, or why not."""
    return f"pure Python ({capture.WHY_PURE})" if capture.WHY_PURE else "compiled core"


def version_text() -> str:
    """A line, and one for each package that brings rules, or fails to."""
    try:
        installed = version("podwire")
    except PackageNotFoundError:
        installed = "(not installed)"
    line = f"podwire {installed}, Python {platform.python_version()}, {core()}"
    return "\n".join((line, *package_notes()))
