"""The server resets connections after the request has come.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.path_groups import path_views
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules import service_failing
from diagnosis.rules._connections import LEAST, by_server, seen
from diagnosis.rules._service_and_endpoints import is_explained
from diagnosis.snapshot import Conversation, Snapshot

SHARE = Threshold("from", 20, "% of its connections: some programs end connections so", CONVENTION)
IN_ITS_PLACE = (
    "Connections are reset after the request has come: the server's program closes them, or a "
    "filter in its place"
)
RULE = Rule(
    id="resets",
    title="The server resets connections after the request has come: the program closes them, "
    "not the network",
    scope="connection",
    stage="symptom",
    inputs=("capture",),
    symptoms=("reset", "connect", "timeout"),
    screen="flows",
    thresholds=(SHARE, LEAST),
    false_friends=("the RST comes from another address or TTL than the pod's data",),
    fix="Read the server's log: a crash of a worker, a limit, a protocol that it does not speak "
    "(TLS to plain HTTP); else a rule on the path: iptables-save -c | grep tcp-reset",
    verify="requests are answered",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    found = by_server(snapshot, lambda talk: talk.server_resets)
    for (server, port), talks in found.items():
        resets, flows = _counts(talks)
        if 100 * resets >= SHARE.value * flows:
            is_there = _is_seen_there(snapshot, server, talks)
            came_in = _came_in(snapshot, (server, port)) >= LEAST.value
            yield RULE.finding(
                subject=snapshot.workload_subject(server, port),
                title=_title(snapshot, (server, port), is_sent_there=is_there or came_in),
                evidence=_evidence(snapshot, server, talks),
                confidence="certain" if is_there else "likely",
            )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """The same at another address of the server; that a share of a Service's requests is reset, of
    which this is an endpoint; that it closes others with a FIN: what it has not read makes a
    RST."""
    if other.rule == service_failing.RULE.id:
        resetting = service_failing.ends_of(snapshot, other, "reset")
        return finding.subject in {snapshot.workload_subject(*end) for end in resetting}
    ends = {talk.end for talk in snapshot.conversations if talk.server_resets}
    if other.rule == "closed_unanswered":
        own = (end for end in ends if snapshot.workload_subject(*end) == finding.subject)
        return other.subject in {snapshot.subject(*end) for end in own}
    pair = finding.subject, other.subject
    return other.rule == RULE.id and is_explained(snapshot, ends, snapshot.workload_subject, pair)


def _title(snapshot: Snapshot, end: End, *, is_sent_there: bool) -> str:
    """With the one pod of several, where the others do not."""
    pod, whole = snapshot.by_address.get(end[0]), snapshot.workload_subject(*end)
    own = [talk for talk in snapshot.conversations if snapshot.workload_subject(*talk.end) == whole]
    well = {talk.server for talk in own if talk.answered and not talk.server_resets}
    title = RULE.title if is_sent_there else IN_ITS_PLACE
    if pod is None or end[0] in well or not well:
        return title
    return f"{title} ({pod.name} alone, other pods do not)"


def _is_seen_there(snapshot: Snapshot, server: str, talks: list[Conversation]) -> bool:
    """Whether a capture at the server's pod, or on its node, has the resets: from the client's end
    alone a firewall on the path may have sent them."""
    node = snapshot.node_at(server)
    views = (view for view in snapshot.targets if node and view.node == node)
    return any(talk in view.conversations for view in views for talk in talks)


def _came_in(snapshot: Snapshot, end: End) -> int:
    """RSTs that a machine on the path saw come in from there: none of its own rules sent them."""
    rows = (row for view in path_views(snapshot) for row in view.paths)
    own = (row for row in rows if end in (row.asked_end, row.endpoint_end))
    return sum(row.to_client.entered.rst for row in own if row.reset_by_server)


def _counts(talks: list[Conversation]) -> tuple[int, int]:
    """(connections that the server reset, all)."""
    return sum(talk.server_resets for talk in talks), sum(talk.flows for talk in talks)


def _evidence(snapshot: Snapshot, server: str, talks: list[Conversation]) -> Iterator[Evidence]:
    resets, flows = _counts(talks)
    counts = f"{resets} of {flows} connections reset by {snapshot.name(server)}"
    yield seen(snapshot, talks, counts)
