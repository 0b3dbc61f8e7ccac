"""A share of a Service's connections fails, as a client's pod alone sees it.

Facts: docs/reference/failures.md; how it is found: docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from collectors.findings import Evidence, Finding, Severity
from diagnosis import service_failures as failures
from diagnosis.icmp_errors import with_meaning
from diagnosis.path_groups import PathGroup, endpoint_text, server_text
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import is_denied
from diagnosis.rules._service_and_endpoints import is_explained
from diagnosis.service_failures import Failure, ServiceFailure, service_failures
from diagnosis.snapshot import Conversation, Snapshot, listed

SHARE = Threshold("from", failures.LEAST_PERCENT, "% that certainly fail", CONVENTION, fixed=True)
GIVEN_UP = Threshold(
    "critical; of requests that clients give up a warning from",
    failures.GIVEN_UP_PERCENT,
    "%",
    CONVENTION,
    fixed=True,
)
WELL = Threshold(
    "beside", failures.LEAST_WELL, "requests that are answered", CONVENTION, fixed=True
)
LOSSY = Threshold(
    "while up to",
    100 * failures.LOSSY,
    "% of data segments are retransmitted",
    CONVENTION,
    fixed=True,
)
RULE = Rule(
    id="service_failing",
    title="A share of the connections to a Service, or to one address, fails; the others do well",
    scope="Service",
    stage="symptom",
    inputs=("capture", "Services", "conntrack"),
    symptoms=("connect", "timeout", "slow", "reset"),
    screen="flows",
    criterion="failures beside answers in the same seconds; a share that fits a number of the "
    "Service's endpoints, with its bound (Wilson)",
    thresholds=(SHARE, GIVEN_UP, WELL, LOSSY),
    false_friends=(
        "a filter that drops SYNs alone",
        "the program closes connections itself",
        "long polls beside other requests: clients wait on",
    ),
    severity="critical",
    confidence="possible",
    fix="Open the client's node and capture there (c): podwire sees which endpoint each connection "
    "is translated to",
    verify="all connections are made and answered",
)
WHAT: dict[Failure, str] = {
    "SYN": "first SYNs to {server} get no answer, and nothing else is lost",
    "request": "requests to {server} are accepted and get no answer",
    "rejected": "connections to {server} are rejected",
    "reset": "requests to {server} are reset",
    "datagram": "what is sent to {server} over UDP gets no answer",
}
# where nobody knows what serves it
UNKNOWN: dict[Failure, str] = {
    "SYN": "a filter, a full accept queue, or some of several endpoints",
    "request": "some of the programs that serve it hang, or some of what is asked",
}
ONE = "a filter that drops SYNs, or a full accept queue"  # one pod serves it
AT_THE_SERVER = "a capture at the server has what is without an answer, and answers to it"
COUNTED: dict[Failure, str] = {
    "SYN": "first SYNs without an answer",
    "request": "requests without an answer",
    "rejected": "connections rejected or refused",
    "reset": "requests reset",
    "datagram": "conversations without an answer",
}


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for failure in service_failures(snapshot):
        if not is_denied(snapshot, failure.group):
            yield _finding(snapshot, failure)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What fails with the Service, or at an address that its connections are translated to: a
    bridge that floods shows it to the pod."""
    return any(_is_of(snapshot, one, talk) for one in _failures_of(snapshot, finding))


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """The same at another address of it: of the Service, or of an endpoint."""
    ends = {one.group.end for one in service_failures(snapshot)}
    pair = finding.subject, other.subject
    return other.rule == RULE.id and is_explained(snapshot, ends, snapshot.subject, pair)


def ends_of(snapshot: Snapshot, finding: Finding, kind: Failure) -> Iterator[End]:
    """The endpoints, of which some fail so; nothing where it fails otherwise."""
    for failure in _failures_of(snapshot, finding):
        if failure.failure == kind:
            ports = _endpoint_ports(snapshot, failure.group)
            yield from product(failure.group.ready, ports)


def _failures_of(snapshot: Snapshot, finding: Finding) -> Iterator[ServiceFailure]:
    for failure in service_failures(snapshot):
        if snapshot.subject(*failure.group.end) == finding.subject:
            yield failure


