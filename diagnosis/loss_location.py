"""Where connections are lost, by what captures on nodes saw of their first packets and the answers.

A packet that is routed through a node is captured twice there: as it comes in by one interface and
as it goes out by another. One that only came in was dropped on that node, by its rules, its routes
or its reverse-path filter. Nothing is concluded where eBPF hands packets on unseen (Cilium), nor
about what is translated as it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from collectors.events import PodRow
from collectors.frozen import frozen
from diagnosis.comparable_captures import why_not_comparable
from diagnosis.paths import End
from diagnosis.snapshot import Conversation, Snapshot, TargetView

LEAST = 3  # connections in 15 s
MOSTLY = 2  # times as many as went through
COUNTS = ("flows", "answered", "stopped", "passed", "answers_stopped", "answers_passed")
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

    def filled(self, names: Mapping[str, object]) -> LossReport:
        """Its templates, with the names in their places."""
        return LossReport(
            title=self.title.format_map(names),
            short=self.short.format_map(names),
            figure=self.figure.format_map(names),
            fix=self.fix.format_map(names),
        )


def place(snapshot: Snapshot, server: str, port: int, protocol: str = "TCP") -> LossLocation | None:
    """Of connections to that port of a pod or Service; None where no node saw enough."""
    pod, service = snapshot.by_address.get(server), snapshot.service_by_address.get(server)
    is_known = pod is not None or service is not None
    if not is_known or any(row.name == "cilium" for row in snapshot.settings):
        return None
    views = [view for view in snapshot.hosts if view.conversations]
    sights = [(view, _added(view, server, port, protocol)) for view in views]
    if pod is not None:
        return _dropped_on_a_node(sights) or _beyond_the_pods_node(sights, pod)
    ready = snapshot.endpoints(service)[0] if service is not None else []
    return _of_service(sights, (server, port), ready)


def _dropped_on_a_node(sights: list[NodeSight]) -> LossLocation | None:
    """The node that dropped most, where one did."""
    answers = (LossLocation("answer", view, one.answers_stopped) for view, one in sights)
    found = (*_dropped_requests(sights), *answers)
    most = max(found, key=lambda lost: lost.count, default=None)
    return most if most is not None and most.count >= LEAST else None


def _dropped_requests(sights: list[NodeSight]) -> Iterator[LossLocation]:
    for view, one in sights:
        if one.stopped >= MOSTLY * one.passed:
            yield LossLocation("request", view, one.stopped)


def _beyond_the_pods_node(sights: list[NodeSight], pod: PodRow) -> LossLocation | None:
    """In the pod, or between two nodes: only where the pod's own node is watched."""
    own = next((sight for sight in sights if sight[0].node == pod.node), None)
    if own is None:
        return None
    view, one = own
    answers_left = one.answers_passed >= LEAST
    if not answers_left and one.passed >= max(LEAST, MOSTLY * one.stopped):
        return LossLocation("delivered", view, one.passed)
    return _between_nodes(view, one, _sender(sights, view), answers_left)


def _between_nodes(
    view: TargetView, one: Conversation, sender: NodeSight | None, answers_left: bool
) -> LossLocation | None:
    """`view` and `one` are of the pod's node. Nothing where either capture may lack packets."""
    if sender is None or why_not_comparable(view) or why_not_comparable(sender[0]):
        return None
    other, sent = sender
    if answers_left:
        return LossLocation("answer between", view, one.answers_passed, other.name)
    return None if one.flows else LossLocation("between", other, sent.passed, view.name)


def _sender(sights: list[NodeSight], own: TargetView) -> NodeSight | None:
    """Another node that SYNs left."""
    for sight in sights:
        if sight[0] is not own and sight[1].passed >= LEAST:
            return sight
    return None


def _of_service(sights: list[NodeSight], asked: End, ready: list[str]) -> LossLocation | None:
    """A node translates what its pods send to a Service: where it comes in and nothing leaves to an
    endpoint."""
    for view, one in sights if ready else ():
        is_stopped = one.stopped >= max(LEAST, MOSTLY * one.answered)
        if is_stopped and not _is_sent_on(view, asked, ready):
            return LossLocation("request", view, one.stopped)
    return None


def _is_sent_on(view: TargetView, asked: End, ready: list[str]) -> bool:
    """Whether clients of a Service have conversations with its endpoints as well."""
    clients = {talk.client for talk in view.conversations if talk.end == asked}
    return any(talk.client in clients and talk.server in ready for talk in view.conversations)


def _added(view: TargetView, server: str, port: int, protocol: str) -> Conversation:
    wanted = (server, port, protocol)
    talks = [t for t in view.conversations if (t.server, t.port, t.protocol) == wanted]
    counts = {name: sum(getattr(talk, name) for talk in talks) for name in COUNTS}
    return replace(Conversation(protocol, client="", server="", port=port), **counts)


def loss_report(lost: LossLocation, server: str, packets: str = "SYNs") -> LossReport:
    """`packets` are the client's: SYNs, or questions of DNS."""
    names = {
        "node": lost.view.name,
        "other": lost.other,
        "server": server,
        "packets": packets,
        "count": lost.count,
    }
    return REPORTS[lost.what].filled(names)


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
