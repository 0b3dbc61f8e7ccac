"""The cloud drops packets beyond what the instance is allowed.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

LEAST = Threshold("from", 1, "allowance_exceeded in 15 s", "AWS ENA: each is a dropped packet")
QUEUED = Threshold(
    "of bandwidth and pps, which count what waits as well: from", 100, "in 15 s", CONVENTION
)
DROPS = ("linklocal", "conntrack")  # allowances of which what exceeds them is dropped
RULE = Rule(
    id="nic_allowance",
    title="The cloud drops packets: an allowance of the instance is exceeded",
    scope="node",
    stage="cause",
    inputs=("ethtool",),
    symptoms=("load", "slow", "name"),
    screen="counters",
    thresholds=(LEAST, QUEUED),
    false_friends=(
        "packets were queued and none was lost: bandwidth and pps allowances count both",
    ),
    severity="critical",
    confidence="certain",
    verify="ethtool -S {device} | grep {what} no longer increases",
)
HINTS = {
    "linklocal": (
        "1,024 packets a second to the VPC's DNS and metadata: NodeLocal DNSCache, more "
        "DNS replicas"
    ),
    "conntrack": (
        "the instance's own connection tracking is full: a larger instance, fewer connections"
    ),
}


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.counted:
        for name in _exceeded(host):
            yield _finding(host, name)


def _exceeded(host: TargetView) -> list[str]:
    return [
        name
        for name, delta in host.deltas.items()
        if _is_allowance(name) and delta >= (LEAST if _drops(name) else QUEUED).value
    ]


def _drops(name: str) -> bool:
    return name.rpartition("/")[2].startswith(DROPS)


def _is_allowance(name: str) -> bool:
    return name.startswith("ethtool/") and name.endswith("allowance_exceeded")


def _finding(host: TargetView, name: str) -> Finding:
    _, device, what = name.split("/", 2)
    is_lost = _drops(name)
    hint = HINTS.get(what.split("_")[0], "a larger instance, or less traffic per node")
    return RULE.finding(
        subject=replace(host.subject, detail=f"{device} {what}"),
        severity="critical" if is_lost else "warning",
        title=f"The cloud {'drops' if is_lost else 'queues or drops'} packets: {what} of {device}",
        confidence="certain" if is_lost else "likely",
        evidence=_evidence(host, host.delta(name), what, device),
        fix=hint,
        device=device,
        what=what,
    )


def _evidence(host: TargetView, delta: int, what: str, device: str) -> Iterator[Evidence]:
    text = f"{what} +{delta} in {host.seconds:.0f} s"
    yield host.fact(text, f"ethtool -S {device}")
