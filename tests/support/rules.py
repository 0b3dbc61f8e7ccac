"""What single rules find."""

from __future__ import annotations

from collections.abc import Callable

from collectors.findings import Finding
from diagnosis import rules
from diagnosis.snapshot import Snapshot


def finder(*ids: str) -> Callable[[Snapshot], list[Finding]]:
    """What these rules find, one after another."""
    evaluated = {row.rule.id: row.evaluate for row in rules.table()}

    def found(snapshot: Snapshot) -> list[Finding]:
        return [finding for one in ids for finding in evaluated[one](snapshot)]

    return found
