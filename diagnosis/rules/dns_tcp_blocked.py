"""DNS answers are truncated, and retrying over TCP gets nothing.

A client must retry over TCP (RFC 2181, 9; RFC 7766, 5): a firewall that knows DNS as UDP alone
keeps it from every answer that does not fit. Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.lookups import DnsSummary
from diagnosis.path_groups import node_text, translated
from diagnosis.path_losses import PathLoss, path_losses
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import lost_ends
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

DNS_PORT = 53
TRUNCATED = Threshold("at least", 3, "truncated answers in 15 s", CONVENTION)
FAILED = Threshold("and", 3, "connections to TCP port 53 that fail", CONVENTION)
SHARE = Threshold("of one client from", 50, "%", CONVENTION)
PLACES = ("node", "between", "pod", "beyond")  # of a loss, the surest first
RULE = Rule(
    id="dns_tcp_blocked",
    title="Truncated DNS answers cannot be fetched: TCP port 53 does not get through",
    scope="Service",
    stage="cause",
    inputs=("DNS", "capture", "pods", "Services"),
    symptoms=("name", "slow", "timeout"),
    screen="dns",
    thresholds=(TRUNCATED, FAILED, SHARE),
    false_friends=("other clients' connections to TCP port 53 fail, whose answers fit",),
    severity="critical",
    verify="dig +tcp is answered, and names with large answers resolve",
)
FIX = """# {where}: the rule that knows DNS as UDP only; TCP port 53 must pass beside it (RFC 7766)
iptables-save -c | grep -E 'dport 53|dpt:53'; nft list ruleset | grep -nE 'dport 53|domain'
kubectl get svc,networkpolicy -A | grep -iE 'dns|53'"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    truncating = _truncating(snapshot)
    for server, talks in _failing(snapshot, truncating).items():
        yield _finding(snapshot, server, talks, truncating[server])


def _truncating(snapshot: Snapshot) -> dict[str, tuple[TargetView, DnsSummary]]:
    """Servers whose answers did not fit, and who saw most of those."""
    found: dict[str, tuple[TargetView, DnsSummary]] = {}
    for view in snapshot.targets:
        lookups = view.lookups
        if lookups is None or lookups.truncated < TRUNCATED.value:
            continue
        for server in lookups.servers:
            known = found.get(server)
            if known is None or known[1].truncated < lookups.truncated:
                found[server] = view, lookups
    return found


def _failing(snapshot: Snapshot, servers: Iterable[str]) -> dict[str, list[Conversation]]:
    """By the server that was asked. The endpoint of a Service that was asked is the same server."""
    found: dict[str, list[Conversation]] = {}
    for talk in snapshot.conversations:
        is_dns = (talk.protocol, talk.port) == ("TCP", DNS_PORT) and talk.server in servers
        if is_dns and 100 * _failures(talk) >= SHARE.value * talk.flows:
            found.setdefault(talk.server, []).append(talk)
    enough = {s: t for s, t in found.items() if sum(map(_failures, t)) >= FAILED.value}
    behind = {address for server in enough for address in _endpoints(snapshot, server)}
    return {server: talks for server, talks in enough.items() if server not in behind}


def _endpoints(snapshot: Snapshot, server: str) -> list[str]:
    """Of a Service; of any other address what captures saw it translated to."""
    seen = [address for address, _ in translated(snapshot, (server, DNS_PORT))]
    service = snapshot.service_by_address.get(server)
    ready, not_ready = snapshot.endpoints(service) if service is not None else ([], [])
    return [*ready, *not_ready, *seen]


def _failures(talk: Conversation) -> int:
    return talk.unanswered + talk.refused


def _finding(
    snapshot: Snapshot,
    server: str,
    talks: list[Conversation],
    truncating: tuple[TargetView, DnsSummary],
) -> Finding:
    refused = sum(talk.refused for talk in talks)
    loss = None if refused else _loss(snapshot, server)
    how, where = _refusal(snapshot, talks) if refused else _place(loss)
    return RULE.finding(
        subject=snapshot.subject(server, DNS_PORT),
        title=f"DNS answers are truncated, and cannot be fetched: TCP port 53 {how}",
        evidence=_evidence(snapshot, talks, truncating),
        confidence="certain"
        if refused or (loss is not None and loss.place == "node")
        else "likely",
        fix=FIX.format(where=where),
        fix_kind="shell",
    )


def _refusal(snapshot: Snapshot, talks: list[Conversation]) -> tuple[str, str]:
    """As `_place`: by the server itself, or by a filter that sends ICMP errors."""
    rejected = [talk for talk in talks if talk.rejected]
    if not rejected:
        return "is refused", "at the DNS server"
    by = sorted({talk.rejected_by for talk in rejected} - {"", *(talk.server for talk in talks)})
    who = listed(map(snapshot.name, by)) or "a filter on the path"
    return f"is rejected by {who} (ICMP)", f"on {who}"


def _loss(snapshot: Snapshot, server: str) -> PathLoss | None:
    """Where connections to it are lost, if it shows; a node that drops them itself is surest."""
    own = [loss for loss in path_losses(snapshot) if loss.group.end == (server, DNS_PORT)]
    return min(own, key=lambda loss: PLACES.index(loss.place), default=None)


def _place(loss: PathLoss | None) -> tuple[str, str]:
    """(what becomes of TCP port 53, where to look)."""
    if loss is None:
        return "gets no answer", "on both nodes and between them"
    node = node_text(loss.view)
    if loss.place == "node":
        return f"is dropped on {node}", f"on {node}"
    if loss.place == "between":
        return f"is lost between {node} and {loss.other}", f"between {node} and {loss.other}"
    return f"gets no answer behind {node}", f"behind {node}: open the DNS server's node as well"


def _evidence(
    snapshot: Snapshot, talks: list[Conversation], truncating: tuple[TargetView, DnsSummary]
) -> Iterator[Evidence]:
    view, lookups = truncating
    yield view.fact(
        f"{lookups.truncated} of {lookups.answered} answers have TC set: retry over TCP",
        "capture, port 53",
    )
    failed, flows = sum(map(_failures, talks)), sum(talk.flows for talk in talks)
    clients = listed(snapshot.workload(talk.client) for talk in talks)
    yield snapshot.fact(
        f"{failed} of {flows} connections to TCP port 53 fail, of {clients}", "capture"
    )


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """Connections to TCP port 53 of that server, or of its endpoints."""
    is_tcp = talk.protocol == "TCP"
    return is_tcp and _is_served_at(snapshot, finding.subject, talk.end)


def _is_served_at(snapshot: Snapshot, whole: Subject, end: End) -> bool:
    """Whether it is the server's port, or that of one of its endpoints."""
    server, port = end
    if port != DNS_PORT:
        return False
    if snapshot.subject(server, DNS_PORT) == whole:
        return True
    return any(
        snapshot.subject(address, DNS_PORT) == whole and server in _endpoints(snapshot, address)
        for address in (*snapshot.service_by_address, whole.name)
    )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That answers are truncated at all: as such it does no harm; that TCP to that server alone is
    lost somewhere, as of SYNs that are answered in the end."""
    if other.rule != "packet_loss":
        return other.rule == "dns_truncated"
    ends = lost_ends(snapshot, other.subject)
    return bool(ends) and all(_is_served_at(snapshot, finding.subject, end) for end in ends)
