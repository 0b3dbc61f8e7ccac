"""Some of a Service's endpoints fail while others answer.

Facts: docs/reference/failures.md; how it is found: docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from collectors.findings import Evidence, Finding, Subject
from diagnosis import endpoint_faults as faults, path_groups
from diagnosis.endpoint_faults import EndpointFault, Manner, endpoint_faults
from diagnosis.icmp_errors import OF_ROUTES, meaning, with_meaning
from diagnosis.loss_shares import counts_text
from diagnosis.path_groups import (
    PathGroup,
    all_path_groups,
    client_text,
    endpoint_text,
    node_text,
    server_text,
)
from diagnosis.paths import End, PathRow
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import is_denied
from diagnosis.rules._per_subject import first_of_each
from diagnosis.rules._service_paths import is_fresh
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = Threshold("at least", path_groups.LEAST, "connections in 15 s fail", CONVENTION, fixed=True)
MOSTLY = Threshold(
    "from", 100 - 100 * faults.WELL, "% of an endpoint's, while another's", CONVENTION, fixed=True
)
WELL = Threshold("fail up to", 100 * faults.WELL, "%", CONVENTION, fixed=True)
RULE = Rule(
    id="endpoint_failing",
    title="Some endpoints of a Service fail while others answer",
    scope="Service",
    stage="cause",
    inputs=("capture", "Services", "pods"),
    symptoms=("connect", "timeout", "slow", "reset"),
    screen="flows",
    criterion="connections by client, Service and endpoint; an endpoint that nothing leaves for is "
    "found by elimination",
    thresholds=(LEAST, MOSTLY, WELL),
    false_friends=(
        "all endpoints fail alike",
        "the capture sees one direction only",
        "the endpoint's pod ends, as in a rollout",
        "clients of one endpoint alone wait for events (long polls)",
    ),
    severity="critical",
    confidence="certain",
    verify="connections to each endpoint are made and answered",
)
LOCATED: tuple[Manner, ...] = ("dropped", "rejected", "reset")  # by the node that sees it
FOLLOWS: dict[str, Manner] = {"closed_unanswered": "closed", "never_answered": "silent"}
LOST: tuple[Manner, ...] = ("dropped", "unanswered")
TITLES: dict[str, str] = {
    "dropped": "{node} drops what goes to {ends}, {count} of {server}",
    "rejected": "{ends}, {count} of {server}: connections are rejected by {by}",
    "reset": "{node} resets connections to {ends}, {count} of {server}",
    "unanswered": "{ends}, {count} of {server}: SYNs go out to it by {node} and nothing answers",
    "closed": "{ends}, {count} of {server}: it closes connections without an answer to the request",
    "silent": "{ends}, {count} of {server}: it accepts connections and never answers a request",
    "no answer": "{ends}, {count} of {server}: it accepts connections, and no answer to a request "
    "comes to {node}",
}
ON_THE_NODE = """# on {node}, the rule whose counter grows
iptables-save -c | grep -F {end} ; nft list ruleset | grep -nE 'drop|reject|{end}'"""
ROUTES = """# on {node}, and on the sender of the errors: is there a route, and a neighbour?
ip route get {end}; ip route show type unreachable; ip route show type prohibit
ip neigh show {end}"""
IN_THE_POD = """# in the pod: does the program run? A queue that only grows is never accepted
ss -lnt; ps -eo pid,stat,wchan,args
# State T: it was stopped (SIGSTOP); next, its log, and a liveness probe that asks as clients do"""
PATH = """# in the pod: its own rules, and a full accept queue
iptables-save -c; nft list ruleset; ss -lnt
# on its node, the rule that drops
iptables-save -c | grep -F {end}; nft list ruleset | grep -nE 'drop|reject|{end}'"""
LOG = """# in the pod: its log says why. What does it need to answer: a server, files, a limit?
ss -lntp; ss -ntp  # which program closes them, and what that is connected to"""
FIXES: dict[Manner, str] = {
    "dropped": ON_THE_NODE,
    "rejected": ON_THE_NODE,
    "reset": ON_THE_NODE,
    "unanswered": PATH,
    "closed": LOG,
    "silent": IN_THE_POD,
}


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    return first_of_each(_finding(snapshot, fault) for fault in _faults(snapshot))


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What fails with the Service, or with those endpoints."""
    return any(_is_of(snapshot, fault, talk) for fault in _faults_of(snapshot, finding))


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That the Service, or such an endpoint, closes connections without an answer, or never answers
    any request."""
    if other.rule not in FOLLOWS:
        return False
    manner = FOLLOWS[other.rule]
    faults_ = [one for one in _faults_of(snapshot, finding) if one.manner == manner]
    ends = {one.group.end for one in faults_}
    ends.update(end for one in faults_ for end in product(one.endpoints, _ports(snapshot, one)))
    return other.subject in {snapshot.subject(*end) for end in ends}