def _is_of(snapshot: Snapshot, failure: ServiceFailure, talk: Conversation) -> bool:
    group = failure.group
    if talk.end == group.end:
        return True
    clients = {row.client for row in group.rows}
    is_theirs = talk.client in clients and talk.port in _endpoint_ports(snapshot, group)
    return is_theirs and not talk.answered


def _endpoint_ports(snapshot: Snapshot, group: PathGroup) -> set[int]:
    slices = snapshot.slices_behind(group.service) if group.service else []
    return {port.number for row in slices for port in row.ports}


def _finding(snapshot: Snapshot, failure: ServiceFailure) -> Finding:
    return RULE.finding(
        subject=snapshot.subject(*failure.group.end),
        title=_title(snapshot, failure),
        severity=_severity(failure),
        evidence=_evidence(snapshot, failure),
        confidence="likely" if failure.endpoints else "possible",
        disproof="" if len(failure.group.ready) > 1 else AT_THE_SERVER,
    )


def _severity(failure: ServiceFailure) -> Severity:
    return "critical" if failure.share.low >= failures.LEAST_PERCENT else "warning"


def _is_of_one(snapshot: Snapshot, failure: ServiceFailure) -> bool:
    """Whether one pod serves it, as far as is known."""
    return len(failure.group.ready) == 1 or failure.group.asked in snapshot.by_address


def _title(snapshot: Snapshot, failure: ServiceFailure) -> str:
    what = WHAT[failure.failure].format(server=server_text(snapshot, failure.group))
    total = len(failure.group.ready)
    if _is_of_one(snapshot, failure):
        of_one = ONE if failure.failure == "SYN" else _unknown(failure)
        return f"{failure.share.text} of {what}: {of_one}"
    if not total:
        return f"{failure.share.text} of {what}: {_unknown(failure)}"
    some = f"some of its {total} endpoints fail"
    if failure.number:
        some = f"some of its endpoints fail, by the share {failure.number} of {total}"
    if failure.endpoints:
        ends = listed(endpoint_text(snapshot, end, 0) for end in failure.endpoints)
        some = f"{ends}, {failure.number} of {total} endpoints, fails"
    return f"{failure.share.text} of {what}: {some}"


def _unknown(failure: ServiceFailure) -> str:
    """The kernel sends few ICMP errors: one says what happens to the others as well."""
    if failure.failure == "SYN" and failure.row.rejected:
        return f"some are rejected by ICMP errors {with_meaning(failure.row.icmp)}"
    return UNKNOWN[failure.failure]


def _evidence(snapshot: Snapshot, failure: ServiceFailure) -> Iterator[Evidence]:
    row, view, share = failure.row, failure.group.view, failure.share
    counted = f"{share.lost:,} of {share.total:,} {COUNTED[failure.failure]}"
    if failure.group.rows[0].protocol == "TCP":
        counted += f"; {', '.join(_beside(failure))}"
    yield view.fact(counted, "capture")
    if failure.failure == "request" and (end := _where_silent(failure)):
        yield view.fact(f"all of them at {endpoint_text(snapshot, end, 0)}", "capture")
    if row.to_server.retransmitted.syn:
        yield view.fact(f"SYNs retransmitted: {row.to_server.retransmitted.syn:,}", "capture")
    if row.icmp:
        yield view.fact(f"{row.icmp}, from {row.icmp_from}", "capture")


def _where_silent(failure: ServiceFailure) -> str:
    """The only one of several endpoints that leaves requests unanswered; '' where there is none."""
    rows = failure.group.by_endpoint.items()
    known = {end: row for end, row in rows if end and end != failure.group.asked}
    silent = [end for end, row in known.items() if row.silent]
    return silent[0] if len(silent) == 1 < len(known) else ""


def _beside(failure: ServiceFailure) -> Iterator[str]:
    """The rest of the counts: requests have one total."""
    row, share = failure.row, failure.share
    if failure.failure != "rejected":
        yield f"{row.completed:,} of {row.connections:,} connections opened"
    if failure.failure not in ("request", "reset"):
        yield f"{row.answered:,} of {row.requests:,} requests answered"
    elif row.requests > share.total:
        yield f"{row.requests - share.total:,} more requests wait, or ended otherwise"
