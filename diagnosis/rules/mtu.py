"""Packets are larger than the path carries.

Facts: docs/reference/mtu.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from operator import attrgetter

from collectors.events import LinkRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.by_key import by_key
from diagnosis.overlays import has_own_mtu, overhead, overlays, overlays_of_pods
from diagnosis.path_losses import PathLoss, loss_ends, path_losses
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules import endpoint_failing, retransmits
from diagnosis.rules._losses import losses_at
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed
from diagnosis.underlay_interfaces import underlay_interface

STUCK = Threshold("at least", 2, "flows whose full-size segments do not pass", CONVENTION)
MOST = Threshold("from", 50, "% of the flows between two ends that send any", CONVENTION)
# Of one of several endpoints: less than 50 % of the connections of a Service
SOME = Threshold("or from", 20, "% of them, where no other connection loses any", CONVENTION)
LEAST_SPLIT = 5  # flows, a convention: chance is none of them
CLEAN = 1.0  # % of segments at most, a convention: what other connections retransmit
# packets that a node could not send on: IPv6's routers split none, and count them apart
TOO_LARGE = ("IpFragFails", "Ip6FragFails", "Ip6InTooBigErrors")
RULE = Rule(
    id="mtu",
    title="Packets are larger than the path carries: full-size segments do not pass",
    scope="node",
    stage="cause",
    inputs=("links", "capture", *TOO_LARGE, "TcpExtTCPSynRetrans", "IcmpInDestUnreachs"),
    symptoms=("large", "slow", "nodes", "timeout"),
    screen="node",
    criterion="the MTU of pods is above the overlay's; the overlay's packets do not fit into the "
    "interface below; or handshakes succeed and full-size segments are retransmitted after "
    "timeouts",
    thresholds=(STUCK, MOST, SOME),
    false_friends=(
        "the underlay fragments and it works",
        "full-size segments of other connections arrive at the receiver",
        "SYNs are lost, too: that is loss, whatever the size",
    ),
    severity="critical",
    confidence="certain",
)
BLACK_HOLE = "black hole"
BLACK_HOLE_FIX = (
    "Let ICMP type 3 code 4 pass, and set the pods' MTU to what the path carries: find it with "
    "ping -M do -s N between pods of two nodes; as a stopgap clamp the MSS:\niptables -t mangle "
    "-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    hosts = {host.node or host.name: host for host in snapshot.hosts}
    for node in snapshot.hosts:
        yield from _underlay(snapshot, node)
    for pods in by_key(snapshot.of_kind("pod"), attrgetter("node")).values():
        if host := hosts.get(pods[0].node):
            above = (finding for pod in pods for finding in _pod(snapshot, pod, host))
            yield from islice(above, 1)
    yield from _black_hole(snapshot)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What does not get its full-size segments through."""
    return _is_stuck(talk)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """The black hole that comes of an MTU; that a node which counts packets as too large drops
    large ones alone; what a capture alone sees retransmitted of it; endpoints of which no answer
    comes to another place."""
    if other.rule == RULE.id:
        return other.subject.name == BLACK_HOLE and finding.subject.name != BLACK_HOLE
    if other.rule == retransmits.RULE.id:
        ends = retransmits.captured_ends(snapshot, other)
        return bool(ends) and ends <= _stuck_ends(snapshot)
    if other.rule == endpoint_failing.RULE.id:
        return finding.subject.name == BLACK_HOLE and _lacks_answers(snapshot, other)
    losses = losses_at(snapshot, other.subject) if other.rule == "packet_loss" else []
    return bool(losses) and all(_is_of_size(snapshot, finding, loss) for loss in losses)


def _is_of_size(snapshot: Snapshot, finding: Finding, loss: PathLoss) -> bool:
    """What a node drops that counts it as too large; or what does not come through elsewhere to
    ends that lack segments of full size."""
    if loss.only_large and loss.view.delta(*TOO_LARGE) > 0:
        return True
    if finding.subject.name != BLACK_HOLE or loss.place not in ("beyond", "between"):
        return False
    is_opened = all(kind.name != "SYNs" for kind in loss.kinds)
    return is_opened and not _stuck_ends(snapshot).isdisjoint(loss_ends(loss))


