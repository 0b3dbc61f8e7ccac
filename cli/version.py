"""What `podwire --version` prints."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from cli.packages import package_notes
from collectors import capture, dumps


def core() -> str:
    """Whether packets and netlink's dumps are decoded by the compiled core, or why not."""
    if capture.WHY_PURE:
        return f"pure Python ({capture.WHY_PURE})"
    if dumps.WHY_PURE:
        return f"compiled core (pure Python for sockets and conntrack: {dumps.WHY_PURE})"
    return "compiled core"


def version_text() -> str:
    """A line, and one for each package that brings rules, or fails to."""
    try:
        installed = version("podwire")
    except PackageNotFoundError:
        installed = "(not installed)"
    line = f"podwire {installed}, Python {platform.python_version()}, {core()}"
    return "\n".join((line, *package_notes()))
