"""Shares of CPU time, for the rules about CPUs."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.kernel.deltas import Share
from diagnosis.snapshot import TargetView


def cpu_share(node: TargetView, prefix: str, kind: str) -> float:
    """Per cent of the CPU time that went to one kind."""
    share = Share(node.delta(f"{prefix}{kind}"), node.delta(f"{prefix}total"))
    return share.percent or 0.0


def softirq_shares(node: TargetView) -> dict[str, float]:
    """CPU number to its share of softirq, the busiest first."""
    shares = {number: cpu_share(node, f"cpu/{number}/", "softirq") for number in _numbers(node)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _numbers(node: TargetView) -> Iterator[str]:
    for name in node.deltas:
        if name.startswith("cpu/") and name.endswith("/total"):
            yield name.split("/")[1]


def softirq_text(shares: dict[str, float]) -> list[str]:
    return [f"CPU {number} {share:.0f} % softirq" for number, share in shares.items()]
