"""Something between client and server forgets connections that are idle: the next request is reset,
or nothing comes back.

A conntrack entry that expired is made again by the next packet (nf_conntrack_tcp_loose), and a
Service translates it to any of its endpoints, of which the others answer with a RST; or the packet
is INVALID and dropped. A NAT gateway or a firewall does the same.
Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.idle_requests import IdleRequest
from diagnosis.path_losses import PathLoss
from diagnosis.rule import Rule
from diagnosis.rules._idle import LEAST, is_of, seconds, subject
from diagnosis.rules._idle_expiries import (
    IDLE,
    SHARE,
    SHORTER,
    TIMEOUT,
    IdleExpiry,
    idle_expiries,
    is_forgotten,
)
from diagnosis.rules._losses import losses_at
from diagnosis.rules._per_subject import first_of_each
from diagnosis.snapshot import Conversation, Snapshot, TargetView

RULE = Rule(
    id="idle_expired",
    title="Idle connections are forgotten on the path: the next request is reset or unanswered",
    scope="connection",
    stage="cause",
    inputs=("capture", "sysctls"),
    symptoms=("reset", "timeout"),
    screen="flows",
    criterion="requests after long pauses fail without a FIN, those after shorter ones do not, and "
    "again on connections that were opened since",
    thresholds=(LEAST, IDLE, SHORTER, SHARE),
    false_friends=(
        "the server or its node ended: every connection that was open fails once",
        "requests after shorter pauses fail as well: packets are lost",
        "the server's pods were replaced meanwhile, one after another",
    ),
    fix="Keep-alives of the client more often than every {limit} (TCP_KEEPIDLE, tcp(7)), or an "
    "idle timeout of its pool below that",
    verify="requests after pauses of {limit} and more are answered",
)
FIX_NODE = """# on {node}: the kernel's own is 432000 (5 days), kube-proxy's 86400
sysctl -w {name}=86400
# or in the client: keep-alives (TCP_KEEPIDLE, tcp(7)), or an idle timeout of its pool, below
# {seconds} s"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    return first_of_each(_finding(snapshot, expiry) for expiry in idle_expiries(snapshot))


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What fails between that client and that server, and through a node that forgets."""
    own = [one for one in idle_expiries(snapshot) if _subject(snapshot, one) == finding.subject]
    if any(is_of(snapshot, one.row, talk) for one in own):
        return True
    return any(one.node for one in own) and is_forgotten(snapshot, {talk.end})


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """INVALID packets on a node that forgets: its own of connections that it does not know; and
    late answers, as of long polls, that it drops."""
    if other.subject != finding.subject:
        return False
    losses = losses_at(snapshot, other.subject) if other.rule == "packet_loss" else []
    are_late = bool(losses) and all(map(_may_be_late_answers, losses))
    return other.rule == "conntrack_invalid" or are_late


def _may_be_late_answers(loss: PathLoss) -> bool:
    """Of connections that are made as always."""
    is_made = all(kind.name != "SYN-ACKs" for kind in loss.kinds)
    return loss.place == "node" and not loss.to_server and is_made


def _subject(snapshot: Snapshot, expiry: IdleExpiry) -> Subject:
    return expiry.node.subject if expiry.node else subject(snapshot, expiry.row)


def _finding(snapshot: Snapshot, expiry: IdleExpiry) -> Finding:
    row, limit = expiry.row, seconds(expiry.limit)
    between = f"{snapshot.workload(row.client)} → {snapshot.name(row.server)}:{row.port}"
    how = " or ".join(sorted({_became(request) for request in expiry.lost}))
    node = expiry.node
    who = f"{node.name} forgets" if node else "A NAT, firewall or load balancer on the path forgets"
    after = f"{node.sysctl(TIMEOUT)} s" if node else f"{limit} or less"
    return RULE.finding(
        subject=_subject(snapshot, expiry),
        title=f"{who} connections that are idle for {after}: the next request {how} ({between})",
        confidence="likely" if node else "possible",
        evidence=_evidence(snapshot, expiry),
        fix=_fix(node) if node else "",
        fix_kind="shell" if node else "text",
        limit=limit,
    )


def _became(request: IdleRequest) -> str:
    return "is reset" if request.end == "reset" else "gets no answer"


def _fix(node: TargetView) -> str:
    timeout = node.sysctl(TIMEOUT)
    return FIX_NODE.format(node=node.name, name=TIMEOUT, seconds=timeout)


def _evidence(snapshot: Snapshot, expiry: IdleExpiry) -> Iterator[Evidence]:
    row, limit = expiry.row, expiry.limit
    answered = row.ended("answered")
    shorter = sum(one.pause < limit for one in answered)
    text = (
        f"{len(expiry.lost)} requests after pauses of {seconds(limit)} and more failed without a "
        f"FIN, {len(answered) - shorter} did not; {shorter} after shorter ones were answered"
    )
    yield snapshot.fact(text, "capture")
    if expiry.node is not None:
        value = expiry.node.sysctl(TIMEOUT)
        yield expiry.node.fact(f"{TIMEOUT} = {value} s", "sysctl")