def failing_ends(snapshot: Snapshot, finding: Finding) -> Iterator[End]:
    """Of the endpoints that fail, at the ports that any of the Service's were seen at, or that its
    slices have."""
    for fault in _faults_of(snapshot, finding):
        yield from product(fault.endpoints, sorted(_ports(snapshot, fault)))


def are_lost_at(snapshot: Snapshot, finding: Finding, place: Subject) -> bool:
    """Whether all that the finding is about may be lost at a pod or node without a word: packets to
    endpoints that are there, or those that a node is seen to hand on."""
    if finding.rule != RULE.id:
        return False
    found = list(_faults_of(snapshot, finding))
    return bool(found) and all(_is_lost_at(snapshot, fault, place) for fault in found)


def _is_lost_at(snapshot: Snapshot, fault: EndpointFault, place: Subject) -> bool:
    if fault.manner not in LOST:
        return False
    are_there = all(_is_at(snapshot, end, place) for end in fault.endpoints)
    return are_there or fault.group.view.subject == place


def _is_at(snapshot: Snapshot, address: str, place: Subject) -> bool:
    if place.kind == "node":
        return snapshot.node_at(address) == place.name
    return replace(snapshot.subject(address, 0), port=0) == place


def is_seen_at(snapshot: Snapshot, finding: Finding, place: Subject) -> bool:
    """Whether it is what a place itself does or sees: not only that nothing comes back to others
    from behind it."""
    return any(
        fault.group.view.subject == place or fault.manner in LOCATED
        for fault in _faults_of(snapshot, finding)
    )


def _ports(snapshot: Snapshot, fault: EndpointFault) -> set[int]:
    slices = snapshot.slices_behind(fault.group.service) if fault.group.service else ()
    seen = {row.endpoint_port for row in fault.group.rows if row.endpoint_port}
    return seen | {port.number for row in slices for port in row.ports}


def _faults_of(snapshot: Snapshot, finding: Finding) -> Iterator[EndpointFault]:
    for fault in _faults(snapshot):
        if _subject(snapshot, fault) == finding.subject:
            yield fault


def _is_of(snapshot: Snapshot, fault: EndpointFault, talk: Conversation) -> bool:
    """What a scanner finds closed at the same address is another matter."""
    if talk.end == fault.group.end:
        return True
    is_port = talk.port in _ports(snapshot, fault) or not talk.refused
    return talk.server in fault.endpoints and is_port


@once_per_snapshot
def _faults(snapshot: Snapshot) -> list[EndpointFault]:
    """Those that no policy denies, of no pod that has just left; the node that does it itself
    first, and what saw most."""
    found = [
        fault
        for group in all_path_groups(snapshot)
        for fault in _listed_faults(group)
        if not is_denied(snapshot, group)
        and not _is_leaving(snapshot, fault)
        and _is_comparable(snapshot, fault)
    ]
    return sorted(found, key=lambda fault: (fault.manner not in LOCATED, -fault.failed.lost))


def _is_leaving(snapshot: Snapshot, fault: EndpointFault) -> bool:
    """Whether its pods left a moment ago, as in a rollout: until each node knows it, some
    connections go there."""
    service = fault.group.service
    if service is None or not set(fault.endpoints).isdisjoint(fault.group.ready):
        return False
    return is_fresh(snapshot, service)


def _is_comparable(snapshot: Snapshot, fault: EndpointFault) -> bool:
    """Whether who gets no answer there gets one elsewhere: a workload that keeps long polls open on
    one endpoint says nothing beside others that ask for something else."""
    if fault.manner not in ("silent", "closed"):
        return True
    silent, answered = set[str](), set[str]()
    for row in fault.group.rows:
        is_there = row.endpoint in fault.endpoints
        if row.silent + row.shut if is_there else row.answered:
            (silent if is_there else answered).add(snapshot.workload(row.client))
    return not silent.isdisjoint(answered)


def _listed_faults(group: PathGroup) -> list[EndpointFault]:
    """Of endpoints that are in an EndpointSlice (stale_rule is about others)."""
    return [fault for fault in endpoint_faults(group) if fault.manner != "stale"]


