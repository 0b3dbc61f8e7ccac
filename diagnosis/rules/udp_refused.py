"""Datagrams are answered by ICMP errors: nothing listens on that UDP port.

A kernel sends ICMP port unreachable for what no socket gets (RFC 1122, 4.1.3.1), about one a second
(icmp(7), icmp_ratelimit); a REJECT rule sends the same. Of one of several endpoints: udp_endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.addresses import LOOPBACK
from diagnosis.by_key import by_key
from diagnosis.icmp_errors import NO_PORT, meaning
from diagnosis.path_groups import endpoint_text, path_views, translated
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._probers import SCANNED
from diagnosis.rules._service_and_endpoints import is_explained
from diagnosis.snapshot import Conversation, Snapshot, listed

DNS_PORT = 53
LEAST = Threshold("at least", 3, "ICMP errors", CONVENTION)
RULE = Rule(
    id="udp_refused",
    title="Datagrams are answered by ICMP errors: nothing listens on that UDP port",
    scope="connection",
    stage="symptom",
    inputs=("capture", "pods", "Services"),
    symptoms=("connect",),
    screen="flows",
    criterion="ICMP port unreachable about what a client sends, and no answer; DNS has rules of "
    "its own",
    thresholds=(LEAST, SCANNED),
    false_friends=(
        "late answers, which a client that no longer waits refuses",
        "traceroute and port scanners: a few datagrams to each of many ports",
        "an agent that may be absent, on the sender's own loopback",
        "a node that rejects for a Service without endpoints",
    ),
    verify="no ICMP error comes, and the receiver counts what is sent",
)
LISTENS = """# where it should be received: does the program run, and listen on UDP port {port}?
ss -lnup 'sport = {port}'"""
REJECTS = """# on {by}: the rule that rejects it
nft list ruleset | grep -n reject; iptables-save -c | grep REJECT"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for end, talks in _refused(snapshot).items():
        yield _finding(snapshot, end, talks)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """The same at the Service's address, or at its endpoint's."""
    pair = finding.subject, other.subject
    ends = set(_refused(snapshot))
    return other.rule == RULE.id and is_explained(snapshot, ends, snapshot.subject, pair)


def _refused(snapshot: Snapshot) -> dict[End, list[Conversation]]:
    """By server and port, those of which enough errors came."""
    talks = [talk for talk in snapshot.conversations if _is_refused(snapshot, talk)]
    asked = by_key(talks, lambda talk: talk.client)
    scanners = {client for client, of in asked.items() if len({t.end for t in of}) >= SCANNED.value}
    own = by_key((t for t in talks if t.client not in scanners), lambda talk: talk.end)
    return {end: of for end, of in own.items() if _errors(of) >= LEAST.value}


def _is_refused(snapshot: Snapshot, talk: Conversation) -> bool:
    if talk.protocol != "UDP" or not talk.udp_errors or talk.port == DNS_PORT:
        return False
    service = snapshot.service_by_address.get(talk.server)
    has_none = service is not None and not snapshot.endpoints(service)[0]
    is_own = talk.server.startswith(LOOPBACK)
    return meaning(talk.unreachable) == NO_PORT and not (talk.answered or is_own or has_none)


def _errors(talks: list[Conversation]) -> int:
    return sum(talk.udp_errors for talk in talks)


# --- in words


def _finding(snapshot: Snapshot, end: End, talks: list[Conversation]) -> Finding:
    server, port = end
    ends = sorted(translated(snapshot, end) - {end} | _handed_on(snapshot, end))
    last = next((talk for talk in talks if talk.rejected_by), talks[0])
    is_by_server = last.rejected_by in ("", server, *(address for address, _ in ends))
    by, name = snapshot.name(last.rejected_by), f"{snapshot.name(server)}:{port}"
    at = listed(endpoint_text(snapshot, *one) for one in ends)
    where = f"{name}, at {at}" if at else name
    why = "nothing listens on that UDP port, or a rule rejects it there"
    clients = listed(snapshot.workload(talk.client) for talk in talks)
    return RULE.finding(
        subject=snapshot.subject(*end),
        title=f"What is sent to {where} is answered by ICMP port unreachable: {why}"
        if is_by_server
        else f"What is sent to {where} over UDP is rejected on the path, by {by}: a rule does it",
        evidence=(
            snapshot.fact(
                f"{_errors(talks)} ICMP errors ({last.unreachable}), and no answer; sent by "
                f"{clients}",
                "capture",
            ),
        ),
        fix=LISTENS.format(port=ends[0][1] if ends else port)
        if is_by_server
        else REJECTS.format(by=by),
        fix_kind="shell",
    )


def _handed_on(snapshot: Snapshot, end: End) -> set[End]:
    """Where machines send what is asked of it on to, by rows that are rejected."""
    rows = (row for view in path_views(snapshot) for row in view.paths if row.asked_end == end)
    own = (row for row in rows if row.protocol == "UDP" and row.rejected and row.endpoint)
    return {row.endpoint_end for row in own} - {end}
