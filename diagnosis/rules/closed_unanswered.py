"""A server accepts connections, gets the request, and closes them without any answer.

A program that ends its side sends a FIN (RFC 9293, 3.6); where it has not read the request, its
kernel sends a RST instead, which `resets` is about. Facts: docs/reference/failures.md; one of
several endpoints: endpoint_failing.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.by_key import by_key
from diagnosis.loss_shares import LossShare
from diagnosis.path_groups import client_text
from diagnosis.paths import End, PathRow, added
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._per_subject import first_of_each
from diagnosis.rules._service_and_endpoints import is_explained
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = Threshold("at least", 5, "connections in 15 s", CONVENTION)
SHARE = Threshold("beside answers from", 10, "% that certainly are", CONVENTION)
ALL = Threshold("of a server that answers nobody from", 90, "%, within 1.5 s", CONVENTION)
SPREAD_S = Threshold("opened over", 2, "s and more", CONVENTION)
RULE = Rule(
    id="closed_unanswered",
    title="A server closes connections without an answer to the request",
    scope="connection",
    stage="symptom",
    inputs=("capture", "Services", "pods"),
    symptoms=("reset", "connect"),
    screen="flows",
    criterion="the handshake is seen, the client sends a request, the server's FIN comes before "
    "the client's, and by their sequence numbers it sent nothing else; or neither sends anything, "
    "and the server ends it within 1.5 s; share with its bound (Wilson)",
    thresholds=(LEAST, SHARE, ALL, SPREAD_S),
    false_friends=(
        "idle connections that the server closes: they were answered, or never asked anything",
        "a protocol in which only the client speaks (logs, metrics): the client closes, or the "
        "server after a pause",
        "probes that connect and send nothing: they close first",
        "a server that denies some clients so by design",
        "requests that need no answer, of a machine with itself",
        "its pod ends, as in a rollout",
    ),
    fix="Read the server's log, and that of what it needs to answer. Does it speak what the client "
    "speaks (TLS, HTTP/2, the PROXY protocol), and has it a limit of connections?",
    verify="requests are answered",
)
UNANSWERED = "without an answer to the request"
AT_ONCE = "as soon as they are accepted"
DENIED = "{name} closes connections of {clients} {when}, and answers others"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    return first_of_each(
        _finding(snapshot, view, rows)
        for view in snapshot.targets
        for rows in _by_server(snapshot, view)
        if _is_closing(added(rows))
    )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """The same of the server's other address: of a Service's, or of an endpoint's."""
    pair = finding.subject, other.subject
    ends = _ends(snapshot)
    return other.rule == RULE.id and is_explained(snapshot, ends, snapshot.subject, pair)


def _ends(snapshot: Snapshot) -> set[End]:
    views = (_by_server(snapshot, view) for view in snapshot.targets)
    return {rows[0].asked_end for of in views for rows in of if _is_closing(added(rows))}


def _by_server(snapshot: Snapshot, view: TargetView) -> list[list[PathRow]]:
    rows = (row for row in view.paths if row.protocol == "TCP" and not _is_apart(snapshot, row))
    return list(by_key(rows, lambda row: row.asked_end).values())


def _is_apart(snapshot: Snapshot, row: PathRow) -> bool:
    """Of a machine with itself, as of a kubelet with what runs commands: those without any output
    end so. Or of a pod that ends."""
    if row.client == row.asked:
        return True
    pod = snapshot.by_address.get(row.endpoint or row.asked)
    return pod is not None and pod.phase == "Terminating"


def _is_closing(row: PathRow) -> bool:
    spread = (row.failing.last_ns - row.failing.first_ns) / 1e9
    if row.shut < LEAST.value or spread < SPREAD_S.value:
        return False
    if row.answered:
        return _share(row).low >= SHARE.value
    # those that it closes later are silent before: it may have waited for more
    soon = row.shut - (row.silent - row.abandoned)
    asked = row.requests + row.hung_up
    return soon >= LEAST.value and 100 * soon >= ALL.value * asked


def _share(row: PathRow) -> LossShare:
    return LossShare(row.shut, row.shut + row.answered)


# --- in words


def _finding(snapshot: Snapshot, view: TargetView, rows: list[PathRow]) -> Finding:
    row, asked = added(rows), rows[0]
    name = f"{snapshot.name(asked.asked)}:{asked.asked_port}"
    closed = [one for one in rows if one.shut]
    is_of_some = _are_others_answered(closed, rows)
    ends = sorted({one.endpoint for one in closed if one.endpoint not in ("", asked.asked)})
    at = f", at {listed(map(snapshot.name, ends))}" if ends else ""
    when = AT_ONCE if row.hung_up > row.closed else UNANSWERED
    text = f"{name} closes {_share(row).text} of the connections {when}"
    denied = DENIED.format(name=name, clients=client_text(snapshot, closed), when=when)
    is_known = row.answered or when is AT_ONCE
    speaks = "" if is_known else "; a protocol in which it does not speak looks the same"
    return RULE.finding(
        subject=snapshot.subject(*asked.asked_end),
        title=(denied if is_of_some else text) + at,
        evidence=(
            view.fact(
                f"{_counts(row)}, {row.answered:,} answered; clients: "
                f"{client_text(snapshot, closed)}{speaks}",
                "capture",
            ),
        ),
        confidence="likely" if is_known else "possible",
    )


def _counts(row: PathRow) -> str:
    texts = [f"{row.requests:,} requests"] if row.requests else []
    if row.hung_up:
        texts.append(f"{row.hung_up:,} connections closed before anybody sent anything")
    if row.closed:
        texts.append(f"{row.closed:,} closed by the server's FIN without an answer")
    first, *rest = texts
    return f"{first}: {', '.join(rest)}" if rest and row.requests else ", ".join(texts)


def _are_others_answered(closed: list[PathRow], rows: list[PathRow]) -> bool:
    """Whether who gets no answer never gets one, and others do: it depends on who asks, or what."""
    without = {row.client for row in closed}
    answered = {row.client for row in rows if row.answered}
    return bool(answered) and without.isdisjoint(answered)
