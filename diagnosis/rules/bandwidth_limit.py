"""A pod uses all of the bandwidth that its annotations allow: the excess is dropped or delayed.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from collectors.events import PodRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from collectors.kernel.deltas import Share
from collectors.kernel.derived_figures import RETRANSMIT_SHARE
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Conversation, Snapshot, TargetView

SHARE = Threshold("from", 85, "% of the limit", CONVENTION)
BEYOND = Threshold("up to", 200, "%: more passes only where nothing enforces it", CONVENTION)
LOSS = Threshold("warning from", 1, "% of data segments retransmitted or out of order", CONVENTION)
RULE = Rule(
    id="bandwidth_limit",
    title="A pod uses all of the bandwidth that its annotation allows",
    scope="pod",
    stage="cause",
    inputs=(
        "pods",
        "interfaces",
        *RETRANSMIT_SHARE.counters,
        *RETRANSMIT_SHARE.less,
        RETRANSMIT_SHARE.of,
        "TcpExtTCPOFOQueue",
        "TcpInSegs",
    ),
    symptoms=("slow", "load"),
    screen="counters",
    criterion="kubernetes.io/egress-bandwidth and ingress-bandwidth beside what eth0 counts",
    thresholds=(SHARE, BEYOND, LOSS),
    false_friends=("the CNI has no bandwidth plugin, and the rate is the application's own",),
    fix="kubectl -n {namespace} annotate pod {name} kubernetes.io/{direction}-bandwidth=MORE "
    "--overwrite  # a new pod: the CNI reads it once, so in the workload's template",
    fix_kind="shell",
    verify="eth0's rate is below the limit, and few segments are retransmitted",
)
Direction = Literal["egress", "ingress"]


@frozen
class BandwidthUse:
    """`limit` and `rate` are bits a second, `lost` % of data segments."""

    pod: PodRow
    direction: Direction
    limit: int
    rate: float
    lost: float

    @property
    def is_all(self) -> bool:
        return SHARE.value <= 100 * self.rate / self.limit <= BEYOND.value

    @property
    def counter(self) -> str:
        return f"dev/eth0/{'tx' if self.direction == 'egress' else 'rx'}_bytes"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod"):
        for use in _uses(target):
            if use.is_all:
                yield _finding(target, use)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What that pod sends and receives, where it loses segments."""
    if finding.severity != "warning":
        return False
    pods = (view.pod for view in snapshot.of_kind("pod") if view.subject == finding.subject)
    return any(pod is not None and _is_of(snapshot, pod, talk) for pod in pods)


def _is_of(snapshot: Snapshot, pod: PodRow, talk: Conversation) -> bool:
    service = snapshot.service_by_address.get(talk.server)
    ends = snapshot.endpoints(service)[0] if service is not None else []
    return pod.ip in (talk.client, talk.server) or ends == [pod.ip]


def _uses(target: TargetView) -> Iterator[BandwidthUse]:
    """A pod in its host's network has no interface that a CNI could limit."""
    pod = target.pod
    if pod is None or pod.host_network:
        return
    if pod.egress_limit:
        yield _use(target, pod, "egress", pod.egress_limit)
    if pod.ingress_limit:
        yield _use(target, pod, "ingress", pod.ingress_limit)


def _use(target: TargetView, pod: PodRow, direction: Direction, limit: int) -> BandwidthUse:
    is_sent = direction == "egress"
    rate = 8 * target.rate(f"dev/eth0/{'tx' if is_sent else 'rx'}_bytes")
    share = RETRANSMIT_SHARE.share(target.deltas) if is_sent else _out_of_order(target)
    lost = share.percent if share is not None else None
    return BandwidthUse(pod, direction, limit, rate, lost or 0.0)


def _out_of_order(target: TargetView) -> Share:
    """Of segments that came: after one that was dropped, until it is retransmitted."""
    return Share(target.delta("TcpExtTCPOFOQueue"), target.delta("TcpInSegs"))


def _finding(target: TargetView, use: BandwidthUse) -> Finding:
    is_felt = use.lost >= LOSS.value
    verb = "sends" if use.direction == "egress" else "receives"
    more = ": the excess is dropped or delayed" if is_felt else ""
    return RULE.finding(
        subject=target.subject,
        severity="warning" if is_felt else "info",
        title=f"It {verb} {_megabits(use.rate)} of the {_megabits(use.limit)} that its annotation "
        f"kubernetes.io/{use.direction}-bandwidth allows{more}",
        evidence=_evidence(target, use),
        namespace=use.pod.namespace,
        name=use.pod.name,
        direction=use.direction,
    )


def _evidence(target: TargetView, use: BandwidthUse) -> Iterator[Evidence]:
    kind = "retransmitted" if use.direction == "egress" else "out of order"
    annotation = f"kubernetes.io/{use.direction}-bandwidth"
    yield target.fact(f"{annotation}: {_megabits(use.limit)}", "annotation of the pod")
    yield target.counter(use.counter, "/proc/net/dev")
    yield target.fact(f"{use.lost:.1f} % of data segments {kind}", "/proc/net/snmp, netstat")


def _megabits(bits: float) -> str:
    return f"{bits / 1e6:,.1f} Mbit/s"
