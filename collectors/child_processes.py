"""Programs that this process started, and those that they started."""

from __future__ import annotations

import contextlib

import psutil


def kill_children() -> None:
    """At once, where nothing more is waited for."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()
