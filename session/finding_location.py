"""Where a finding can be seen: which target's screen and which of its lists, or the cluster's."""

from __future__ import annotations

from collections.abc import Sequence

from diagnosis.finding import Finding
from session.controller import OpenTab

CLUSTER = ("pods", "nodes", "services", "policy")


def view(finding: Finding) -> str:
    """The list that shows it: of a policy the pods of its namespace."""
    return {"policy": "pods", "": "packets"}.get(finding.see, finding.see)


def named(finding: Finding) -> str:
    """All that a finding says of where it is, to look for names in."""
    return " ".join((finding.where, *(f"{one.scope} {one.text}" for one in finding.evidence)))


def place(finding: Finding, opened: Sequence[OpenTab]) -> OpenTab | None:
    """The tab that shows it best: whose target it names, then whose node it names, then any; None where it is the
    cluster's lists, or nothing is open."""
    if finding.see in CLUSTER or not opened:
        return None
    text = named(finding)

    def score(tab: OpenTab) -> int:
        own, node = tab.key.partition("/")[2], tab.node.partition("/")[2]
        first = finding.where
        return (
            4 * (own in first)
            + 3 * bool(node and node in first)
            + 2 * (own in text)
            + bool(node and node in text)
        )

    return max(opened, key=score)


def words(finding: Finding) -> str:
    """What to look for in the cluster's list: the name of the pod or Service, or a policy's namespace."""
    namespace, _, name = finding.where.split(" ")[0].partition("/")
    return namespace if finding.see == "policy" else name or namespace
