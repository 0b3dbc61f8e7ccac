"""A server accepts connections, and answers no request.

The kernel completes handshakes and acknowledges requests for a program that is stopped or hangs
(RFC 9293, 3.6 and 3.10). Facts: docs/reference/failures.md; some of several endpoints:
endpoint_failing.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.by_key import by_key
from diagnosis.endpoint_faults import are_acknowledged
from diagnosis.loss_shares import LossShare
from diagnosis.path_groups import client_text
from diagnosis.paths import PathRow, added
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import is_queue_full, is_table_full, losses_at, lost_ends
from diagnosis.rules._per_subject import first_of_each
from diagnosis.snapshot import Snapshot, TargetView, listed

GIVEN_UP = Threshold(
    "from", 5, "connections that the client ends after 1.5 s without an answer", CONVENTION
)
WAITING = Threshold("or", 30, "that were opened in 15 s and wait for one", CONVENTION)
SPREAD_S = Threshold("opened over", 2, "s and more", CONVENTION)
GREETING = Threshold(
    "of a protocol in which the server begins, given up without a greeting, from",
    10,
    "% that certainly are",
    CONVENTION,
)
RULE = Rule(
    id="never_answered",
    title="Connections are accepted, and no request is ever answered",
    scope="connection",
    stage="symptom",
    inputs=("capture", "Services", "pods"),
    symptoms=("timeout", "slow"),
    screen="flows",
    criterion="handshakes are completed and requests acknowledged, no answer comes to any of them, "
    "and the server does not close what the client has closed",
    thresholds=(GIVEN_UP, WAITING, SPREAD_S, GREETING),
    false_friends=(
        "requests are lost on their path: they are retransmitted",
        "a protocol in which only the client speaks (logs, metrics)",
        "connections that a pool opens before it needs them: by a protocol in which clients begin",
        "long polls, of which none had an event",
    ),
    severity="critical",
    verify="requests are answered",
)
FIX = """# in each pod that serves it: does the program run? What is never accepted waits in a queue
ss -lnt; ps -eo pid,stat,wchan,args
# State T: it was stopped (SIGSTOP); next, its log, and a liveness probe that asks as clients do"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    return first_of_each(
        _finding(snapshot, view, rows)
        for view in snapshot.targets
        for rows in by_key(filter(_is_tcp, view.paths), lambda row: row.asked_end).values()
        if (_is_silent(added(rows)) or _is_mute(added(rows))) and not is_table_full(view)
    )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That SYNs get no answer: what nobody accepts fills the queue."""
    if other.rule == "unanswered":
        return other.subject == finding.subject
    if other.rule != "packet_loss":
        return False
    ends = {snapshot.subject(*end) for end in lost_ends(snapshot, other.subject)}
    return finding.subject in ends and all(map(is_queue_full, losses_at(snapshot, other.subject)))


def _is_tcp(row: PathRow) -> bool:
    return row.protocol == "TCP"


def _is_silent(row: PathRow) -> bool:
    """Whether nothing of what was asked was answered, for long enough, though it arrived."""
    if row.answered or row.reset_by_server or row.silent < GIVEN_UP.value:
        return False
    if not are_acknowledged(row):
        return False
    opened = min(row.completed, row.silent)
    is_many = row.abandoned >= GIVEN_UP.value or opened >= WAITING.value
    return _is_lasting(row) and is_many


def _is_mute(row: PathRow) -> bool:
    """Whether clients wait for a greeting and none comes: by a share, where others get one."""
    is_share = _ungreeted(row).low >= GREETING.value
    return row.ungreeted >= GIVEN_UP.value and is_share and _is_lasting(row)


def _ungreeted(row: PathRow) -> LossShare:
    return LossShare(row.ungreeted, row.completed)


def _is_lasting(row: PathRow) -> bool:
    return row.failing.last_ns - row.failing.first_ns >= SPREAD_S.value * 1e9


def _finding(snapshot: Snapshot, view: TargetView, rows: list[PathRow]) -> Finding:
    row, asked = added(rows), rows[0]
    name = f"{snapshot.name(asked.asked)}:{asked.asked_port}"
    if _is_mute(row):
        return _of_greetings(snapshot, view, rows, name)
    ends = sorted({one.endpoint for one in rows if one.endpoint not in ("", asked.asked)})
    at = f", at {listed(map(snapshot.name, ends))}" if ends else ""
    is_full = row.unanswered >= GIVEN_UP.value
    queue = ", and its accept queue is full" if is_full else ""
    return RULE.finding(
        subject=snapshot.subject(*asked.asked_end),
        title=f"{name} accepts connections and answers no request{at}: its program is stopped, or "
        f"hangs{queue}",
        evidence=(
            view.fact(
                f"{row.completed:,} of {row.connections:,} connections opened, "
                f"{row.requests:,} requests, none answered; "
                f"{row.abandoned:,} were given up, and the server did not close them; clients: "
                f"{client_text(snapshot, rows)}",
                "capture",
            ),
        ),
        confidence="likely" if row.abandoned >= GIVEN_UP.value else "possible",
        fix=FIX,
        fix_kind="shell",
    )


def _of_greetings(snapshot: Snapshot, view: TargetView, rows: list[PathRow], name: str) -> Finding:
    row = added(rows)
    return RULE.finding(
        subject=snapshot.subject(*rows[0].asked_end),
        title=f"{name} accepts connections and sends no greeting on {_ungreeted(row).text} of "
        "them: its program is stopped, or waits for something (names of clients: DNS)",
        evidence=(
            view.fact(
                f"{row.completed:,} connections opened; on {row.ungreeted:,} nobody sent anything, "
                f"and the client ended them after 1.5 s and more; clients: "
                f"{client_text(snapshot, rows)}",
                "capture",
            ),
        ),
        fix=FIX,
        fix_kind="shell",
    )
