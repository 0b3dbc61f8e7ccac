"""Settings of a node that do not fit what it carries."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, TargetView

# setting, what is the least for a busy node, and why
WANTED = (
    ("fs.file-max", 100_000, "every socket is a file"),
    ("net.core.somaxconn", 1024, "the longest accept queue that a program may ask for"),
    ("net.netfilter.nf_conntrack_max", 131_072, "kube-proxy's own least"),
)
BUSY = 2_000  # sockets or conntrack entries: below that nothing is worth a word


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        tracked = node.values.get("conntrack_count", 0)
        if tracked < BUSY:
            continue
        low = [(name, least, why) for name, least, why in WANTED if 0 < _value(node, name) < least]
        if low:
            lines = "".join(f"# {why}\n{name} = {least}\n" for name, least, why in low)
            yield Finding(
                rule="tuning",
                severity="info",
                subject=node.subject,
                title=f"{', '.join(name for name, *_ in low)}: small for what this node carries",
                evidence=tuple(
                    node.fact(f"{name} = {_value(node, name):,}", "sysctl") for name, *_ in low
                ),
                threshold=f"{CONVENTION}, but for nf_conntrack_max (kube-proxy)",
                confidence="possible",
                disproof="the node carries little",
                fix=f"# /etc/sysctl.d/99-k8s-networking.conf\n{lines}",
                fix_kind="sysctl",
                verify="sysctl --system",
                screen="counters",
            )


def _value(node: TargetView, name: str) -> int:
    alias = {"net.netfilter.nf_conntrack_max": "conntrack_max"}.get(name, f"sysctl {name}")
    return node.values.get(alias, 0)
