"""Connections that the program does not close.

Facts: docs/reference/failures.md #29.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
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
                rule="close_wait",
                severity="warning",
                subject=target.subject,
                title=f"{count} connections wait for the program to close them",
                evidence=(
                    target.fact(
                        f"CLOSE-WAIT towards {listed(f'{n} ({c})' for n, c in waiting.most_common(3))}",
                        "ss",
                    ),
                ),
                threshold=f"{MANY} is {CONVENTION}",
                confidence="likely",
                disproof="the count falls by itself",
                fix="A leak in the program: it never closes "
                "what its peers have closed (pools without a limit, responses that are not read to the end)",
                fix_kind="text",
                verify="ss -tan state close-wait | wc -l falls",
                screen="sockets",
            )
