"""Answers come late while the path is quick: the server, not the network.

Facts: docs/reference/failures.md #24.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = 3
QUICK_MS = 20.0  # a round trip that is no cause


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    servers: dict[Subject, list[Conversation]] = defaultdict(list)
    for talk in snapshot.conversations:
        lossy = talk.resent * 50 > talk.segments
        if (
            talk.slow
            and not talk.server_zero_windows
            and not talk.client_zero_windows
            and not lossy
        ):
            servers[snapshot.workload_subject(talk.server, talk.port)].append(talk)
    for subject, talks in servers.items():
        slow, flows = sum(t.slow for t in talks), sum(t.flows for t in talks)
        rtts = [t.rtt_ms for t in talks if t.rtt_ms is not None]
        if (
            slow < LEAST
            or slow * 20 < flows
            or not rtts
            or min(rtts) > QUICK_MS
            or subject.port == 53
        ):
            continue
        nodes = {
            snapshot.by_address[t.server].node for t in talks if t.server in snapshot.by_address
        }
        where = f"; its pods that are slow run on {listed(sorted(nodes))}" if nodes else ""
        slowest = max(t.slowest_ms for t in talks)
        yield Finding(
            rule="slow_server",
            severity="warning",
            subject=subject,
            title=f"Answers take up to {slowest:,.0f} ms while the network takes {min(rtts):.2f} ms: the server is slow",
            evidence=(
                Evidence(
                    f"{slow} slow answers in {flows} connections, the slowest after {slowest:,.0f} ms{where}",
                    "capture (last byte asked to first byte answered)",
                    snapshot.at,
                ),
                Evidence(
                    f"round trips take {min(rtts):.2f} ms, {sum(t.resent for t in talks)} segments resent",
                    "capture",
                    snapshot.at,
                ),
            ),
            threshold=f"a hundred times the round trip and 100 ms is {CONVENTION}",
            confidence="likely",
            disproof="round trips are as slow, or segments are resent before each late answer",
            fix="Is its CPU throttled (container_cpu_cfs_throttled_periods_total)? Raise the limit; else profile the program "
            "and what it asks in its turn",
            fix_kind="text",
            verify="answers come within milliseconds",
            screen="flows",
        )
