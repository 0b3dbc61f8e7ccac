"""A port is used again while the server has its last connection in TIME-WAIT: the SYN is answered
by an ACK, the client sends a RST, and connects with its next SYN, a second later.

A server that closes first keeps a connection for 60 s (TCP_TIMEWAIT_LEN). It accepts a new one of
the same ends where its timestamp is later or its sequence number higher (RFC 6191); of many hosts
behind one address they are neither.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Confidence, Evidence, Finding
from diagnosis.by_key import by_key
from diagnosis.paths import End
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 3, "SYNs in 15 s that an ACK alone answers", CONVENTION)
RULE = Rule(
    id="timewait_reuse",
    title="Ports are used again while the server has their last connection in TIME-WAIT",
    scope="connection",
    stage="cause",
    inputs=("capture", "pods", "nodes", "TcpExtPAWSTimewait"),
    symptoms=("slow", "connect", "load"),
    screen="flows",
    criterion="a SYN, an ACK without SYN, a RST of the client",
    thresholds=(LEAST,),
    false_friends=(
        "the server has the older connection open: its client went without a word",
        "a filter answers in the server's place",
    ),
    fix="# more ports for fewer connections: no narrow port range in the masquerading rule, and\n"
    "# --random-fully (nft: fully-random); clients that keep their connections, or close first.\n"
    "# conntrack on the node should remember a port as long as the server's TIME-WAIT\n"
    "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=120\n"
    "nft list ruleset | grep -n masquerade; iptables-save -t nat | grep -E 'MASQUERADE|SNAT'",
    fix_kind="shell",
    verify="nstat -az TcpExtPAWSTimewait in the server's pod no longer increases",
)
COUNTER = "TcpExtPAWSTimewait"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for end, talks in _by_server(snapshot).items():
        if sum(talk.challenged for talk in talks) >= LEAST.value:
            yield _finding(snapshot, end, talks)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What is answered so, at the server or at the Service that leads there."""
    return talk.challenged > 0 and any(
        snapshot.subject(*end) == finding.subject and _leads_to(snapshot, talk, end)
        for end in _by_server(snapshot)
    )


def _leads_to(snapshot: Snapshot, talk: Conversation, end: End) -> bool:
    service = snapshot.service_by_address.get(talk.server)
    ready, waiting = snapshot.endpoints(service) if service is not None else ([], [])
    return talk.end == end or end[0] in (*ready, *waiting)


@once_per_snapshot
def _by_server(snapshot: Snapshot) -> dict[End, list[Conversation]]:
    """By the endpoint, where a capture sees it; a Service's address stands for it elsewhere."""
    talks = [talk for talk in snapshot.conversations if talk.challenged]
    translated = [talk for talk in talks if talk.server not in snapshot.service_by_address]
    return by_key(translated or talks, lambda talk: talk.end)


def _finding(snapshot: Snapshot, end: End, talks: list[Conversation]) -> Finding:
    count, node = sum(talk.challenged for talk in talks), _node(snapshot, talks)
    server = f"{snapshot.name(end[0])}:{end[1]}"
    kept = _counted(snapshot, end[0])
    has = "has their last connection in TIME-WAIT" if kept else "still has their last connection"
    who = f"{node} uses ports of its address again" if node else "Ports are used again"
    return RULE.finding(
        subject=snapshot.subject(*end),
        title=f"{who} while {server} {has}: {count} SYNs are answered by an "
        "ACK, and connecting needs a second more",
        evidence=_evidence(snapshot, talks, kept),
        confidence=_confidence(node, kept),
    )


def _confidence(node: str, kept: list[TargetView]) -> Confidence:
    if kept:
        return "certain" if node else "likely"
    return "likely" if node else "possible"


def _node(snapshot: Snapshot, talks: list[Conversation]) -> str:
    """The node that the clients' addresses are translated to the address of."""
    clients = [talk.client for talk in talks if talk.client not in snapshot.by_address]
    return next(filter(None, map(snapshot.node_at, clients)), "")


def _counted(snapshot: Snapshot, server: str) -> list[TargetView]:
    """Where the server's kernel counts them; before Linux 6.14 with others, as PAWSEstab."""
    return [
        view
        for view in snapshot.of_kind("pod")
        if view.pod and server in (view.pod.ip, *view.pod.ips) and view.delta(COUNTER)
    ]


def _evidence(
    snapshot: Snapshot, talks: list[Conversation], kept: list[TargetView]
) -> Iterator[Evidence]:
    clients = listed(snapshot.name(talk.client) for talk in talks)
    count, flows = sum(t.challenged for t in talks), sum(t.flows for t in talks)
    yield snapshot.fact(f"{count} of {flows} SYNs: ACK, and RST by {clients}", "capture")
    for view in kept:
        yield view.counter(COUNTER, "/proc/net/netstat")
