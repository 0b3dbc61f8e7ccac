"""Captures that cannot be compared with another place's: they lost packets, or stop before the
others. What seems to be lost between two places may be what such a capture has not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.snapshot import Snapshot, TargetView

LOSSY = 1.0  # % of packets that the kernel did not hand to the capture: the least loss that is said
LATE_S = 3.0  # a node is never silent for so long: the kubelet probes every second
SAID_IN = (
    "dns_unanswered",
    "endpoint_failing",
    "node_unreachable",
    "packet_loss",
    "retransmits",
    "service_failing",
    "unanswered",
)


def why_not_comparable(view: TargetView) -> str:
    """As what follows 'the capture'; '' where it can be compared."""
    if view.capture_loss >= LOSSY:
        return f"lost {view.capture_loss:.1f} % of its packets"
    if view.capture_lag >= LATE_S:
        return f"has no packet of the last {view.capture_lag:.0f} s, as others have"
    return ""


def with_incomparable(snapshot: Snapshot, finding: Finding) -> Finding:
    """A finding about losses says which captures nothing is concluded from."""
    if finding.rule not in SAID_IN:
        return finding
    facts = tuple(_facts(snapshot))
    return replace(finding, evidence=(*finding.evidence, *facts)) if facts else finding


def _facts(snapshot: Snapshot) -> Iterator[Evidence]:
    for view in snapshot.hosts:
        if why := why_not_comparable(view):
            text = f"the capture on {view.name} {why}: it is compared with no other place"
            yield view.fact(text, "tcpdump")
