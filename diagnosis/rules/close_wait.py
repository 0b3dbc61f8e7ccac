"""Connections that the program does not close.

Facts: docs/reference/failures.md #29.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Finding
from diagnosis.snapshot import Snapshot, listed

MANY = 50


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "local"):
        waiting = Counter[str]()
        for row in target.sockets:
            if row.state == "CLOSE-WAIT":
                waiting[snapshot.workload(row.peer)] += row.alike
        count = sum(waiting.values())
        if count >= MANY:
            yield Finding(
                "close_wait",
                "warning",
                target.name,
                f"{count} connections wait for the program to close them",
                (
                    target.fact(
                        f"CLOSE-WAIT towards {listed(f'{n} ({c})' for n, c in waiting.most_common(3))}",
                        "ss",
                    ),
                ),
                f"{MANY} is {CONVENTION}",
                "likely",
                "the count falls by itself",
                "A leak in the program: it never closes "
                "what its peers have closed (pools without a limit, responses that are not read to the end)",
                "text",
                "ss -tan state close-wait | wc -l falls",
                "sockets",
            )
