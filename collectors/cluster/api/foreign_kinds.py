"""The policies of other APIs than networking.k8s.io that podwire knows.

Calico serves its policies as projectcalico.org/v3 where its API server runs, and stores the same
objects as crd.projectcalico.org/v1. Of network-policy-api, ClusterNetworkPolicy (v1alpha2) replaces
AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1).
"""

from __future__ import annotations

from collectors.frozen import frozen


@frozen
class ForeignKind:
    """A kind of policy, by the name that discovery has for it."""

    group: str
    kind: str
    resource: str
    namespaced: bool


FOREIGN_KINDS = (
    ForeignKind("projectcalico.org", "NetworkPolicy", "networkpolicies", True),
    ForeignKind("projectcalico.org", "GlobalNetworkPolicy", "globalnetworkpolicies", False),
    ForeignKind("projectcalico.org", "Tier", "tiers", False),
    ForeignKind("projectcalico.org", "NetworkSet", "networksets", True),
    ForeignKind("projectcalico.org", "GlobalNetworkSet", "globalnetworksets", False),
    ForeignKind("projectcalico.org", "HostEndpoint", "hostendpoints", False),
    ForeignKind("crd.projectcalico.org", "NetworkPolicy", "networkpolicies", True),
    ForeignKind("crd.projectcalico.org", "GlobalNetworkPolicy", "globalnetworkpolicies", False),
    ForeignKind("crd.projectcalico.org", "Tier", "tiers", False),
    ForeignKind("crd.projectcalico.org", "NetworkSet", "networksets", True),
    ForeignKind("crd.projectcalico.org", "GlobalNetworkSet", "globalnetworksets", False),
    ForeignKind("crd.projectcalico.org", "HostEndpoint", "hostendpoints", False),
    ForeignKind("cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies", True),
    ForeignKind(
        "cilium.io", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", False
    ),
    ForeignKind("policy.networking.k8s.io", "AdminNetworkPolicy", "adminnetworkpolicies", False),
    ForeignKind(
        "policy.networking.k8s.io",
        "BaselineAdminNetworkPolicy",
        "baselineadminnetworkpolicies",
        False,
    ),
    ForeignKind(
        "policy.networking.k8s.io", "ClusterNetworkPolicy", "clusternetworkpolicies", False
    ),
)
_BY_NAME = {(foreign.group, foreign.kind): foreign for foreign in FOREIGN_KINDS}


def foreign_kind(api_version: str, kind: str) -> ForeignKind | None:
    return _BY_NAME.get((api_version.partition("/")[0], kind))
