"""The name that podwire was started by, and whether a shell asks what may be typed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

COMPLETE = "__complete"
KUBECTL, KUBECTL_COMPLETES = "kubectl-", "kubectl_complete-"


def program() -> str:
    return Path(sys.argv[0]).name


def is_of_kubectl() -> bool:
    """Whether it runs as a plugin of kubectl."""
    return program().startswith(KUBECTL)


def asks_for_completion(words: Sequence[str]) -> bool:
    """Whether a shell asks, or kubectl by the name of the program."""
    return program().startswith(KUBECTL_COMPLETES) or list(words[:1]) == [COMPLETE]
