"""Conntrack calls packets INVALID and passes them untranslated, so that connections are reset.

Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.findings import Evidence, Finding
from collectors.kernel.derived_figures import CONNTRACK_FILL
from diagnosis.path_losses import PathLoss
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import losses_at
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

INVALID = Threshold("at least", 5, "INVALID packets in 15 s", CONVENTION)
RESET = Threshold("at least", 3, "connections that a client resets in 15 s", CONVENTION)
NOT_FULL = Threshold("up to", 90, "% of the table: above, a full table explains them", CONVENTION)
LIBERAL = "net.netfilter.nf_conntrack_tcp_be_liberal"
FIX = f"""# /etc/sysctl.d/99-k8s-networking.conf
# segments outside of the window are tracked instead of passed untranslated
{LIBERAL} = 1
"""
RETRANSMITTED = 5  # retransmissions of a segment within 15 s, from an RTO of 0.2 s on (RFC 6298)
RULE = Rule(
    id="conntrack_invalid",
    title="Conntrack counts INVALID packets while clients reset connections that work",
    scope="node",
    stage="symptom",
    inputs=("conntrack_invalid", "conntrack_count", "capture", "sysctls"),
    symptoms=("reset", "timeout"),
    screen="counters",
    thresholds=(INVALID, RESET, NOT_FULL),
    false_friends=(
        "invalid does not increase while connections are reset",
        "kube-proxy drops INVALID packets itself (since 1.15)",
        "the clients are probes, which end so",
        "the client ends connections that it knows: its RST is seen towards the Service as well, "
        "or leaves the node with its address translated",
    ),
    fix=FIX,
    fix_kind="sysctl",
    verify="conntrack -S: invalid no longer increases; resets stop",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in filter(_is_passing_invalid, snapshot.hosts):
        reset = list(_reset_by_clients(snapshot, node))
        if sum(talk.client_resets for talk in reset) >= RESET.value:
            yield _finding(snapshot, node, reset)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That what the clients go on to send is not acknowledged: the server lost the connection to
    their RST, and they have not heard of it."""
    if other.rule != "packet_loss":
        return False
    node = next((view for view in snapshot.hosts if view.subject == finding.subject), None)
    reset = list(_reset_by_clients(snapshot, node)) if node is not None else []
    losses = losses_at(snapshot, other.subject)
    return bool(losses) and all(_follows(loss, reset) for loss in losses)


def _follows(loss: PathLoss, reset: Sequence[Conversation]) -> bool:
    """No more segments than those connections retransmit before they give up."""
    if loss.place != "pod" or not loss.to_server:
        return False
    ends = {loss.group.end, *(row.endpoint_end for row in loss.group.rows)}
    clients = {row.client for row in loss.group.rows}
    resets = sum(one.client_resets for one in reset if one.end in ends and one.client in clients)
    return loss.share.lost <= RETRANSMITTED * resets


def _is_passing_invalid(node: TargetView) -> bool:
    """Whether segments outside of the window may be among them: a liberal table has none."""
    has_many = node.delta("conntrack_invalid") >= INVALID.value and _has_room(node)
    return has_many and node.sysctl(LIBERAL) != 1


def _reset_by_clients(snapshot: Snapshot, node: TargetView) -> Iterator[Conversation]:
    """Connections through that node that may be translated. Probes of the kubelet may end with a
    RST once they are answered, as other programs on a node."""
    ends = _service_ends(snapshot)
    for talk in snapshot.conversations:
        passed = {snapshot.node_at(talk.client), snapshot.node_at(talk.server)}
        is_of_node = talk.client in snapshot.node_addresses
        is_translated = talk.server in ends or talk.server not in snapshot.by_address
        if not talk.client_resets or is_of_node or _is_known_to_client(snapshot, talk):
            continue
        if is_translated and node.name in passed:
            yield talk


def _is_known_to_client(snapshot: Snapshot, talk: Conversation) -> bool:
    """Whether the client ends connections that it knows: a download that is cancelled."""
    return _resets_the_service(snapshot, talk) or _resets_translated(snapshot, talk)


def _resets_translated(snapshot: Snapshot, talk: Conversation) -> bool:
    """Whether its RSTs leave a node with that node's address: conntrack knows them, too."""
    left = sum(
        one.client_resets
        for one in snapshot.conversations
        if one.end == talk.end and one.client in snapshot.node_addresses
    )
    return bool(left) and talk.client_resets < left + RESET.value


def _resets_the_service(snapshot: Snapshot, talk: Conversation) -> bool:
    """Whether the client's RSTs pass translated, as seen on both of its legs: it ends connections
    that it knows. The answer to a segment that came untranslated goes to the endpoint alone."""
    own = [one for one in snapshot.conversations if one.client == talk.client]
    asked, behind = set[str](), set[str]()
    for one in own:
        service = snapshot.service_by_address.get(one.server)
        ready = snapshot.endpoints(service)[0] if service is not None else []
        if talk.server == one.server or talk.server in ready:
            asked |= {one.server} if service is not None else set()
            behind |= set(ready)
    to_service = sum(one.client_resets for one in own if one.server in asked)
    to_endpoints = sum(one.client_resets for one in own if one.server in behind)
    return bool(to_service) and 0 < to_endpoints < to_service + RESET.value


def _service_ends(snapshot: Snapshot) -> frozenset[str]:
    """Endpoints of Services that have an address of their own."""
    services = (service for service in snapshot.services if service.ips)
    return frozenset(ip for service in services for ip in snapshot.endpoints(service)[0])


def _finding(snapshot: Snapshot, node: TargetView, reset: list[Conversation]) -> Finding:
    clients = listed(
        f"{snapshot.name(talk.client)} → {snapshot.name(talk.server)}:{talk.port}" for talk in reset
    )
    return RULE.finding(
        subject=node.subject,
        evidence=_evidence(node, clients),
    )


def _evidence(node: TargetView, clients: str) -> Iterator[Evidence]:
    yield node.counter("conntrack_invalid")
    yield node.fact(f"reset by the client: {clients}", "capture")
    yield node.fact(f"nf_conntrack_tcp_be_liberal = {node.sysctl(LIBERAL)}", "sysctl")


def _has_room(node: TargetView) -> bool:
    """Whether the table is not full; no where its size is not known."""
    fill = CONNTRACK_FILL.share(node.values)
    percent = fill.percent if fill is not None else 0.0
    return percent is not None and percent <= NOT_FULL.value
