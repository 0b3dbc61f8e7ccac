"""The live proof beside a verdict: what became of connections from one pod to another row, as each
vantage saw it.

A SYN that leaves one pod and does not reach the other was dropped between; a refusal is the
pod's own where it saw it; nodes that capture know better still.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServiceRow
from collectors.target import pod_key
from diagnosis.loss_location import loss_report, place
from diagnosis.reachability.parties import port_number
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed


def proof(
    snapshot: Snapshot, source: PodRow, target: PodRow | ServiceRow, port: str, protocol: str
) -> list[str]:
    """Sentences, [] where nothing was seen. Figures are of the last 15 s."""
    here = _view(snapshot, source)
    ends = _ends(snapshot, target, port, protocol)
    left = (
        _added(_talks(here, source, _addresses(target), _number(target, port, protocol)))
        if here
        else None
    )
    arrived = [
        (pod, _added(_talks(view, source, set(pod.ips or (pod.ip,)), number)))
        for pod, number in ends
        if (view := _view(snapshot, pod)) is not None
    ]
    lines = []
    if left is not None and left.flows:
        lines.append(f"at {source.name}: {left.flows} left, {_outcome(left)}")
    if lines or any(one.flows for _, one in arrived):
        for pod, one in arrived:
            seen = f"{one.flows} arrived, {_outcome(one)}" if one.flows else "none arrived"
            lines.append(f"at {pod.name}: {seen}")
    seen_by_nodes = dict.fromkeys(
        loss_report(lost, pod.ip).title
        for pod, number in ends
        if (lost := place(snapshot, pod.ip, number, protocol))
    )
    return lines + list(seen_by_nodes or _meaning(left, arrived, len(ends)))


def _view(snapshot: Snapshot, pod: PodRow) -> TargetView | None:
    wanted = pod_key(pod.namespace, pod.name)
    return next((view for view in snapshot.targets if view.key == wanted), None)


def _addresses(target: PodRow | ServiceRow) -> set[str]:
    return set(target.ips) if isinstance(target, ServiceRow) else set(target.ips or (target.ip,))


def _number(target: PodRow | ServiceRow, port: str, protocol: str) -> int:
    if isinstance(target, PodRow):
        return port_number(target, port, protocol) or 0
    return (
        int(port)
        if port.isdecimal()
        else next((p.number for p in target.targets if p.name == port), 0)
    )


def _ends(
    snapshot: Snapshot, target: PodRow | ServiceRow, port: str, protocol: str
) -> list[tuple[PodRow, int]]:
    """The pods that such connections end at, and on which port."""
    if isinstance(target, PodRow):
        return [(target, port_number(target, port, protocol) or 0)]
    wanted = _number(target, port, protocol)
    led = next(
        (p.target for p in target.targets if p.number == wanted and p.protocol == protocol), ""
    )
    return [
        (pod, number)
        for pod in snapshot.selected(target)
        if led and (number := port_number(pod, led, protocol))
    ]


def _talks(view: TargetView, source: PodRow, servers: set[str], port: int) -> list[Conversation]:
    own = set(source.ips or (source.ip,))
    return [
        t for t in view.conversations if t.client in own and t.server in servers and t.port == port
    ]


def _added(talks: list[Conversation]) -> Conversation:
    first = talks[0] if talks else Conversation("", "", "", 0)
    return Conversation(
        first.protocol,
        first.client,
        first.server,
        first.port,
        flows=sum(t.flows for t in talks),
        answered=sum(t.answered for t in talks),
        unanswered=sum(t.unanswered for t in talks),
        refused=sum(t.refused for t in talks),
    )


def _outcome(one: Conversation) -> str:
    parts = (
        (one.answered, "answered"),
        (one.unanswered, "without an answer"),
        (one.refused, "refused"),
    )
    return ", ".join(f"{count} {word}" for count, word in parts if count) or "still open"


def _meaning(
    left: Conversation | None, arrived: list[tuple[PodRow, Conversation]], ends: int
) -> Iterator[str]:
    """What follows from the two sights together."""
    if left is None or not left.flows or left.answered:
        return
    reached = [pod.name for pod, one in arrived if one.flows]
    refused = [pod.name for pod, one in arrived if one.refused]
    everywhere = bool(arrived) and len(arrived) == ends
    if refused:
        yield f"refused by {listed(refused)} itself: nothing listens there"
    elif left.refused and everywhere and not reached:
        yield "refused between the two (the node's rules, or no endpoint): it never reached a pod"
    elif reached:
        arrives = f"it arrives at {listed(reached)}, and no answer comes back"
        yield f"{arrives}: look at the return path, or at the program"
    elif everywhere:
        yield "dropped between the two: it leaves here and arrives nowhere"
    elif not arrived:
        yield "open the pod on the other side to see whether it arrives"
