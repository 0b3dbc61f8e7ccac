"""No pod of another node answers, while pods elsewhere do: what crosses between two nodes is lost.

One capture shows that much. Where it is lost, the other node's capture says, if there is one.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.events import NodeRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.lagging import why_lagging
from diagnosis.node_crossings import seen_between
from diagnosis.path_groups import all_path_groups
from diagnosis.paths import PathDirection, PathRow
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import is_denied
from diagnosis.rules._node_pairs import between, host_of, pairs_subject
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 5, "SYNs without an answer, and none with", CONVENTION)
WORKLOADS = Threshold("of", 2, "workloads there or more", CONVENTION)
RULE = Rule(
    id="node_unreachable",
    title="No pod of another node answers, while pods elsewhere do",
    scope="node",
    stage="cause",
    inputs=("capture", "pods", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="nothing comes from any pod of that node for 10 s, while connections to other pods "
    "are made; where it is lost by the capture on the other node",
    thresholds=(LEAST, WORKLOADS),
    false_friends=(
        "one workload alone does not answer",
        "a policy denies it",
        "eBPF hands packets on where a capture does not see them",
    ),
    severity="critical",
    confidence="likely",
    fix_kind="shell",
    verify="a pod of that node answers",
)
DOWN = "No pod of {other} answers: the node is not ready"
UNKNOWN = "No pod of {other} answers {one}: lost on the path there or back, or {other} is down"
LOST_THERE = "What {one} sends to pods of {other} never comes there"
LOST_BACK = "What pods of {other} answer never comes to {one}"
NOT_ANSWERED = "What comes to {other} for its pods is not answered"
PATH = """# do the nodes reach each other, and by which device do packets for its pods leave {one}?
ping -c 3 {address}
ip route get {pod}
# next: security groups, firewalls between the nodes and on them, the overlay's port"""
CAPTURE = """# capture on {other} as well: it shows which direction is lost
podwire node/{other}
"""
ON_THE_NODE = """# on {other}
sysctl net.ipv4.ip_forward; ip route get {pod}
nft list ruleset | grep -nE 'drop|reject'; iptables-save -c | grep -E 'DROP|REJECT'"""
MACHINE = """# does the machine run, and does its kubelet reach the API server?
kubectl describe node {other}"""
FIXES = {
    DOWN: MACHINE,
    UNKNOWN: CAPTURE + PATH,
    LOST_THERE: PATH,
    LOST_BACK: PATH,
    NOT_ANSWERED: ON_THE_NODE,
}


@frozen
class SilentNode:
    """`rows` are connections to its pods that nothing answered, as the view saw them; `there` and
    `back` the packets to and from its pods; `answering` is how many connections to other pods were
    made meanwhile."""

    view: TargetView
    other: NodeRow
    rows: tuple[PathRow, ...]
    there: PathDirection
    back: PathDirection
    answering: int

    @property
    def unanswered(self) -> int:
        return sum(row.unanswered for row in self.rows)

    @property
    def endpoints(self) -> list[str]:
        return sorted({row.endpoint for row in self.rows})

    @property
    def names(self) -> set[str]:
        return {self.view.node, self.other.name}

    @property
    def is_silent(self) -> bool:
        """Whether nothing comes: never, or no longer. SYNs that are sent again show that it is not
        only the capture that has no answers."""
        if not any(row.to_server.retransmitted.syn for row in self.rows):
            return False
        if not self.back.entered.total:
            return self.there.left.total >= LEAST.value
        return not self.back.latest_entered and all(self.there.latest_left)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    pairs = {frozenset(silent.names): silent for silent in _silent_nodes(snapshot)}
    if pairs:
        yield _finding(snapshot, list(pairs.values()))


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    return any(
        between(silent.view.node, silent.other.name, snapshot, talk)
        for silent in _silent_nodes(snapshot)
    )


