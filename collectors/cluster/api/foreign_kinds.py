"""The policies of other APIs than networking.k8s.io that podwire knows.

Calico serves its policies as projectcalico.org/v3 where its API server runs, and stores the same
objects as crd.projectcalico.org/v1. Of network-policy-api, ClusterNetworkPolicy (v1alpha2) replaces
AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1).

Others are known, and not evaluated: what they may decide makes a verdict unknown.
"""

from __future__ import annotations

from collectors.frozen import frozen


@frozen
class ForeignKind:
    """A kind of policy, by the name that discovery has for it. `cuts_only`: it is not evaluated,
    and never allows what others deny."""

    group: str
    kind: str
    resource: str
    namespaced: bool
    cuts_only: bool = False


def _kind(
    group: str, kind: str, resource: str = "", *, cuts: bool = True, namespaced: bool = True
) -> ForeignKind:
    """One that is not evaluated."""
    return ForeignKind(group, kind, resource or f"{kind.lower()}s", namespaced, cuts_only=cuts)


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
    ForeignKind("cilium.io", "CiliumCIDRGroup", "ciliumcidrgroups", False),
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
ISTIO, ISTIO_NETWORKING = "security.istio.io", "networking.istio.io"
LINKERD, ANTREA, KUBE_OVN = "policy.linkerd.io", "crd.antrea.io", "kubeovn.io"
AWS, AWS_VPC = "networking.k8s.aws", "vpcresources.k8s.aws"
NSX, OLD_NSX = "crd.nsx.vmware.com", "nsx.vmware.com"
UNEVALUATED_KINDS = (
    _kind("k8s.ovn.org", "EgressFirewall"),
    _kind("network.openshift.io", "EgressNetworkPolicy", "egressnetworkpolicies"),
    _kind(ISTIO, "AuthorizationPolicy", "authorizationpolicies"),
    _kind(ISTIO, "PeerAuthentication"),
    _kind(ISTIO_NETWORKING, "Sidecar"),
    _kind(LINKERD, "Server"),
    _kind(LINKERD, "ServerAuthorization"),
    _kind(LINKERD, "AuthorizationPolicy", "authorizationpolicies"),
    _kind("consul.hashicorp.com", "ServiceIntentions", "serviceintentions"),
    _kind("kuma.io", "MeshTrafficPermission"),
    _kind("access.smi-spec.io", "TrafficTarget"),
    _kind(ANTREA, "NetworkPolicy", "networkpolicies", cuts=False),
    _kind(ANTREA, "ClusterNetworkPolicy", "clusternetworkpolicies", cuts=False, namespaced=False),
    _kind(KUBE_OVN, "Subnet", cuts=False, namespaced=False),
    _kind(KUBE_OVN, "SecurityGroup", "security-groups", cuts=False, namespaced=False),
    _kind(NSX, "SecurityPolicy", "securitypolicies", cuts=False),
    _kind(OLD_NSX, "SecurityPolicy", "securitypolicies", cuts=False),
    _kind(AWS_VPC, "SecurityGroupPolicy", "securitygrouppolicies"),
    _kind(AWS, "ApplicationNetworkPolicy", "applicationnetworkpolicies", cuts=False),
    _kind(AWS, "ClusterNetworkPolicy", "clusternetworkpolicies", cuts=False, namespaced=False),
    _kind("networking.gke.io", "FQDNNetworkPolicy", "fqdnnetworkpolicies", cuts=False),
    _kind("cilium.io", "CiliumLocalRedirectPolicy", "ciliumlocalredirectpolicies", cuts=False),
    _kind(
        "cilium.io", "CiliumEgressGatewayPolicy", "ciliumegressgatewaypolicies", namespaced=False
    ),
)
KNOWN_KINDS = FOREIGN_KINDS + UNEVALUATED_KINDS
_BY_NAME = {(foreign.group, foreign.kind): foreign for foreign in KNOWN_KINDS}


def foreign_kind(api_version: str, kind: str) -> ForeignKind | None:
    return _BY_NAME.get((api_version.partition("/")[0], kind))
