"""Conntrack calls packets INVALID and passes them untranslated, so that connections are reset.

Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView, listed

INVALID = Threshold("at least", 5, "INVALID packets in 15 s", CONVENTION)
NOT_FULL = Threshold("up to", 90, "% of the table: above, a full table explains them", CONVENTION)
LIBERAL = "net.netfilter.nf_conntrack_tcp_be_liberal"
FIX = f"""# /etc/sysctl.d/99-k8s-networking.conf
# segments outside of the window are tracked instead of passed untranslated
{LIBERAL} = 1
"""
RULE = Rule(
    id="conntrack_invalid",
    title="Conntrack counts INVALID packets while clients reset connections that work",
    scope="node",
    stage="symptom",
    inputs=("conntrack_invalid", "conntrack_count", "capture", "sysctls"),
    symptoms=("reset", "timeout"),
    screen="counters",
    thresholds=(INVALID, NOT_FULL),
    false_friends=(
        "invalid stands still while connections are reset",
        "kube-proxy drops INVALID packets itself (since 1.15)",
    ),
    fix=FIX,
    fix_kind="sysctl",
    verify="conntrack -S: invalid stands still; resets stop",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    clients = listed(_reset_by_clients(snapshot))
    for node in snapshot.hosts if clients else ():
        if node.delta("conntrack_invalid") >= INVALID.value and not _is_full(node):
            yield _finding(node, clients)


def _reset_by_clients(snapshot: Snapshot) -> Iterator[str]:
    for talk in snapshot.conversations:
        if talk.client_resets:
            yield f"{snapshot.name(talk.client)} → {snapshot.name(talk.server)}:{talk.port}"


def _finding(node: TargetView, clients: str) -> Finding:
    return RULE.finding(
        subject=node.subject,
        evidence=_evidence(node, clients),
    )


def _evidence(node: TargetView, clients: str) -> Iterator[Evidence]:
    yield node.counter("conntrack_invalid")
    yield node.fact(f"reset by the client: {clients}", "capture")
    yield node.fact(f"nf_conntrack_tcp_be_liberal = {node.sysctl(LIBERAL)}", "sysctl")


def _is_full(node: TargetView) -> bool:
    count, limit = node.values.get("conntrack_count", 0), node.values.get("conntrack_max") or 1
    return 100 * count > NOT_FULL.value * limit
