"""What is worked out once for a snapshot, whichever rules ask for it, and however often: what a
finding explains is asked for each conversation."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from diagnosis.snapshot import Snapshot

T = TypeVar("T")


def once_per_snapshot(work: Callable[[Snapshot], T]) -> Callable[[Snapshot], T]:
    """For functions of a snapshot alone, whose result nobody changes: no generators."""

    @wraps(work)
    def known(snapshot: Snapshot) -> T:
        results = snapshot.worked_out
        if work not in results:
            results[work] = work(snapshot)
        found: T = results[work]
        return found

    return known
