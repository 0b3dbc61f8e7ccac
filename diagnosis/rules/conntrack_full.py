"""The conntrack table of a node fills up, or is full.

Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import ConntrackGroup, PodRow, ProbeRow
from collectors.findings import Evidence, Finding, Severity
from collectors.kernel.deltas import Share
from collectors.kernel.derived_figures import CONNTRACK_FILL
from diagnosis.rule import Rule, Threshold, level
from diagnosis.snapshot import WINDOW_S, Conversation, Snapshot, TargetView, listed
from diagnosis.subjects import pod_subject, service_subject

WARNING = Threshold("warning from", 75, "% of the table", "node_exporter mixin")
CRITICAL = Threshold("critical from", 90, "% of the table", "node-problem-detector")
EVICTING = Threshold(
    "new entries evict others from", 95, "% of the table", "nf_conntrack_core.c, early_drop"
)
ENTRY_BYTES = 320
DROPS = ("conntrack_drop", "conntrack_early_drop")
LATE = ("deadline exceeded", "Timeout", "timed out", "i/o timeout")  # of the kubelet's probes
RULE = Rule(
    id="conntrack_full",
    title="The conntrack table fills up: when it is full, new connections are dropped",
    scope="pod or node",
    stage="cause",
    inputs=(
        "conntrack_count",
        "conntrack_max",
        "conntrack_drop",
        "conntrack_early_drop",
        "conntrack",
    ),
    symptoms=("connect", "timeout", "name", "nodes", "load"),
    screen="conntrack",
    thresholds=(WARNING, CRITICAL, EVICTING),
    false_friends=(
        "drop does not increase",
        "pods of nodes whose table is nearly empty fail in the same manner",
    ),
    fix_kind="sysctl",
    verify="conntrack -C falls below the threshold, and drop of conntrack -S no longer increases",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for view in filter(_has_its_own, snapshot.counted):
        share = CONNTRACK_FILL.share(view.values)
        if share is not None and share.percent is not None:
            yield from _of_view(snapshot, view, share.percent, share)


def _has_its_own(view: TargetView) -> bool:
    """Each network namespace has a table, and the limit counts for each: of a pod whose packets a
    mesh translates in the pod, too (nf_conntrack_core.c, __nf_conntrack_alloc)."""
    return not view.is_of_host


def _of_view(snapshot: Snapshot, node: TargetView, fill: float, share: Share) -> Iterator[Finding]:
    if severity := level(fill, WARNING, CRITICAL):
        yield _finding(snapshot, node, fill, severity, share)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """New connections of, and to, the pods of a node whose table is full, or that pod; and all that
    the node's own capture saw: whatever their ends are called, they pass its table."""
    drops = _is_dropping(snapshot, finding) or _may_have_dropped(snapshot, finding, talk)
    return drops and _passes(snapshot, finding, talk)