@once_per_snapshot
def _silent_nodes(snapshot: Snapshot) -> list[SilentNode]:
    groups = by_key(all_path_groups(snapshot), lambda group: group.view.key)
    return [
        silent
        for of in groups.values()
        if of[0].view.node and not why_lagging(of[0].view)
        for silent in _of_view(snapshot, of[0].view, [row for group in of for row in group.rows])
        if not any(is_denied(snapshot, group) for group in of if _has_any(group.rows, silent))
    ]


def _has_any(rows: Iterable[PathRow], silent: SilentNode) -> bool:
    return any(row in silent.rows for row in rows)


def _of_view(snapshot: Snapshot, view: TargetView, rows: Iterable[PathRow]) -> Iterator[SilentNode]:
    by_node = by_key(rows, lambda row: snapshot.node_of(row.endpoint) if row.endpoint else "")
    for other in snapshot.nodes:
        if other.name == view.node or other.name not in by_node:
            continue
        failing = tuple(row for row in by_node[other.name] if row.unanswered)
        workloads = {snapshot.workload(row.endpoint) for row in failing}
        if len(workloads) < WORKLOADS.value:
            continue
        elsewhere = (row for name, of in by_node.items() if name != other.name for row in of)
        silent = SilentNode(
            view,
            other,
            failing,
            there=seen_between(snapshot, view, view.node, other.name),
            back=seen_between(snapshot, view, other.name, view.node),
            answering=sum(row.completed for row in elsewhere),
        )
        if silent.answering and silent.unanswered >= LEAST.value and silent.is_silent:
            yield silent


# --- in words


def _finding(snapshot: Snapshot, pairs: list[SilentNode]) -> Finding:
    first = pairs[0]
    text = _text(snapshot, first)
    words = {
        "one": first.view.node,
        "other": listed(sorted(pair.other.name for pair in pairs)),
    }
    fix = FIXES[text].format(
        one=first.view.node,
        other=first.other.name,
        address=first.other.address or first.other.name,
        pod=first.endpoints[0],
    )
    return RULE.finding(
        subject=pairs_subject([pair.names for pair in pairs]),
        title=text.format(**words),
        evidence=tuple(fact for pair in pairs[:3] for fact in _evidence(snapshot, pair)),
        fix=fix,
    )


def _text(snapshot: Snapshot, silent: SilentNode) -> str:
    if not silent.other.ready:
        return DOWN
    other_side = _other_side(snapshot, silent)
    if other_side is None:
        return UNKNOWN
    if not other_side.there.latest_entered:
        return LOST_THERE
    return LOST_BACK if all(other_side.back.latest_left) else NOT_ANSWERED


@frozen
class OtherSide:
    """What the silent node's own capture has of the packets to and from its pods."""

    view: TargetView
    there: PathDirection
    back: PathDirection


def _other_side(snapshot: Snapshot, silent: SilentNode) -> OtherSide | None:
    """None if nothing is captured there, or its capture cannot be compared."""
    one, other = silent.view.node, silent.other.name
    view = host_of(snapshot, other)
    if view is None or not view.paths or why_lagging(view):
        return None
    there = seen_between(snapshot, view, one, other)
    return OtherSide(view, there, seen_between(snapshot, view, other, one))


def _evidence(snapshot: Snapshot, silent: SilentNode) -> Iterator[Evidence]:
    other, view = silent.other.name, silent.view
    whose = listed(snapshot.workload(end) for end in silent.endpoints)
    yield view.fact(
        f"{silent.unanswered} connections to pods of {other} ({whose}) without an answer; "
        f"nothing came from any pod of {other}, {silent.answering} connections to other pods "
        "were made",
        "capture, all interfaces",
    )
    if not silent.other.ready:
        yield snapshot.fact(f"{other} is not ready", "nodes")
    elif host_of(snapshot, other) is None:
        yield snapshot.fact(f"{other} is not open: what comes there is not known", "podwire")
    elif other_side := _other_side(snapshot, silent):  # else `with_lag` says why there is none
        came, left = other_side.there.latest_entered, sum(other_side.back.latest_left)
        yield other_side.view.fact(
            f"{came} packets came from pods of {view.node} lately, {left} left for them in 10 s",
            "capture, all interfaces",
        )
