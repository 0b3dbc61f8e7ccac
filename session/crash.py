"""An error of podwire's own: a sentence for the user, and the traceback in a private file. Without
local variables (they hold tokens), and without the secrets that are known."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path

from collectors.sanitize import sanitize
from collectors.secrets import redact
from session.files import private_directory, state_directory


def report_crash(error: BaseException | None) -> str:
    """Keep the traceback; returns the sentence."""
    where = write(redact("".join(traceback.format_exception(error))) if error else "unknown")
    kept = f"The details are in {where}."
    if where is None:
        kept = f"Its details could not be kept: {sanitize(state_directory())} cannot be written to."
    return f"podwire met an error of its own and had to stop: {type(error).__name__}. {kept}"


def write(text: str) -> Path | None:
    """Write the file; None where that is not possible."""
    with contextlib.suppress(OSError):
        path = private_directory(state_directory()) / "crash.log"
        path.touch(mode=0o600)
        path.write_text(text)
        return path
    return None
