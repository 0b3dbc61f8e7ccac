"""What the rules about DNS share."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.rule import CONVENTION, Threshold
from diagnosis.rules._services import dns_pods
from diagnosis.snapshot import DnsSummary, Snapshot, TargetView, listed

QUESTIONS = Threshold("at least", 8, "questions in 15 s", CONVENTION)
SOURCE = "capture, port 53"


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


def share(part: int, whole: int) -> float:
    """Per cent; 0 of nothing."""
    return 100 * part / whole if whole else 0.0
