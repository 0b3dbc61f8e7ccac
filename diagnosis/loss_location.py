"""Where connections get lost, by what captures on nodes saw of their first packets and of the answers to these.

A packet that is routed through a node is captured twice there: as it comes in by one interface and as it goes out by
another. One that only came in was dropped on that node, by its rules, its routes or its reverse-path filter. Nothing is
told where eBPF hands packets on unseen (Cilium), nor of what is translated as it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collectors.events import PodRow
from diagnosis.snapshot import Conversation, Snapshot, TargetView

LEAST = 3  # connections in 15 s
MOSTLY = 2  # times as many as went through
What = Literal["request", "answer", "delivered", "between", "answer between"]
Sight = tuple[TargetView, Conversation]


@dataclass(frozen=True)
class LossLocation:
    """`request`, `answer`: it came into that node and did not leave; `delivered`: the node handed it to the pod;
    `between`, `answer between`: it left that node and never came to the `other`."""

    what: What
    view: TargetView
    count: int
    other: str = ""


def place(snapshot: Snapshot, server: str, port: int, protocol: str = "TCP") -> LossLocation | None:
    """Of connections to that port of a pod or Service; None where no node saw enough."""
    if any(row.name == "cilium" for row in snapshot.settings):
        return None
    views = [view for view in snapshot.hosts if view.conversations]
    pod = snapshot.by_address.get(server)
    if pod is not None:
        return _of_pod(
            [(view, _added(view, server, port, protocol)) for view in views], pod, snapshot
        )
    if server in snapshot.service_by_address:
        return _of_service(snapshot, views, server, port, protocol)
    return None


def _of_pod(sights: list[Sight], pod: PodRow, snapshot: Snapshot) -> LossLocation | None:
    found = [
        LossLocation("request", view, one.stopped)
        for view, one in sights
        if one.stopped >= MOSTLY * one.passed
    ]
    found += [LossLocation("answer", view, one.answers_stopped) for view, one in sights]
    most = max(found, key=lambda one: one.count, default=None)
    if most is not None and most.count >= LEAST:
        return most
    own = next(((view, one) for view, one in sights if view.node == pod.node), None)
    if own is None:
        return None
    view, one = own
    others = [(v, o) for v, o in sights if v is not view]
    if one.answers_passed >= LEAST:
        silent = next((v.name for v, o in others if o.passed >= LEAST), "")
        return LossLocation("answer between", view, one.answers_passed, silent) if silent else None
    if one.passed >= max(LEAST, MOSTLY * one.stopped):
        return LossLocation("delivered", view, one.passed)
    if not one.flows:
        left = ((v, o) for v, o in others if o.passed >= LEAST)
        return next((LossLocation("between", v, o.passed, view.name) for v, o in left), None)
    return None


def _of_service(
    snapshot: Snapshot, views: list[TargetView], server: str, port: int, protocol: str
) -> LossLocation | None:
    """A node translates what its pods send to a Service: where it comes in and nothing leaves to an endpoint."""
    ready, _ = snapshot.endpoints(snapshot.service_by_address[server])
    for view in views:
        one = _added(view, server, port, protocol)
        clients = {t.client for t in view.conversations if (t.server, t.port) == (server, port)}
        sent_on = [t for t in view.conversations if t.client in clients and t.server in ready]
        if one.stopped >= LEAST and one.stopped >= MOSTLY * one.answered and ready and not sent_on:
            return LossLocation("request", view, one.stopped)
    return None


def _added(view: TargetView, server: str, port: int, protocol: str) -> Conversation:
    talks = [
        t
        for t in view.conversations
        if t.server == server and (t.port, t.protocol) == (port, protocol)
    ]
    return Conversation(
        protocol,
        "",
        "",
        port,
        flows=sum(t.flows for t in talks),
        answered=sum(t.answered for t in talks),
        stopped=sum(t.stopped for t in talks),
        passed=sum(t.passed for t in talks),
        answers_stopped=sum(t.answers_stopped for t in talks),
        answers_passed=sum(t.answers_passed for t in talks),
    )


def told(lost: LossLocation, server: str, packets: str = "SYNs") -> tuple[str, str, str]:
    """(what happens to them, the figure, commands that go on from there)."""
    node, other = lost.view.name, lost.other
    title, figure, commands = {
        "request": (
            f"{packets} are dropped on {node}: they come into it and do not leave it",
            f"{lost.count} {packets} came in and did not go out",
            DROPPED,
        ),
        "answer": (
            f"The server answers, and its answers are dropped on {node}: they come into it and do not leave it",
            f"{lost.count} SYN-ACKs came in and did not go out",
            DROPPED,
        ),
        "delivered": (
            f"{node} hands {packets} to the pod, and the pod does not answer: a full queue, or rules in the pod",
            f"{lost.count} {packets} went out to the pod",
            DELIVERED,
        ),
        "between": (
            f"{packets} leave {node} and never come to {other}: they are lost between the two",
            f"{lost.count} {packets} went out here, none came in at {other}",
            BETWEEN,
        ),
        "answer between": (
            f"The server answers, its answers leave {node} and do not come to {other}: they are lost between the two",
            f"{lost.count} SYN-ACKs went out here, of connections that are unanswered at {other}",
            BETWEEN,
        ),
    }[lost.what]
    return title, figure, commands.format(node=node, server=server, other=other)


def briefly(lost: LossLocation) -> str:
    return {
        "request": f"dropped on {lost.view.name}",
        "answer": f"answers dropped on {lost.view.name}",
        "delivered": f"handed to the server's pod by {lost.view.name}",
        "between": f"lost between {lost.view.name} and {lost.other}",
        "answer between": f"answers lost between {lost.view.name} and {lost.other}",
    }[lost.what]


DROPPED = """# on {node}: the rule, the route or the filter that drops it
nft list ruleset | grep -nE 'drop|reject'
iptables-save -c | grep -E 'DROP|REJECT'
ip route get {server}
nstat -az IpForwDatagrams IpInNoRoutes TcpExtIPReversePathFilter
sysctl net.ipv4.ip_forward"""
DELIVERED = """# in the pod: a listener whose Recv-Q stands has a full queue; then its own rules (of a mesh or firewall)
ss -lntu
iptables-save -c; nft list ruleset"""
BETWEEN = """# on {other}: what of it arrives? Then the cloud's security groups and routes, and the overlay's UDP port
tcpdump -ni any 'host {server} or udp port 8472 or udp port 4789'"""
