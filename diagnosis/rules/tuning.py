"""Settings of a node that do not fit what it carries."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

BUSY = Threshold("from", 2_000, "conntrack entries on the node", CONVENTION)
FILE_MAX = Threshold("at least", 100_000, "fs.file-max", CONVENTION)
SOMAXCONN = Threshold("at least", 1024, "net.core.somaxconn", CONVENTION)
TABLE = Threshold(
    "at least", 131_072, "net.netfilter.nf_conntrack_max", "kube-proxy, conntrack.min"
)
# setting, and the reason for it
WANTED = (
    (FILE_MAX, "every socket is a file"),
    (SOMAXCONN, "the longest accept queue that a program may ask for"),
    (TABLE, "kube-proxy's own minimum"),
)
RULE = Rule(
    id="tuning",
    title="Settings are small for what the node carries",
    scope="node",
    stage="advice",
    inputs=("sysctls", "conntrack_count", "conntrack_max"),
    symptoms=("load",),
    screen="counters",
    thresholds=(BUSY, FILE_MAX, SOMAXCONN, TABLE),
    false_friends=("the node carries little",),
    severity="info",
    confidence="possible",
    fix="""# /etc/sysctl.d/99-k8s-networking.conf
{lines}""",
    fix_kind="sysctl",
    verify="sysctl --system",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        low = _small(node)
        if low and _is_busy(node):
            yield _finding(node, low)


def _is_busy(node: TargetView) -> bool:
    return node.values.get("conntrack_count", 0) >= BUSY.value


def _small(node: TargetView) -> list[tuple[Threshold, str]]:
    """Those of WANTED that are set below what is wanted; 0 is not set at all."""
    return [(least, why) for least, why in WANTED if 0 < _value(node, least.unit) < least.value]


def _finding(node: TargetView, low: list[tuple[Threshold, str]]) -> Finding:
    names = [least.unit for least, _ in low]
    lines = "".join(f"# {why}\n{least.unit} = {least.value:.0f}\n" for least, why in low)
    return RULE.finding(
        subject=node.subject,
        title=f"{', '.join(names)}: small for what this node carries",
        evidence=_evidence(node, names),
        lines=lines,
    )


def _evidence(node: TargetView, names: list[str]) -> Iterator[Evidence]:
    for name in names:
        yield node.fact(f"{name} = {_value(node, name):,}", "sysctl")


def _value(node: TargetView, name: str) -> int:
    if name == "net.netfilter.nf_conntrack_max":
        return node.values.get("conntrack_max", 0)
    return node.sysctl(name) or 0
