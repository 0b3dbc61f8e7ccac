"""What the rules about DNS share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from collectors.findings import Finding, Subject
from collectors.frozen import frozen
from diagnosis.lookups import DnsSummary
from diagnosis.path_groups import translated
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._connections import servers_behind
from diagnosis.rules._outside import is_outside
from diagnosis.rules._services import dns_pods
from diagnosis.snapshot import Snapshot, TargetView, listed

QUESTIONS = Threshold("at least", 8, "queries in 15 s", CONVENTION)
SOURCE = "capture, port 53"
LINK_LOCAL = "169.254."
DNS_PORT = 53
NEARLY_ALL = 0.8  # share of its node's count
SHOWN = 3  # vantage points whose evidence is shown


def asking(snapshot: Snapshot) -> Iterator[tuple[TargetView, DnsSummary]]:
    """Vantage points that saw enough questions to say anything."""
    for target in snapshot.targets:
        if target.lookups is not None and target.lookups.asked >= QUESTIONS.value:
            yield target, target.lookups


@frozen
class Sight:
    """A finding at one vantage point; `count` is the number of lookups it rests on, `place` says
    that it loses them itself."""

    view: TargetView
    count: int
    finding: Finding
    place: str = ""

    @property
    def servers(self) -> tuple[str, ...]:
        return self.view.lookups.servers if self.view.lookups is not None else ()


class DnsServerFindings:
    """The findings of a rule about DNS: one for each vantage point, and one for servers that
    several ask. Its `evaluate` and `explains_finding` are the rule's. `seen` are its sights."""

    def __init__(self, rule: Rule, seen: Callable[[Snapshot], Iterator[Sight]]) -> None:
        self._rule = rule
        self._sights = once_per_snapshot(lambda snapshot: tuple(seen(snapshot)))

    def evaluate(self, snapshot: Snapshot) -> Iterator[Finding]:
        return with_servers(snapshot, self._sights(snapshot))

    def explains_finding(self, snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
        """The finding of a server explains those of its clients."""
        if other.rule != self._rule.id:
            return False
        return explains_sight(snapshot, self._sights(snapshot), finding, other)


def with_servers(snapshot: Snapshot, sights: Sequence[Sight]) -> Iterator[Finding]:
    """The finding of each vantage point; if several have it of the same servers, that of the
    servers as well."""
    for group in _of_common_servers(sights):
        yield from (sight.finding for sight in group)
        if len(group) > 1 and _only_pod(group) is None:
            yield _of_servers(snapshot, group)


def explains_sight(
    snapshot: Snapshot, sights: Sequence[Sight], finding: Finding, other: Finding
) -> bool:
    """Whether `other`, of the same rule, follows from `finding`: that of the servers, or of the one
    pod that accounts for nearly all that its node counts."""
    for group in _of_common_servers(sights):
        if other.subject != finding.subject and other.key in {s.finding.key for s in group}:
            pod = _only_pod(group)
            first = pod.finding.subject if pod else _server(snapshot, group)
            return len(group) > 1 and finding.subject == first
    return False


def _of_common_servers(sights: Iterable[Sight]) -> list[list[Sight]]:
    groups: list[list[Sight]] = []
    for one in sights:
        alike = [group for group in groups if any(_have_one(one, other) for other in group)]
        groups = [group for group in groups if group not in alike]
        groups.append([*(sight for group in alike for sight in group), one])
    return groups


def _have_one(first: Sight, second: Sight) -> bool:
    return not set(first.servers).isdisjoint(second.servers)


def _only_pod(group: Sequence[Sight]) -> Sight | None:
    """The only pod of the group, if it accounts for nearly all that its node counts."""
    pods = [sight for sight in group if sight.view.kind == "pod"]
    most = max(sight.count for sight in group)
    return pods[0] if len(pods) == 1 and pods[0].count >= NEARLY_ALL * most else None


def _of_servers(snapshot: Snapshot, group: Sequence[Sight]) -> Finding:
    worst = sorted(group, key=lambda sight: -sight.count)
    facts = (fact for sight in worst[:SHOWN] for fact in sight.finding.evidence)
    subject, first = _server(snapshot, group), worst[0].finding
    evidence = tuple(dict.fromkeys(facts))
    placed = next((sight for sight in worst if sight.place), worst[0])
    if placed is worst[0] or worst[0].place:
        return replace(first, subject=subject, evidence=evidence)
    title = f"{first.title}; {placed.place}"
    return replace(first, subject=subject, title=title, evidence=evidence, fix=placed.finding.fix)


def _server(snapshot: Snapshot, group: Sequence[Sight]) -> Subject:
    """The server that most vantage points ask: the Service if its endpoints are asked as well."""
    asked = Counter(server for sight in group for server in sight.servers)
    behind = {end for server in asked for end in servers_behind(snapshot, server) if end != server}
    for server in asked:
        behind |= {address for address, _ in translated(snapshot, (server, DNS_PORT))}
    known = [server for server in asked if server not in behind] or list(asked)
    return snapshot.subject(min(known, key=lambda server: (-asked[server], server)), DNS_PORT)


def is_dns_server(snapshot: Snapshot, target: TargetView) -> bool:
    """Whether it is one of the cluster's DNS pods, which mostly query servers outside."""
    return target.pod is not None and any(pod == target.pod for _, pod, _ in dns_pods(snapshot))


def servers(snapshot: Snapshot, lookups: DnsSummary) -> str:
    names = listed(snapshot.name(address) for address in lookups.servers)
    return f"asked: {names or 'the DNS server'}"


def servers_outside(snapshot: Snapshot, lookups: DnsSummary) -> list[str]:
    """The servers that were asked, if all of them are outside the cluster; else none. A link-local
    address may be the cluster's own cache (NodeLocal DNSCache)."""
    outside = all(
        is_outside(snapshot, one) and not one.startswith(LINK_LOCAL) for one in lookups.servers
    )
    return list(lookups.servers) if outside else []


def fix_outside(snapshot: Snapshot, lookups: DnsSummary) -> str:
    """A command to run if only servers outside the cluster were asked; '' otherwise."""
    outside = servers_outside(snapshot, lookups)
    if not outside:
        return ""
    return (
        f"dig @{outside[0]} NAME  # {listed(outside)} is outside the cluster, named in the pod's "
        "resolv.conf; does it answer other clients the same?"
    )


def share(part: int, whole: int) -> float:
    """Per cent; 0 if `whole` is 0."""
    return 100 * part / whole if whole else 0.0