def _subject(snapshot: Snapshot, fault: EndpointFault) -> Subject:
    whole = snapshot.subject(*fault.group.end)
    return replace(whole, detail=f"→ {listed(fault.endpoints)}")


def _finding(snapshot: Snapshot, fault: EndpointFault) -> Finding:
    node = node_text(fault.group.view)
    is_inferred = fault.eliminated or fault.manner == "unanswered" or _is_beyond(snapshot, fault)
    if fault.manner == "silent" and not snapshot.pods:  # where its answers may be lost
        is_inferred = True
    return RULE.finding(
        subject=_subject(snapshot, fault),
        title=_title(snapshot, fault),
        evidence=_evidence(snapshot, fault),
        confidence="likely" if is_inferred else "certain",
        fix=_fix(fault).format(node=node, end=fault.endpoints[0]),
        fix_kind="shell",
    )


def _fix(fault: EndpointFault) -> str:
    is_of_routes = meaning(fault.row.icmp) in OF_ROUTES
    return ROUTES if fault.manner == "rejected" and is_of_routes else FIXES[fault.manner]


def _title(snapshot: Snapshot, fault: EndpointFault) -> str:
    group, number = fault.group, len(fault.endpoints)
    seen = {row.endpoint for row in group.rows if row.endpoint}
    total = len(group.ready) or len(seen | set(fault.endpoints))
    port = next((r.endpoint_port for r in group.rows if r.endpoint not in ("", r.asked)), 0)
    beyond = fault.manner == "silent" and _is_beyond(snapshot, fault)
    return TITLES["no answer" if beyond else fault.manner].format(
        server=server_text(snapshot, group),
        ends=listed(endpoint_text(snapshot, end, port) for end in fault.endpoints),
        node=node_text(group.view),
        count=f"{number} of {total} endpoints",
        by=_rejected_by(snapshot, fault),
    )


def _is_beyond(snapshot: Snapshot, fault: EndpointFault) -> bool:
    """Whether an endpoint is of another node: what it sends may be lost before it comes here."""
    nodes = (snapshot.node_of(end) for end in fault.endpoints)
    return any(node and node != fault.group.view.node for node in nodes)


def _rejected_by(snapshot: Snapshot, fault: EndpointFault) -> str:
    """A node answers with the address that was asked, where it translates for it."""
    row, group = fault.row, fault.group
    own = row.icmp_from in ("", group.asked)
    said = with_meaning(row.icmp, on_the_path=row.icmp_from not in fault.endpoints)
    return f"{node_text(group.view) if own else snapshot.name(row.icmp_from)} {said}"


def _evidence(snapshot: Snapshot, fault: EndpointFault) -> Iterator[Evidence]:
    group, view = fault.group, fault.group.view
    clients = client_text(snapshot, group.rows)
    if fault.eliminated:
        used = listed(sorted({row.endpoint for row in group.rows if row.to_server.left.syn}))
        yield view.fact(
            f"{fault.failed.lost:,} of {fault.failed.total:,} SYNs to "
            f"{server_text(snapshot, group)} never left: {fault.failed.text}; all that left went "
            f"to {used}; clients: {clients}",
            "capture, all interfaces",
        )
    else:
        yield view.fact(f"{_failures(fault.row)}; clients: {clients}", "capture")
    for endpoint, row in sorted(group.by_endpoint.items()):
        if endpoint:
            text = _of_endpoint(snapshot, endpoint, row, eliminated=fault.eliminated)
            yield view.fact(text, "capture, all interfaces")
    if fault.row.icmp:
        yield view.fact(f"{fault.row.icmp}, from {fault.row.icmp_from}", "capture")


def _of_endpoint(snapshot: Snapshot, endpoint: str, row: PathRow, *, eliminated: bool) -> str:
    """Which endpoint a SYN that never left was for is not seen, and its connection may be opened
    with another by the next SYN: it is none of that one's."""
    counts = counts_text(row.to_server, to_server=True)
    if eliminated:
        counts = f"{row.to_server.left.syn:,} SYNs left for it"
    return (
        f"{endpoint_text(snapshot, endpoint, 0)}: {row.completed:,} of {row.connections:,} "
        f"connections opened, {row.answered:,} of {row.requests:,} requests answered; {counts}"
    )


def _failures(row: PathRow) -> str:
    counts = {
        "without an answer to the SYN": row.unanswered,
        "rejected": row.rejected,
        "refused": row.refused,
        "without an answer to the request": row.silent,
        "closed by the server without an answer": row.shut,
    }
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
