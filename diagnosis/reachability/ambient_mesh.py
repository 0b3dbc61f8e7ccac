"""Istio's ambient mode: between two of its pods connections go through a tunnel (HBONE), and
policies see the port of that alone.

(Istio documentation, Ambient and Kubernetes NetworkPolicy: what is enrolled is labelled, the
namespace or the pod; NetworkPolicies must admit port 15008.)
"""

from __future__ import annotations

from diagnosis.reachability.parties import Party

PORT = 15008
LABEL, ENROLLED = "istio.io/dataplane-mode", "ambient"


def why_tunnelled(source: Party, end: Party, protocol: str) -> str:
    """Why policies may see another port than the pod's, '' where they do not."""
    if protocol != "TCP" or not (_is_enrolled(source) and _is_enrolled(end)):
        return ""
    return f"both pods are labelled for Istio's ambient mode, whose tunnel goes to port {PORT}"


def _is_enrolled(party: Party) -> bool:
    """A pod's own label stands before its namespace's."""
    if not party.selectable:
        return False
    inherited = (party.namespace_labels or {}).get(LABEL)
    return (party.labels or {}).get(LABEL, inherited) == ENROLLED
