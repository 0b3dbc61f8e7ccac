"""No pod of another node answers, while pods elsewhere do: what crosses between two nodes is lost.

One capture shows that much. Where it is lost, the other node's capture says, if there is one. One
capture alone says it where SYNs of those pods come, and what answers them never comes there.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from collectors.events import NodeRow
from collectors.findings import Evidence, Finding, Subject
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.comparable_captures import why_not_comparable
from diagnosis.node_crossings import entered_lately, seen_behind, seen_between
from diagnosis.path_groups import all_path_groups, client_text
from diagnosis.paths import PathDirection, PathRow, added
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import is_denied
from diagnosis.rules._node_pairs import addresses_of, between, host_of, pairs_subject
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 5, "SYNs without an answer, and none with", CONVENTION)
WORKLOADS = Threshold("of", 2, "workloads there or more", CONVENTION)
RULE = Rule(
    id="node_unreachable",
    title="No pod of another node answers, while pods elsewhere do",
    scope="node",
    stage="cause",
    inputs=("capture", "pods", "nodes", "NetworkPolicies"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="SYNs are retransmitted and nothing comes from any pod of that node for 10 s, while "
    "the same clients' connections elsewhere are made; where it is lost by the capture on the "
    "other node",
    thresholds=(LEAST, WORKLOADS),
    false_friends=(
        "one workload alone does not answer",
        "a policy denies it, or ICMP errors reject it",
        "its pods end, as in a drain",
        "the clients get no answer from anywhere",
        "eBPF hands packets on where a capture does not see them",
    ),
    severity="critical",
    confidence="likely",
    fix_kind="shell",
    verify="a pod of that node answers",
)
DOWN = "No pod of {other} answers: the node is not ready"
GONE = "No pod of {other} answers: the cluster has no such node any more"
UNKNOWN = "No pod of {other} answers {one}: lost on the path there or back, or {other} is down"
HOST_ANSWERS = (
    "No pod of {other} answers {one}, while {other} itself is reached: lost on the path to its "
    "pods, or back"
)
CUT_OFF = "No pod of any other node answers {one} ({other}): {one} is cut off from their pods"
LOST_THERE = "What {one} sends to pods of {other} never comes there"
LOST_BACK = "What pods of {other} answer never comes to {one}"
LOST_BOTH = "Nothing that pods of {one} and of {other} send each other comes there"
NOT_ANSWERED = "What {one} sends to pods of {other} comes to {other}, and no answer leaves it"
PATH = """# do the nodes reach each other, and by which device do packets for its pods leave {one}?
ping -c 3 {address}
ip route get {pod}
# next: security groups, firewalls between the nodes and on them, the overlay's port"""
CAPTURE = """# capture on {other} as well: it shows which direction is lost
podwire node/{other}
"""
OWN = """# on {one}: its routes to the others' pods, its rules, the overlay's device and port
ip route; ip neigh; bridge fdb show 2>/dev/null | grep dst
nft list ruleset | grep -nE 'drop|reject'; iptables-save -c | grep -E 'DROP|REJECT'"""
ON_THE_NODE = """# on {other}
sysctl net.ipv4.ip_forward; ip route get {pod}
nft list ruleset | grep -nE 'drop|reject'; iptables-save -c | grep -E 'DROP|REJECT'"""
MACHINE = """# does the machine run, and does its kubelet reach the API server?
kubectl describe node {other}"""
REMOVED = """# what still has its addresses: pods that wait for their removal, and clients
kubectl get pods -A -o wide --field-selector spec.nodeName={other}"""
FIXES = {
    DOWN: MACHINE,
    GONE: REMOVED,
    UNKNOWN: CAPTURE + PATH,
    HOST_ANSWERS: CAPTURE + PATH,
    CUT_OFF: OWN,
    LOST_THERE: PATH,
    LOST_BACK: PATH,
    LOST_BOTH: PATH,
    NOT_ANSWERED: ON_THE_NODE,
}


