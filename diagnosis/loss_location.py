"""Where connections are lost, by what captures on nodes saw of their first packets and the answers.

A packet that is routed through a node is captured twice there: as it comes in by one interface and
as it goes out by another. One that only came in was dropped on that node, by its rules, its routes
or its reverse-path filter. Nothing is concluded where eBPF hands packets on unseen (Cilium), nor
about what is translated as it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collectors.events import PodRow
from collectors.frozen import frozen
from diagnosis.snapshot import Conversation, Snapshot, TargetView

LEAST = 3  # connections in 15 s
MOSTLY = 2  # times as many as went through
LossPlace = Literal["request", "answer", "delivered", "between", "answer between"]
NodeSight = tuple[TargetView, Conversation]


@dataclass(frozen=True)
class LossLocation:
    """`request`, `answer`: it came into that node and did not leave; `delivered`: the node handed
    it to the pod; `between`, `answer between`: it left that node and never came to the `other`."""

    what: LossPlace
    view: TargetView
    count: int
    other: str = ""


@frozen
class LossReport:
    """A loss in words: what happens, briefly too; the figure; commands that go on from there."""

    title: str
    short: str
    figure: str
    fix: str


def place(snapshot: Snapshot, server: str, port: int, protocol: str = "TCP") -> LossLocation | None:
    """Of connections to that port of a pod or Service; None where no node saw enough."""
    if any(row.name == "cilium" for row in snapshot.settings):
        return None
    views = [view for view in snapshot.hosts if view.conversations]
    pod = snapshot.by_address.get(server)
    if pod is not None:
        sights = [(view, _added(view, server, port, protocol)) for view in views]
        return _dropped_on_a_node(sights) or _beyond_the_pods_node(sights, pod)
    if server in snapshot.service_by_address:
        return _of_service(snapshot, views, server, port, protocol)
    return None


def _dropped_on_a_node(sights: list[NodeSight]) -> LossLocation | None:
    """The node that dropped most, where one did."""
    requests = [
        LossLocation("request", view, one.stopped)
        for view, one in sights
        if one.stopped >= MOSTLY * one.passed
    ]
    answers = [LossLocation("answer", view, one.answers_stopped) for view, one in sights]
    most = max(requests + answers, key=lambda lost: lost.count, default=None)
    return most if most is not None and most.count >= LEAST else None


def _beyond_the_pods_node(sights: list[NodeSight], pod: PodRow) -> LossLocation | None:
    """In the pod, or between two nodes: only where the pod's own node is watched."""
    own = next((sight for sight in sights if sight[0].node == pod.node), None)
    if own is None:
        return None
    view, one = own
    sender, sent = _sender(sights, view)
    answers_left = one.answers_passed >= LEAST
    if not answers_left and one.passed >= max(LEAST, MOSTLY * one.stopped):
        return LossLocation("delivered", view, one.passed)
    if sender is None:
        return None
    if answers_left:
        return LossLocation("answer between", view, one.answers_passed, sender.name)
    return None if one.flows else LossLocation("between", sender, sent, view.name)


def _sender(sights: list[NodeSight], own: TargetView) -> tuple[TargetView | None, int]:
    """Another node that SYNs left, and how many."""
    for view, one in sights:
        if view is not own and one.passed >= LEAST:
            return view, one.passed
    return None, 0


def _of_service(
    snapshot: Snapshot, views: list[TargetView], server: str, port: int, protocol: str
) -> LossLocation | None:
    """A node translates what its pods send to a Service: where it comes in and nothing leaves to an
    endpoint."""
    ready, _ = snapshot.endpoints(snapshot.service_by_address[server])
    if not ready:
        return None
    for view in views:
        one = _added(view, server, port, protocol)
        clients = {t.client for t in view.conversations if (t.server, t.port) == (server, port)}
        sent_on = any(t.client in clients and t.server in ready for t in view.conversations)
        if one.stopped >= max(LEAST, MOSTLY * one.answered) and not sent_on:
            return LossLocation("request", view, one.stopped)
    return None


def _added(view: TargetView, server: str, port: int, protocol: str) -> Conversation:
    wanted = (server, port, protocol)
    talks = [t for t in view.conversations if (t.server, t.port, t.protocol) == wanted]
    return Conversation(
        protocol=protocol,
        client="",
        server="",
        port=port,
        flows=sum(t.flows for t in talks),
        answered=sum(t.answered for t in talks),
        stopped=sum(t.stopped for t in talks),
        passed=sum(t.passed for t in talks),
        answers_stopped=sum(t.answers_stopped for t in talks),
        answers_passed=sum(t.answers_passed for t in talks),
    )


def loss_report(lost: LossLocation, server: str, packets: str = "SYNs") -> LossReport:
    """`packets` are the client's: SYNs, or questions of DNS."""
    template = REPORTS[lost.what]
    names = {
        "node": lost.view.name,
        "other": lost.other,
        "server": server,
        "packets": packets,
        "count": lost.count,
    }
    return LossReport(
        title=template.title.format(**names),
        short=template.short.format(**names),
        figure=template.figure.format(**names),
        fix=template.fix.format(**names),
    )


DROPPED = """# on {node}: the rule, the route or the filter that drops it
nft list ruleset | grep -nE 'drop|reject'
iptables-save -c | grep -E 'DROP|REJECT'
ip route get {server}
nstat -az IpForwDatagrams IpInNoRoutes TcpExtIPReversePathFilter
sysctl net.ipv4.ip_forward"""
DELIVERED = """# in the pod: a listener whose Recv-Q stays has a full queue
ss -lntu
# next, the pod's own rules (of a mesh or firewall)
iptables-save -c; nft list ruleset"""
BETWEEN = """# on {other}: what of it arrives?
tcpdump -ni any 'host {server} or udp port 8472 or udp port 4789'
# next, the cloud's security groups and routes, and the overlay's UDP port"""
REPORTS: dict[LossPlace, LossReport] = {
    "request": LossReport(
        title="{packets} are dropped on {node}: they come into it and do not leave it",
        short="dropped on {node}",
        figure="{count} {packets} came in and did not go out",
        fix=DROPPED,
    ),
    "answer": LossReport(
        title="The server answers, and its answers are dropped on {node}: they come into it and "
        "do not leave it",
        short="answers dropped on {node}",
        figure="{count} SYN-ACKs came in and did not go out",
        fix=DROPPED,
    ),
    "delivered": LossReport(
        title="{node} hands {packets} to the pod, and the pod does not answer: a full queue, or "
        "rules in the pod",
        short="handed to the server's pod by {node}",
        figure="{count} {packets} went out to the pod",
        fix=DELIVERED,
    ),
    "between": LossReport(
        title="{packets} leave {node} and never come to {other}: they are lost between the two",
        short="lost between {node} and {other}",
        figure="{count} {packets} went out here, none came in at {other}",
        fix=BETWEEN,
    ),
    "answer between": LossReport(
        title="The server answers, its answers leave {node} and do not come to {other}: they are "
        "lost between the two",
        short="answers lost between {node} and {other}",
        figure="{count} SYN-ACKs went out here, of connections that are unanswered at {other}",
        fix=BETWEEN,
    ),
}
