"""Nobody answers for an address on the link: what goes to it, or by it, does not leave.

By the questions that a capture has (RFC 826; RFC 4861, 7.2), where nothing else is known: a node's
neighbour table says it of nodes in `neighbour`. A kernel that gets no answer rejects what waits
with ICMP host unreachable (RFC 1812, 5.2.7.1); a pod that cannot resolve its gateway sends nothing.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.icmp_errors import NO_HOST, meaning
from diagnosis.path_groups import node_text
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed
from diagnosis.wire_neighbours import WireNeighbour

LEAST = Threshold("at least", 3, "questions in 15 s", CONVENTION)
LASTING = Threshold("over", 2, "s and more", CONVENTION)
FIX = """# where it is asked: the entry; next, does the owner of {address} run, on this link?
ip neigh show {address}; ip route get {address}
# on its owner: is the address on the interface, does a filter drop ARP (arptables, ebtables)?
ip addr show | grep -F {address}"""
RULE = Rule(
    id="address_unresolved",
    title="Nobody answers for an address on the link: what goes to it does not leave",
    scope="node",
    stage="cause",
    inputs=("capture",),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="flows",
    criterion="ARP or neighbour solicitations without an answer, and ICMP host unreachable about "
    "what did not leave the machine; or a capture that has nothing else",
    thresholds=(LEAST, LASTING),
    false_friends=(
        "an address that nobody has, and nothing needs: a scanner, or a machine that is gone",
        "the capture lacks the answers",
    ),
    severity="critical",
    confidence="likely",
    fix=FIX,
    fix_kind="shell",
    verify="the question is answered",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    """Of captures alone. That an endpoint does not answer is said by the rules of endpoints, with
    what ICMP says of it."""
    for view in () if snapshot.pods else snapshot.targets:
        ends = _ends(view)
        asked = [one for one in view.wire if _is_in_vain(one) and one.address not in ends]
        if asked and _are_rejected_here(view):
            yield _finding(view, asked)
        elif len(asked) == len(view.wire) == 1 and not (view.conversations or view.paths):
            yield _alone(view, asked[0])


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What is rejected because nobody has the address."""
    return meaning(talk.unreachable) == NO_HOST


def _ends(view: TargetView) -> set[str]:
    """What connections go to."""
    return {address for row in view.paths for address in (row.asked, row.endpoint)}


def _is_in_vain(one: WireNeighbour) -> bool:
    is_asked = one.asked >= LEAST.value and one.seconds >= LASTING.value
    return is_asked and not one.is_answered


def _are_rejected_here(view: TargetView) -> bool:
    """Whether the machine itself rejects what it cannot hand on: most of what fails, though errors
    are limited to about one a second (icmp_ratelimit)."""
    return any(
        2 * row.rejected >= row.failed > 0
        and not row.to_server.left.syn
        and meaning(row.icmp) == NO_HOST
        for row in view.paths
        if row.to_server.entered.syn
    )


# --- in words


def _finding(view: TargetView, asked: list[WireNeighbour]) -> Finding:
    addresses = listed(sorted(one.address for one in asked))
    return _said(
        view,
        asked,
        f"{node_text(view)} cannot resolve {addresses}: nobody answers, and what goes there, or by "
        "it, is rejected",
    )


def _alone(view: TargetView, one: WireNeighbour) -> Finding:
    """Whoever cannot resolve its gateway sends nothing: not even what would show it."""
    title = (
        f"{one.asked_by} asks for {one.address}, nobody answers, and nothing else is sent: is it "
        "its gateway?"
    )
    return _said(view, [one], title)


def _said(view: TargetView, asked: list[WireNeighbour], title: str) -> Finding:
    address = min(one.address for one in asked)
    return RULE.finding(
        subject=replace(view.subject, detail=f"→ {address}"),
        title=title,
        evidence=_evidence(view, asked),
        address=address,
    )


def _evidence(view: TargetView, asked: list[WireNeighbour]) -> Iterator[Evidence]:
    for one in asked:
        yield view.fact(
            f"{one.asked_by} asked {one.asked} times for {one.address} in {one.seconds:.0f} s, and "
            "nobody answered",
            "capture, ARP and neighbour discovery",
        )