def _passes(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    ends = talk.client, talk.server
    if finding.subject.kind == "node":
        at_ends = finding.subject.name in map(snapshot.node_of, ends)
        return at_ends or _is_seen(snapshot, finding, talk)
    pods = (snapshot.by_address.get(end) for end in ends)
    return any(pod is not None and pod_subject(pod) == finding.subject for pod in pods)


def _is_seen(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    node = snapshot.host(finding.subject)
    seen = node.conversations if node is not None else ()
    return any((one.client, one.end) == (talk.client, talk.end) for one in seen)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That its limit is small, and that the kubelet's probes of pods there get no answer."""
    if other.rule == "tuning":
        return other.subject == finding.subject and "nf_conntrack_max" in other.title
    if finding.severity != "critical":
        return False
    out = _pods_out(snapshot, other)
    return bool(out) and all(_is_late(snapshot, pod, finding.subject.name) for pod in out)


def _pods_out(snapshot: Snapshot, finding: Finding) -> list[PodRow]:
    """Pods of a finding's Service that are not ready, or the one whose readiness comes and goes."""
    if finding.rule == "flapping":
        return [pod for pod in snapshot.pods if pod_subject(pod) == finding.subject]
    if finding.rule != "endpoints":
        return []
    service = next((s for s in snapshot.services if service_subject(s) == finding.subject), None)
    pods = snapshot.selected(service) if service is not None else []
    return [pod for pod in pods if not pod.all_ready]


def _is_late(snapshot: Snapshot, pod: PodRow, node: str) -> bool:
    """Whether the probe of a pod of that node was not answered in time."""
    probe = snapshot.probe(pod)
    return pod.node == node and probe is not None and _says_late(probe)


def _says_late(probe: ProbeRow) -> bool:
    return any(word in probe.message for word in LATE)


def _is_dropping(snapshot: Snapshot, finding: Finding) -> bool:
    views = (view for view in snapshot.counted if view.subject == finding.subject)
    return any(view.delta(*DROPS) for view in views)


def _may_have_dropped(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """Whether its counters are known for a shorter time than connections are, and say that it has
    dropped before; what left the node was not dropped there."""
    if finding.severity != "critical" or talk.passed:
        return False
    views = (view for view in snapshot.counted if view.subject == finding.subject)
    return any(
        view.seconds < WINDOW_S and any(view.values.get(name) for name in DROPS) for view in views
    )


def _finding(
    snapshot: Snapshot, node: TargetView, fill: float, severity: Severity, share: Share
) -> Finding:
    dropping = node.delta("conntrack_drop") > 0 and fill >= EVICTING.value
    whose = "pod's own " if node.kind == "pod" else ""
    state = "full: new connections are dropped" if dropping else f"{fill:.0f} % full"
    return RULE.finding(
        subject=node.subject,
        severity=severity,
        title=f"The {whose}conntrack table is {state}",
        evidence=_evidence(snapshot, node, share),
        confidence="certain" if dropping else "likely",
        fix=_sysctl(share.part, share.whole),
    )


def _evidence(snapshot: Snapshot, node: TargetView, share: Share) -> tuple[Evidence, ...]:
    text = f"{share.part:,} of {share.whole:,} entries ({share.percent:.1f} %)"
    return (
        node.fact(text, "nf_conntrack_count, nf_conntrack_max"),
        *_drops(node),
        *_largest_groups(snapshot, node),
    )


def _drops(node: TargetView) -> Iterator[Evidence]:
    source = "/proc/net/stat/nf_conntrack"
    return node.moved(*DROPS, source=source)


def _largest_groups(snapshot: Snapshot, node: TargetView) -> Iterator[Evidence]:
    table = node.conntrack
    if table is None or not table.groups:
        return
    largest = sorted(table.groups, key=lambda group: -group.count)[:3]
    text = listed(_group_text(snapshot, group) for group in largest)
    scope = f"{node.scope} {node.name}"
    yield Evidence(f"most entries: {text}", table.source, table.at, scope)


def _group_text(snapshot: Snapshot, group: ConntrackGroup) -> str:
    return (
        f"{group.count:,} {group.protocol} {group.state} {snapshot.name(group.source)} → "
        f"{snapshot.name(group.destination)}:{group.port}"
    )


def _sysctl(count: int, limit: int) -> str:
    """A power of two, at least twice the limit and twice what is in use; buckets a quarter of it,
    as kube-proxy has it."""
    size = 1 << max(limit * 2 - 1, count * 2 - 1).bit_length()
    megabytes = size * ENTRY_BYTES >> 20
    return f"""# /etc/sysctl.d/99-k8s-networking.conf; about {megabytes:,} MiB when full
# twice what is in use; kube-proxy may set its own: conntrack.maxPerCore
net.netfilter.nf_conntrack_max = {size}
# max / 4, so that chains stay short
net.netfilter.nf_conntrack_buckets = {size // 4}
# one day instead of five for idle connections, as kube-proxy does
net.netfilter.nf_conntrack_tcp_timeout_established = 86400
"""
