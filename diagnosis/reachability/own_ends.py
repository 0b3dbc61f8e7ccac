"""Connections of a pod to its own node, and to itself by a Service: where network plugins differ.

(Kubernetes documentation, Network Policies: traffic to and from the node where a pod runs is always
allowed, and a pod cannot block access to itself. Calico, Cilium and kube-router police what a pod
sends to its node. To itself by a Service a pod comes as from its node, kube-proxy masquerades that
alone, and Calico asks policies after the destination is translated.)
"""

from __future__ import annotations

from dataclasses import replace

from diagnosis.reachability.parties import Party
from diagnosis.reachability.verdicts import Decision, Verdict

TO_OWN_NODE = (
    "to its own node a pod may always connect as the documentation has it, but some network "
    "plugins police that, and which one this is is not known"
)
HAIRPIN = (
    "a pod may always reach itself, but by its Service some network plugins ask its policies, once "
    "the address is translated"
)


def to_own_node(found: Decision, source: Party, destination: Party) -> Decision:
    """A decision of egress, where the network plugin is not known."""
    own = source.selectable and destination.host and source.node
    if not found.denied or not own or source.node != destination.node:
        return found
    return _unknown(found, TO_OWN_NODE)


def by_own_service(asked: Verdict, plain: Verdict) -> Verdict:
    """Of a pod that a Service sends to itself: `asked` is what its policies say, `plain` what is
    so without the Service."""
    if asked.allowed:
        return plain
    sides = (asked.egress, asked.ingress)
    egress, ingress = (one if one.verdict == "allowed" else _unknown(one, HAIRPIN) for one in sides)
    return Verdict(egress, ingress)


def _unknown(found: Decision, because: str) -> Decision:
    reasons = tuple(dict.fromkeys((because, *found.unknown_because)))
    reason = f"it may be that {found.reason}" if found.denied else found.reason
    return replace(found, verdict="unknown", reason=reason, unknown_because=reasons)
