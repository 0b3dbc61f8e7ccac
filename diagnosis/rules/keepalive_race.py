"""A server closes connections that are idle, and its clients' pools keep them for longer.

The request crosses the server's FIN or follows it, and a closed socket answers it with a RST
(RFC 9112, 9.3.1 and 9.5; RFC 9293, 3.10.7.1).
Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.idle_requests import IdleConnections, IdleRequest
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._idle import LEAST, idle_connections, is_of, is_once, seconds, subject
from diagnosis.snapshot import Conversation, Snapshot

IDLE = Threshold("from", 0.5, "s of idle time before the FIN", CONVENTION)
ALIKE = Threshold("pauses alike within", 25, "%", CONVENTION)
RULE = Rule(
    id="keepalive_race",
    title="The server closes idle connections before its clients do: requests meet a closed socket",
    scope="connection",
    stage="cause",
    inputs=("capture",),
    symptoms=("reset",),
    screen="flows",
    criterion="the server's FIN, a request after it, and a RST in answer",
    thresholds=(LEAST, IDLE, ALIKE),
    false_friends=(
        "the FINs came all at one moment: the server ended",
        "the FIN follows an answer at once: the server limits requests for a connection, and says "
        "so in it (Connection: close)",
    ),
    confidence="certain",
    fix="In the client's pool an idle timeout (or maximum age of idle connections) below {limit}, "
    "or in the server a keep-alive timeout above that of its clients; and let the client try again "
    "what it had sent on a connection that was used before",
    verify="no RST follows the server's FIN",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    return (_finding(snapshot, row) for row in _raced(snapshot))


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """Resets of connections of that client to that server."""
    return any(
        is_of(snapshot, row, talk) and subject(snapshot, row) == finding.subject
        for row in _raced(snapshot)
    )


def _raced(snapshot: Snapshot) -> Iterator[IdleConnections]:
    return filter(_has_raced, idle_connections(snapshot))


def _closed(row: IdleConnections) -> list[IdleRequest]:
    return [request for request in row.ended("closed") if request.pause >= IDLE.value]


def _has_raced(row: IdleConnections) -> bool:
    """Whether requests came late again and again, after one and the same idle time."""
    closed = _closed(row)
    return len(closed) >= LEAST.value and not is_once(closed) and _are_alike(closed)


def _are_alike(requests: list[IdleRequest]) -> bool:
    pauses = [request.pause for request in requests]
    return max(pauses) <= min(pauses) * (1 + ALIKE.value / 100)


def _limit(row: IdleConnections) -> float:
    return min(request.pause for request in _closed(row))


def _finding(snapshot: Snapshot, row: IdleConnections) -> Finding:
    limit = seconds(_limit(row))
    return RULE.finding(
        subject=subject(snapshot, row),
        title=f"The server closes connections that are idle for {limit}, and "
        f"{snapshot.workload(row.client)} sends requests on them after that: they are reset",
        evidence=_evidence(snapshot, row),
        limit=limit,
    )


def _evidence(snapshot: Snapshot, row: IdleConnections) -> Iterator[Evidence]:
    closed = _closed(row)
    pauses = [request.pause for request in closed]
    idle = f"{seconds(min(pauses))} to {seconds(max(pauses))}"
    where = f"{snapshot.name(row.client)} → {snapshot.name(row.server)}:{row.port}"
    yield snapshot.fact(
        f"{where}: in {len(closed)} connections a FIN of the server after {idle} of silence, a "
        "request after or across it, a RST in answer",
        "capture",
    )
    answered = len(row.ended("answered"))
    yield snapshot.fact(f"{answered} requests on the same connections were answered", "capture")
