"""The ends of a connection as policies see them: pods, nodes, and addresses outside of the
cluster."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace

from collectors.events import ContainerPort, NamespaceRow, PodRow
from collectors.frozen import frozen

NAME_LABEL = "kubernetes.io/metadata.name"


@frozen
class Party:
    """One end. `labels` are None for what is not a pod. `node` is where it runs; pods on the host's
    network are their node.

    No `ips` means that the address is not known. `namespace_known` is False where the labels of
    the namespace are not known beyond its name. `unsure` says why it is not known whether an
    address is a pod's, `maybe_node` why not whether it is a node's. `generated_labels` are keys of
    labels that a controller gives it, with values that only the cluster knows. `unlisted` says why
    labels and ports of what is known to be a pod are not known. `api_server`: whether its address
    is one of the API server's, None where these are not known.
    """

    name: str
    ips: tuple[str, ...] = ()
    namespace: str = ""
    labels: Mapping[str, str] | None = None
    namespace_labels: Mapping[str, str] | None = None
    ports: tuple[ContainerPort, ...] = ()
    node: str = ""
    host: bool = False
    namespace_known: bool = True
    node_labels: Mapping[str, str] | None = None
    unsure: str = ""
    maybe_node: str = ""
    generated_labels: tuple[str, ...] = ()
    unlisted: str = ""
    api_server: bool | None = None

    @property
    def selectable(self) -> bool:
        """Whether selectors of pods and policies apply to it: a pod in a network namespace of
        its own."""
        return self.labels is not None and not self.host

    @property
    def alike(self) -> Hashable:
        """Ends with equal ones are selected by the same policies."""
        labels = None if self.labels is None else tuple(sorted(self.labels.items()))
        inherited = tuple(sorted((self.namespace_labels or {}).items()))
        unknown = self.namespace_known, self.unsure, self.generated_labels, self.unlisted
        node = self.node if self.host else ""  # which goes by the policies of host endpoints
        return self.namespace, self.host, node, labels, inherited, unknown

    @property
    def in_cluster(self) -> bool:
        """Whether it is known to be a pod or a node."""
        return self.labels is not None or self.host


def namespace_labels(rows: Iterable[NamespaceRow]) -> dict[str, dict[str, str]]:
    return {row.name: {NAME_LABEL: row.name, **dict(row.labels)} for row in rows}


def party_of(pod: PodRow, namespaces: Mapping[str, Mapping[str, str]]) -> Party:
    known = namespaces.get(pod.namespace)
    return Party(
        name=f"{pod.namespace}/{pod.name}",
        ips=pod.ips or ((pod.ip,) if pod.ip else ()),
        namespace=pod.namespace,
        labels=dict(pod.labels),
        namespace_labels=known or {NAME_LABEL: pod.namespace},
        ports=pod.ports,
        node=pod.node,
        host=pod.host_network,
        namespace_known=known is not None,
        generated_labels=pod.generated_labels,
    )


def why_generated(party: Party, key: str) -> str:
    """Why the value of a label is not known, '' where it is."""
    if party.unlisted:
        return party.unlisted
    if key not in party.generated_labels:
        return ""
    return f"the value of {key} of {party.name} is given by its controller, in the cluster"


def port_number(pod: PodRow, port: str, protocol: str = "") -> int | None:
    """The number that a port, given by number or by the name that a container has for it, stands
    for at a pod; None where none names it. Without a protocol a name of any counts."""
    if port.isdecimal():
        return int(port)
    for declared in pod.ports:
        if declared.name == port and protocol in ("", declared.protocol):
            return declared.number
    return None


def is_ipv6(address: str) -> bool:
    return ":" in address


def over(party: Party, six: bool) -> Party:
    """With its addresses of IPv6, or of IPv4, alone."""
    return replace(party, ips=tuple(ip for ip in party.ips if is_ipv6(ip) == six))


def family(source: Party, destination: Party) -> bool | None:
    """Which one a connection uses, True for IPv6: the first of the source's that the destination
    has, too; None where there is none, or nothing to choose."""
    own = {is_ipv6(ip) for ip in source.ips}
    theirs = {is_ipv6(ip) for ip in destination.ips}
    if len(own) < 2 and len(theirs) < 2:
        return None
    return next((six for ip in source.ips if (six := is_ipv6(ip)) in theirs), None)


def no_common_family(source: Party, destination: Party) -> str:
    """Why the two cannot speak at all, '' where they can or where an address is not known."""
    own = {is_ipv6(ip) for ip in source.ips}
    theirs = {is_ipv6(ip) for ip in destination.ips}
    if not own or not theirs or own & theirs:
        return ""
    return (
        f"{source.name} has {_families(own)} alone and {destination.name} {_families(theirs)}: "
        "they have no address family in common"
    )


def _families(sixes: set[bool]) -> str:
    return "IPv6" if True in sixes else "IPv4"
