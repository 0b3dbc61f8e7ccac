"""Exit codes, and the one way of saying something to the user outside the console."""

from __future__ import annotations

import sys

FAILED = 1
USAGE = 2
FORBIDDEN = 4
LEFT_BEHIND = 5
INTERRUPTED = 130
BROKEN_PIPE = 141


def tell(text: str) -> None:
    sys.stderr.write(f"podwire: {text}\n")
