"""What could not be read of a cluster: a verdict that it could change is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from collectors.frozen import frozen

POLICIES, FOREIGN = "networkpolicies", "foreignpolicies"
CUTTING = "cuttingpolicies"  # what allows nothing that others deny
OBJECTS = ("pods", "nodes", "namespaces", "services", "endpointslices")
DECIDING = (*OBJECTS, POLICIES, FOREIGN, CUTTING)
NAMES = {
    POLICIES: "NetworkPolicies",
    FOREIGN: "policies of other APIs",
    CUTTING: "policies of meshes and clouds",
    "endpointslices": "EndpointSlices",
    "services": "Services",
}


@frozen
class BlindSpot:
    """A kind of object that could not be listed, why, and the namespaces of which it was listed
    all the same."""

    kind: str
    reason: str
    read_namespaces: frozenset[str] = frozenset()
    of_objects: bool = False  # not of the list but of some objects, as the reason says

    @property
    def name(self) -> str:
        return NAMES.get(self.kind, self.kind)

    @property
    def unseen(self) -> str:
        """What of the kind was not seen: `nodes`, `pods outside shop`."""
        listed = ", ".join(sorted(self.read_namespaces))
        return f"{self.kind} outside {listed}" if listed else self.kind

    @property
    def total(self) -> bool:
        """Whether no object of the kind was seen."""
        return not self.read_namespaces and not self.of_objects

    @property
    def text(self) -> str:
        """A sentence without its full stop."""
        if self.of_objects:
            return self.reason
        if self.read_namespaces:
            listed = ", ".join(sorted(self.read_namespaces))
            return f"{self.name} were listed in namespace {listed} only: {_bare(self.reason)}"
        return f"{self.name} could not be listed: {_bare(self.reason)}"


def _bare(reason: str) -> str:
    return reason.rstrip(". ")


@frozen
class BlindSpots:
    """All of them."""

    spots: tuple[BlindSpot, ...] = ()

    @classmethod
    def of(cls, spots: Iterable[BlindSpot]) -> BlindSpots:
        return cls(tuple(spot for spot in spots if spot.kind in DECIDING))

    def at(self, kind: str, namespace: str = "") -> BlindSpot | None:
        """Why objects of a kind in a namespace are not known, None where they are."""
        for spot in self.spots:
            if spot.kind == kind and namespace not in spot.read_namespaces:
                return spot
        return None

    def why(self, kind: str, namespace: str = "") -> str:
        spot = self.at(kind, namespace)
        return spot.text if spot else ""


NONE = BlindSpots()
Others = Mapping[tuple[str, str], Sequence[str]]
NAMED = 3
# called network policies, and deciding nothing: Calico's that are staged, those of networks beside
# the cluster's own, and Rancher's, of which it makes NetworkPolicies
UNDECIDING = ("Staged", "MultiNetworkPolicy", "ProjectNetworkPolicy")
# APIs whose policies are about objects, disruption, certificates, a gateway's routes, clusters, or
# the traffic that leaves by a node
HARMLESS_GROUPS = (
    "policy",
    "kyverno.io",
    "gateway.envoyproxy.io",
    "gateway.nginx.org",
    "k8s.nginx.org",
    "k8s.cni.cncf.io",
    "policy.karmada.io",
    "policy.open-cluster-management.io",
    "policy.cert-manager.io",
    "networking.gke.io",
    "cloud.google.com",
    "k8s.ovn.org",
    "projectcalico.org",
    "crd.projectcalico.org",
    "cilium.io",
    "policies.kubewarden.io",
)
HARMLESS_SUFFIXES = (".k8s.io", ".x-k8s.io", ".kyverno.io", ".gatekeeper.sh", ".crossplane.io")
HARMLESS = ("PolicyReport", "ClusterPolicyReport", "PolicyException", "PolicyEndpoint")


def not_evaluated(others: Others) -> Iterator[BlindSpot]:
    """Network policies of APIs that podwire does not know: they may decide. `others` are the names
    of objects by API version and kind."""
    for (api_version, kind), names in others.items():
        if _decides(kind):
            reason = f"{kind} of {api_version} ({', '.join(names)}) is not evaluated"
            yield BlindSpot(FOREIGN, reason, of_objects=True)


def noted(others: Others) -> Iterator[str]:
    """Of what else is called a policy or a firewall, and may be about connections: a clause for
    each kind."""
    for (api_version, kind), names in others.items():
        named = "Policy" in kind or "Firewall" in kind
        if named and not _decides(kind) and not _harmless(api_version, kind):
            listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
            yield f"{kind} of {api_version} ({listed}) is not known here, and no verdict heeds it"


def _decides(kind: str) -> bool:
    return "NetworkPolicy" in kind and not kind.startswith(UNDECIDING)


def _harmless(api_version: str, kind: str) -> bool:
    """Whether objects of a kind are known to cut nothing between pods."""
    group = api_version.rpartition("/")[0]
    known = group in HARMLESS_GROUPS or group.endswith(HARMLESS_SUFFIXES)
    return known or kind in HARMLESS or kind.startswith(UNDECIDING)


def sentences(spots: Sequence[BlindSpot]) -> list[str]:
    """What was not seen, a sentence for each kind, in the order of the kinds."""
    ordered = sorted(spots, key=lambda spot: _rank(spot.kind))
    return [f"{spot.text[0].upper()}{spot.text[1:]}." for spot in ordered]


def _rank(kind: str) -> int:
    return DECIDING.index(kind) if kind in DECIDING else len(DECIDING)
