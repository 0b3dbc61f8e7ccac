"""What pods send out of the cluster leaves a node with the pods' own addresses, which nobody can
answer there: the node does not masquerade.

Where the network routes to pods, that is as it should be: only silence is a sign, and other nodes
that do masquerade.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from itertools import chain

from collectors.findings import Evidence, Finding
from diagnosis.overlays import overlays
from diagnosis.paths import PathRow
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._agents import restart_cni_agent
from diagnosis.rules._outside import is_outside
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 3, "connections without an answer in 15 s", CONVENTION)
RULE = Rule(
    id="masquerade",
    title="Pods' packets leave a node for addresses outside with the pods' own addresses",
    scope="node",
    stage="cause",
    inputs=("capture", "pods", "nodes"),
    symptoms=("connect", "timeout", "nodes"),
    screen="node",
    criterion="nothing outside answers to pods' own addresses; another node masquerades, or pods "
    "are behind an overlay; of one family, and of private addresses apart (ip-masq-agent leaves "
    "those alone)",
    thresholds=(LEAST,),
    false_friends=(
        "the network routes to pods, and the servers outside are down",
        "the pods of that node are of an IP pool without NAT on purpose",
    ),
    severity="critical",
    fix_kind="shell",
    verify="SYNs leave the node with its own address",
)
# RFC 1918, 6598 and 4193: the network may know the pods, where it carries these
PRIVATE = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
RowsOf = dict[str, list[PathRow]]  # by the name of the node


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    rows = {view.name: list(_leaving(snapshot, view)) for view in snapshot.hosts}
    for kind in {_kind(row) for row in chain.from_iterable(rows.values())}:
        alike = {name: [row for row in own if _kind(row) == kind] for name, own in rows.items()}
        yield from _of_kind(snapshot, alike)


def _kind(row: PathRow) -> tuple[int, bool]:
    """The family of the address outside, and whether it is private: nodes are compared by what they
    do with one kind."""
    address = ip_address(row.endpoint)
    return address.version, any(address in private for private in PRIVATE)


def _of_kind(snapshot: Snapshot, rows: RowsOf) -> Iterator[Finding]:
    if any(map(_is_routed, chain.from_iterable(rows.values()))):
        return
    others = {name: own for name, own in rows.items() if any(map(_is_of_the_cni, own))}
    for view in snapshot.hosts:
        own = [row for row in rows[view.name] if not _is_masqueraded(row)]
        if view.name not in others and _is_silent(own) and (others or overlays(view)):
            yield _finding(snapshot, view, own, others)


def _is_silent(rows: list[PathRow]) -> bool:
    return sum(row.unanswered for row in rows) >= LEAST.value


def _is_routed(row: PathRow) -> bool:
    """Whether the network outside knows a route to the pods."""
    return bool(row.completed) and not _is_masqueraded(row)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What that node's pods ask outside."""
    return snapshot.node_of(talk.client) == finding.subject.name and is_outside(
        snapshot, talk.server
    )


def _leaving(snapshot: Snapshot, view: TargetView) -> Iterator[PathRow]:
    """What the pods of a node send to addresses outside, and has left it."""
    for row in view.paths:
        pod = snapshot.by_address.get(row.client)
        if pod is None or pod.node != view.node or not row.to_server.left.total:
            continue
        if row.endpoint and is_outside(snapshot, row.endpoint):
            yield row


def _is_masqueraded(row: PathRow) -> bool:
    return row.sent_as != row.client


def _is_of_the_cni(row: PathRow) -> bool:
    """Masqueraded, and not because of a Service: kube-proxy has rules of its own for those."""
    return _is_masqueraded(row) and row.asked == row.endpoint


def _finding(snapshot: Snapshot, view: TargetView, rows: list[PathRow], others: RowsOf) -> Finding:
    asked = {row.endpoint for row in rows}
    same = any(
        row.completed and row.endpoint in asked and _is_of_the_cni(row)
        for theirs in others.values()
        for row in theirs
    )
    return RULE.finding(
        subject=view.subject,
        title=f"SYNs of pods leave {view.name} for {_ends(rows)} with the pods' own addresses, and "
        f"nobody answers: it does not masquerade{_as_others(others)}",
        evidence=_evidence(snapshot, view, rows, others),
        confidence="certain" if same else "likely" if others else "possible",
        fix=f"# which rule is gone? A reload of a firewall (firewalld, nft -f) removes others'\n"
        f"nft list ruleset | grep -n masquerade; iptables-save -t nat | grep -i masquerade\n"
        f"{restart_cni_agent(snapshot, view.node)}",
    )


def _as_others(others: Iterable[str]) -> str:
    names = listed(others)
    return f", as {names} does" if names else ", and no route from outside leads to an overlay"


def _ends(rows: Iterable[PathRow]) -> str:
    return listed(f"{row.endpoint}:{row.endpoint_port}" for row in rows)


def _evidence(
    snapshot: Snapshot, view: TargetView, rows: list[PathRow], others: RowsOf
) -> Iterator[Evidence]:
    for row in sorted(rows, key=lambda row: -row.unanswered)[:3]:
        text = (
            f"{row.unanswered} SYNs of {snapshot.name(row.client)} left for {row.endpoint}:"
            f"{row.endpoint_port} from {row.sent_as}, {row.completed} were answered"
        )
        yield view.fact(text, "capture")
    for name, theirs in list(others.items())[:2]:
        row = max(filter(_is_of_the_cni, theirs), key=lambda row: row.completed)
        text = (
            f"{name}: {snapshot.name(row.client)} leaves for {row.endpoint} as {row.sent_as}, "
            f"{row.completed} connections were made"
        )
        yield snapshot.fact(text, "capture")