@frozen
class SilentNode:
    """`rows` are connections to its pods that nothing answered, as the view saw them; `there` and
    `back` the packets to and from its pods; `elsewhere` are connections to other pods and addresses
    of these seconds, `reached` the nodes whose pods are among them and answer."""

    view: TargetView
    other: NodeRow
    rows: tuple[PathRow, ...]
    there: PathDirection
    back: PathDirection
    elsewhere: tuple[PathRow, ...]
    reached: frozenset[str]
    is_listed: bool = True

    @property
    def unanswered(self) -> int:
        return sum(row.unanswered for row in self.rows)

    @property
    def answering(self) -> int:
        return sum(row.completed for row in self.elsewhere)

    @property
    def endpoints(self) -> list[str]:
        return sorted({row.endpoint for row in self.rows})

    @property
    def names(self) -> set[str]:
        return {self.view.node, self.other.name}

    @property
    def is_silent(self) -> bool:
        """Whether nothing comes: never, or no longer; or SYNs alone, which are retransmitted."""
        if not self.back.entered.total:
            return self.there.left.total >= LEAST.value
        if self.has_only_syns:
            return True
        return not self.back.latest_entered and all(self.there.latest_left)

    @property
    def has_only_syns(self) -> bool:
        """Whether its pods open connections, none of which they complete: answers leave, and do not
        come there."""
        came, again = self.back.entered, self.back.retransmitted.syn
        is_answered = self.there.left.syn_ack >= LEAST.value
        return came.syn == came.total and min(came.syn, again) >= LEAST.value and is_answered

    @property
    def are_clients_well(self) -> bool:
        """Whether it is not one client that gets no answer from anywhere: one of them gets some
        elsewhere, or there are several."""
        failing = {row.client for row in self.rows}
        well = {row.client for row in self.elsewhere if row.completed}
        return len(failing) > 1 or not failing.isdisjoint(well)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for subject, pairs in _by_subject(snapshot).items():
        yield _finding(snapshot, subject, pairs)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    return any(
        between(silent.view.node, silent.other.name, snapshot, talk)
        for silent in _by_subject(snapshot).get(finding.subject, ())
    )


@once_per_snapshot
def _by_subject(snapshot: Snapshot) -> Mapping[Subject, list[SilentNode]]:
    """Of each pair of nodes one; those that the same is said of together."""
    found = _silent_nodes(snapshot)
    pairs = {frozenset(silent.names): silent for silent in reversed(found)}
    alike = by_key(reversed(pairs.values()), lambda silent: _text(snapshot, silent))
    together = [(pairs_subject([one.names for one in of]), of) for of in alike.values()]
    by_subject = by_key(together, lambda pair: pair[0])
    return {subject: [one for _, of in same for one in of] for subject, same in by_subject.items()}


@once_per_snapshot
def _silent_nodes(snapshot: Snapshot) -> list[SilentNode]:
    groups = by_key(all_path_groups(snapshot), lambda group: group.view.key)
    return [
        silent
        for of in groups.values()
        if _is_comparable(of[0].view)
        for silent in _of_view(snapshot, of[0].view, [row for group in of for row in group.rows])
        if not any(is_denied(snapshot, group) for group in of if _has_any(group.rows, silent))
    ]


def _is_comparable(view: TargetView) -> bool:
    return bool(view.node) and view.paths_complete and not why_not_comparable(view)


def _has_any(rows: Iterable[PathRow], silent: SilentNode) -> bool:
    return any(row in silent.rows for row in rows)


def _of_view(snapshot: Snapshot, view: TargetView, rows: list[PathRow]) -> Iterator[SilentNode]:
    by_node = by_key(rows, lambda row: _pods_node(snapshot, row))
    answering = {name for name, of in by_node.items() if any(row.completed for row in of)}
    for other, is_listed in _others(snapshot, view, by_node):
        silent = SilentNode(
            view,
            other,
            rows=tuple(row for row in by_node[other.name] if _fails(snapshot, row, other)),
            there=seen_between(snapshot, view, view.node, other.name),
            back=seen_between(snapshot, view, other.name, view.node),
            elsewhere=tuple(row for name in by_node if name != other.name for row in by_node[name]),
            reached=frozenset(answering - {"", view.node, other.name}),
            is_listed=is_listed,
        )
        is_rejected = added(by_node[other.name]).rejected
        if not is_rejected and _has_enough(snapshot, silent) and silent.is_silent:
            yield silent


def _pods_node(snapshot: Snapshot, row: PathRow) -> str:
    """Of the pod that is asked: a node's own addresses have filters of their own."""
    pod = snapshot.by_address.get(row.endpoint)
    return pod.node if pod is not None else ""


def _others(
    snapshot: Snapshot, view: TargetView, names: Iterable[str]
) -> Iterator[tuple[NodeRow, bool]]:
    """The other nodes of which pods are asked, and whether each is still one of the cluster's."""
    known = {node.name: node for node in snapshot.nodes}
    are_all_listed = bool(known) and not snapshot.blind.at("nodes")
    for name in sorted(set(names) - {"", view.node}):
        if name in known:
            yield known[name], True
        elif are_all_listed:
            yield NodeRow(name, "", "", ready=False, os="", arch=""), False


def _fails(snapshot: Snapshot, row: PathRow, other: NodeRow) -> bool:
    """Whether SYNs are retransmitted, most of them: else it is the capture that has no answers.
    Pods that end are not asked what their node does, while that runs."""
    pod = snapshot.by_address[row.endpoint]
    is_ending = pod.phase == "Terminating" and other.ready
    again = row.to_server.retransmitted.syn
    return bool(row.unanswered) and 2 * again >= row.unanswered and not is_ending


