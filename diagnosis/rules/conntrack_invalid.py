"""Conntrack calls packets INVALID, passes them untranslated, and connections are reset.

Facts: docs/reference/failures.md #12.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, listed

INVALID = 5  # in a window


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        if node.delta("conntrack_invalid") < INVALID or node.values.get(
            "conntrack_count", 0
        ) * 10 > 9 * (node.values.get("conntrack_max") or 1):
            continue
        reset = [c for c in snapshot.conversations if c.client_resets]
        if not reset:
            continue
        who = listed(
            f"{snapshot.name(c.client)} → {snapshot.name(c.server)}:{c.port}" for c in reset
        )
        liberal = node.values.get("sysctl net.netfilter.nf_conntrack_tcp_be_liberal")
        yield Finding(
            rule="conntrack_invalid",
            severity="warning",
            subject=node.subject,
            title="Conntrack counts INVALID packets while clients reset connections that work",
            evidence=(
                node.counter("conntrack_invalid"),
                node.fact(f"reset by the client: {who}", "capture"),
                node.fact(f"nf_conntrack_tcp_be_liberal = {liberal}", "sysctl"),
            ),
            threshold=f"{INVALID} in 15 s is {CONVENTION}",
            confidence="likely",
            disproof="invalid stands still while connections are reset",
            fix="# /etc/sysctl.d/99-k8s-networking.conf\n# out-of-window segments are tracked instead of passed "
            "untranslated\nnet.netfilter.nf_conntrack_tcp_be_liberal = 1\n",
            fix_kind="sysctl",
            verify="conntrack -S: invalid stands still; resets stop (kube-proxy since 1.15 drops INVALID itself)",
            screen="counters",
        )