def _lacks_answers(snapshot: Snapshot, failing: Finding) -> bool:
    """Whether endpoints never answer by what one place sees, and their answers are seen elsewhere,
    and do not pass."""
    ends = set(endpoint_failing.failing_ends(snapshot, failing))
    return bool(ends) and ends <= _stuck_ends(snapshot)


def _stuck_ends(snapshot: Snapshot) -> set[End]:
    return {talk.end for talk in snapshot.conversations if _is_stuck(talk)}


def _pod(snapshot: Snapshot, pod: TargetView, host: TargetView) -> Iterator[Finding]:
    own = _own_interface(pod)
    if own is None:
        return
    for overlay in _overlays(snapshot, host):
        if _sent(pod, own) > overlay.mtu:
            yield _pod_above_overlay(pod, host, own, overlay)


def _sent(pod: TargetView, own: LinkRow) -> int:
    """The largest packets: routes may have an MTU below that of the interface."""
    return max(
        (row.mtu or own.mtu for row in pod.routes if row.device == own.name), default=own.mtu
    )


def _overlays(snapshot: Snapshot, host: TargetView) -> list[LinkRow]:
    """Where nodes have no pod CIDRs, all that are up."""
    if any(node.pod_cidrs for node in snapshot.nodes):
        links = overlays_of_pods(snapshot, host)
    else:
        links = [link for link in overlays(host) if link.state != "DOWN"]
    return [link for link in links if has_own_mtu(link)]


def _own_interface(pod: TargetView) -> LinkRow | None:
    """None of a pod in its host's network."""
    if pod.pod and pod.pod.host_network:
        return None
    return next((link for link in pod.links if link.name == "eth0"), None)


def _pod_above_overlay(
    pod: TargetView, host: TargetView, own: LinkRow, overlay: LinkRow
) -> Finding:
    evidence = [
        pod.fact(f"{own.name} has MTU {own.mtu}", "ip link"),
        host.fact(f"{overlay.name} ({overlay.kind}) has MTU {overlay.mtu}", "ip link"),
    ]
    fragments = host.delta(*TOO_LARGE)
    if fragments:
        text = f"IpFragFails +{fragments} in {host.seconds:.0f} s"
        evidence.append(host.fact(text, "/proc/net/snmp"))
    fits = overlay.mtu - 28
    return RULE.finding(
        subject=Subject(kind="node", name=pod.node, detail="pods"),
        severity="critical" if fragments else "warning",
        title=f"Pods send up to {own.mtu} bytes, the overlay carries {overlay.mtu}",
        evidence=evidence,
        disproof=f"ping -M do -s {own.mtu - 28} passes to a pod of another node",
        fix=f"Set the CNI's MTU to {overlay.mtu} (flannel: net-conf.json; Calico: veth_mtu; "
        "Cilium: mtu), and restart the pods",
        verify=f"ping -M do -s {fits} passes, -s {fits + 1} says 'message too long'",
    )


def _underlay(snapshot: Snapshot, host: TargetView) -> Iterator[Finding]:
    """An overlay that is larger than the interface below it."""
    for overlay in _overlays(snapshot, host):
        nic = underlay_interface(snapshot, host, overlay)
        if nic is not None and overlay.mtu + overhead(overlay) > nic.mtu:
            yield _overlay_above_uplink(host, overlay, nic)


def _overlay_above_uplink(host: TargetView, overlay: LinkRow, nic: LinkRow) -> Finding:
    added = overhead(overlay)
    fits = nic.mtu - added
    return RULE.finding(
        subject=replace(host.subject, detail=overlay.name),
        title=f"The overlay's packets ({overlay.mtu + added} bytes) do not fit into {nic.name} "
        f"({nic.mtu})",
        evidence=_overlay_above_uplink_evidence(host, overlay, nic, added),
        disproof=RULE.false_friends[0],
        fix=f"ip link set {overlay.name} mtu {fits}  # and in the CNI's configuration, so that "
        "it stays",
        fix_kind="shell",
        verify=f"ping -M do -s {fits - 28} passes between pods of two nodes",
    )


