"""What the rules about DNS share."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.rule import CONVENTION, Threshold
from diagnosis.rules._outside import is_outside
from diagnosis.rules._services import dns_pods
from diagnosis.snapshot import DnsSummary, Snapshot, TargetView, listed

QUESTIONS = Threshold("at least", 8, "questions in 15 s", CONVENTION)
SOURCE = "capture, port 53"
LINK_LOCAL = "169.254."


def asking(snapshot: Snapshot) -> Iterator[tuple[TargetView, DnsSummary]]:
    """Vantage points that saw enough questions to say anything."""
    for target in snapshot.targets:
        if target.lookups is not None and target.lookups.asked >= QUESTIONS.value:
            yield target, target.lookups


def is_dns_server(snapshot: Snapshot, target: TargetView) -> bool:
    """Whether it is one of the cluster's DNS pods: most of what it asks are other servers."""
    return target.pod is not None and any(pod == target.pod for _, pod, _ in dns_pods(snapshot))


def servers(snapshot: Snapshot, lookups: DnsSummary) -> str:
    names = listed(snapshot.name(address) for address in lookups.servers)
    return f"asked: {names or 'the DNS server'}"


def servers_outside(snapshot: Snapshot, lookups: DnsSummary) -> list[str]:
    """What was asked, where nothing of it is the cluster's: none of the cluster's DNS servers has
    to do with the answers. A link-local address may be a cache of the cluster's."""
    outside = all(
        is_outside(snapshot, one) and not one.startswith(LINK_LOCAL) for one in lookups.servers
    )
    return list(lookups.servers) if outside else []


def fix_outside(snapshot: Snapshot, lookups: DnsSummary) -> str:
    """A command, where servers outside were asked; '' where the cluster's were."""
    outside = servers_outside(snapshot, lookups)
    if not outside:
        return ""
    return (
        f"dig @{outside[0]} NAME  # {listed(outside)}: not the cluster's; does it answer others "
        "alike? The pod's resolv.conf names it"
    )


def share(part: int, whole: int) -> float:
    """Per cent; 0 of nothing."""
    return 100 * part / whole if whole else 0.0