def _has_enough(snapshot: Snapshot, silent: SilentNode) -> bool:
    workloads = {snapshot.workload(row.endpoint) for row in silent.rows}
    is_many = len(workloads) >= WORKLOADS.value and silent.unanswered >= LEAST.value
    return is_many and silent.answering > 0 and silent.are_clients_well


# --- what is said


def _text(snapshot: Snapshot, silent: SilentNode) -> str:
    if not silent.is_listed:
        return GONE
    place = LOST_THERE if silent.has_only_syns else _place(snapshot, silent)
    if place:
        return place
    is_reached = _came_from_host(snapshot, silent) > 0
    if not silent.other.ready and not is_reached:
        return DOWN
    if _is_cut_off(snapshot, silent):
        return CUT_OFF
    return HOST_ANSWERS if is_reached else UNKNOWN


def _is_cut_off(snapshot: Snapshot, silent: SilentNode) -> bool:
    """Whether several other nodes are asked from there, and none of their pods answers."""
    own = [one for one in _silent_nodes(snapshot) if one.view.key == silent.view.key]
    return len(own) > 1 and not silent.reached - {one.other.name for one in own}


def _came_from_host(snapshot: Snapshot, silent: SilentNode) -> int:
    own = addresses_of(snapshot, silent.other) - set(snapshot.by_address) - {""}
    return entered_lately(silent.view, own)


def _place(snapshot: Snapshot, silent: SilentNode) -> str:
    """Where it is lost by the other node's capture; '' where that is not known."""
    other_side = _other_side(snapshot, silent)
    if other_side is None:
        return ""
    sent = other_side.back.latest_left
    if other_side.there.latest_entered:
        return LOST_BACK if all(sent) else "" if any(sent) else NOT_ANSWERED
    if not all(silent.there.latest_left):
        return ""
    return LOST_BOTH if all(sent) else LOST_THERE


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
    if view is None or not view.paths or not _is_comparable(view):
        return None
    masqueraded = (row for row in silent.rows if row.sent_as != row.client)
    there, back = seen_behind(view, masqueraded)
    there += seen_between(snapshot, view, one, other)
    return OtherSide(view, there, back + seen_between(snapshot, view, other, one))


# --- in words


def _finding(snapshot: Snapshot, subject: Subject, pairs: list[SilentNode]) -> Finding:
    first = pairs[0]
    alike = by_key(pairs, lambda pair: _text(snapshot, pair))
    fix = FIXES[next(iter(alike))].format(
        one=first.view.node,
        other=first.other.name,
        address=first.other.address or first.other.name,
        pod=first.endpoints[0],
    )
    return RULE.finding(
        subject=subject,
        title="; ".join(_title(text, of) for text, of in alike.items()),
        evidence=tuple(fact for pair in pairs[:3] for fact in _evidence(snapshot, pair)),
        fix=fix,
    )


def _title(text: str, pairs: Iterable[SilentNode]) -> str:
    of = list(pairs)
    ones, others = {pair.view.node for pair in of}, {pair.other.name for pair in of}
    return text.format(one=listed(sorted(ones)), other=listed(sorted(others)))


def _evidence(snapshot: Snapshot, silent: SilentNode) -> Iterator[Evidence]:
    other, view = silent.other.name, silent.view
    whose = listed(snapshot.workload(end) for end in silent.endpoints)
    nothing = "only SYNs, retransmitted," if silent.has_only_syns else "nothing"
    yield view.fact(
        f"{silent.unanswered} connections of {client_text(snapshot, silent.rows)} to pods of "
        f"{other} ({whose}) without an answer; {nothing} came from any pod of {other}, "
        f"{silent.answering} connections elsewhere were made",
        "capture, all interfaces",
    )
    if not silent.is_listed:
        yield snapshot.fact(f"no node of the cluster is called {other}", "nodes")
    elif not silent.other.ready:
        yield snapshot.fact(f"{other} is not ready", "nodes")
    if came := _came_from_host(snapshot, silent):
        text = f"{came} packets came from {other} itself in 10 s"
        yield view.fact(text, "capture, all interfaces")
    yield from _of_the_other_side(snapshot, silent)


def _of_the_other_side(snapshot: Snapshot, silent: SilentNode) -> Iterator[Evidence]:
    other, is_open = silent.other.name, host_of(snapshot, silent.other.name) is not None
    if not is_open and silent.is_listed and silent.other.ready:
        yield snapshot.fact(f"{other} is not open: what comes there is not known", "podwire")
    elif other_side := _other_side(
        snapshot, silent
    ):  # else `with_incomparable` says why there is none
        came, left = other_side.there.latest_entered, sum(other_side.back.latest_left)
        yield other_side.view.fact(
            f"{came} packets came from pods of {silent.view.node} lately, {left} left for them in "
            "10 s",
            "capture, all interfaces",
        )