def _overlay_above_uplink_evidence(
    host: TargetView, overlay: LinkRow, nic: LinkRow, added: int
) -> Iterator[Evidence]:
    yield host.fact(f"{overlay.name} ({overlay.kind}) has MTU {overlay.mtu}", "ip link")
    yield host.fact(f"{nic.name} has MTU {nic.mtu}; {overlay.kind} adds {added}", "ip link")


def _black_hole(snapshot: Snapshot) -> Iterator[Finding]:
    """Handshakes work, and full-size segments are retransmitted again and again."""
    stuck = [talk for talk in snapshot.conversations if _is_stuck(talk)]
    failing = [host for host in snapshot.hosts if host.delta(*TOO_LARGE)]
    if not stuck or not (failing or _only_large_are_lost(snapshot, stuck)):
        return
    yield _black_hole_finding(snapshot, failing, stuck)


def _is_stuck(talk: Conversation) -> bool:
    """Whether full-size segments do not pass: where loss hits any, those of most connections do,
    after some retransmissions."""
    share = 100 * talk.stuck
    return talk.stuck > 0 and (
        share >= MOST.value * talk.large or (share >= SOME.value * talk.large and _is_split(talk))
    )


def _is_split(talk: Conversation) -> bool:
    """Whether some connections never get any through, and all others do at once: two paths."""
    others = talk.retransmitted - talk.stuck_again
    is_clean = 100 * others <= CLEAN * talk.segments
    return talk.stuck >= LEAST_SPLIT and is_clean and not talk.unanswered


def _black_hole_finding(
    snapshot: Snapshot, failing: list[TargetView], stuck: list[Conversation]
) -> Finding:
    return RULE.finding(
        subject=_black_hole_subject(failing),
        title="Small packets pass and full-size ones do not, and no ICMP error reaches the "
        "senders: an MTU black hole",
        evidence=_black_hole_evidence(snapshot, stuck, failing),
        confidence="certain" if failing else "likely",
        disproof=", or ".join(RULE.false_friends[1:]),
        fix=BLACK_HOLE_FIX,
        verify="large answers arrive; IpFragFails no longer increases",
        screen="flows",
    )


def _black_hole_subject(failing: list[TargetView]) -> Subject:
    where = ", ".join(host.name for host in failing) or "path"
    return Subject(kind="cluster", name=BLACK_HOLE, detail=where)


def _only_large_are_lost(snapshot: Snapshot, stuck: list[Conversation]) -> bool:
    """Where SYNs are lost as well it is loss, whatever the size. What a node does not send on
    because of its MTU is counted there (IpFragFails): where a capture has it come in and not go
    out, a filter drops it."""
    if any(loss.place == "node" for loss in path_losses(snapshot)):
        return False
    flows = sum(talk.stuck for talk in stuck)
    lost_syns = sum(pod.delta("TcpExtTCPSynRetrans") for pod in snapshot.of_kind("pod"))
    return flows >= STUCK.value and lost_syns < flows


def _black_hole_evidence(
    snapshot: Snapshot, stuck: list[Conversation], failing: list[TargetView]
) -> tuple[Evidence, ...]:
    flows = sum(talk.stuck for talk in stuck)
    ends = listed(
        f"{snapshot.name(talk.client)} → {snapshot.name(talk.server)}:{talk.port}" for talk in stuck
    )
    errors = sum(pod.delta("IcmpInDestUnreachs") for pod in snapshot.of_kind("pod"))
    return (
        snapshot.fact(
            f"{flows} flows retransmit full-size segments after timeouts, or lack them: {ends}",
            "capture",
        ),
        *(
            one
            for host in failing
            for one in host.moved(*TOO_LARGE, source="/proc/net/snmp, snmp6")
        ),
        snapshot.fact(
            f"{errors} ICMP 'unreachable' reached the pods that are open here", "/proc/net/snmp"
        ),
    )
