"""Policies of network plugins and clouds that are known and not evaluated: what they may concern,
as the documentation of each has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from collectors.cluster.api.foreign_kinds import ANTREA, AWS, AWS_VPC, KUBE_OVN, NSX, OLD_NSX
from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import cluster_network_policy, selectors
from diagnosis.reachability.address_blocks import Block, block_of, ip_block, names_of
from diagnosis.reachability.certainty import Match
from diagnosis.reachability.cluster_network_policy import Networks, SelectedNodes, SelectedPods
from diagnosis.reachability.may_decide import (
    BOTH,
    CUT,
    EVERYONE,
    AnySubject,
    Concern,
    Known,
    OutOfBlocks,
    Outside,
    Reader,
    Reading,
    Spec,
    pods_of,
    selector_of,
)
from diagnosis.reachability.network_policy import port_of
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import SIDES, Action, Peer, PolicySubject, Port, Side

ALLOW: tuple[Action, ...] = ("allow",)
ACTIONS = {"Allow": ALLOW, "Drop": CUT, "Reject": CUT}
PASS: tuple[Action, ...] = ("pass",)
PEERS: dict[Side, str] = {"ingress": "from", "egress": "to"}
SELECTORS = {"podSelector", "namespaceSelector"}
Entries = Sequence[Spec]


def _blocks(*texts: object) -> tuple[Block, ...]:
    return tuple(block for text in texts if (block := block_of(text)) is not None)


# --- OVN-Kubernetes, OpenShift


def _egress_firewall(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """Rules in their order for what leaves the cluster; without one that denies it is nothing."""
    rules: Entries = row.spec.get("egress") or ()
    if any(rule.get("type") == "Deny" for rule in rules):
        yield Reading(pods_of(row.namespace), tuple(map(_firewall_rule, rules)))


def _firewall_rule(rule: Spec) -> Concern:
    to = rule.get("to") or {}
    passes = rule.get("type") == "Allow"
    return Concern(
        side="egress",
        ports=tuple(map(port_of, rule.get("ports") or ())) or None,
        peers=(_firewall_peer(to),),
        actions=PASS if passes else CUT,
        certain=passes and "dnsName" not in to,
    )


def _firewall_peer(to: Spec) -> Peer:
    if (nodes := to.get("nodeSelector")) is not None:
        return SelectedNodes(selectors.compiled(nodes))
    return Outside(_blocks(to["cidrSelector"]) if "cidrSelector" in to else ())


# --- Antrea


def _antrea(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    late = row.spec.get("tier") == "baseline"
    for side in SIDES:
        for rule in row.spec.get(side) or ():
            actions = ACTIONS.get(str(rule.get("action") or "Allow"))
            subjects: Entries = rule.get("appliedTo") or row.spec.get("appliedTo") or ({},)
            if actions:
                concern = _antrea_concern(row, side, rule, actions)
                subject = AnySubject(tuple(_antrea_pods(row, one) for one in subjects))
                yield Reading(subject, (concern,), late=late)


def _antrea_concern(
    row: ForeignPolicyRow, side: Side, rule: Spec, actions: tuple[Action, ...]
) -> Concern:
    ports: tuple[Port, ...] | None = tuple(map(port_of, rule.get("ports") or ())) or None
    if ports is None and rule.get("protocols"):
        ports = ()  # ICMP and IGMP, which have none
    peers = [_antrea_peer(row, one) for one in rule.get(PEERS[side]) or ()]
    known = tuple(one for one in peers if one is not None)
    all_known = bool(peers) and len(known) == len(peers)
    return Concern(side, ports, known if all_known else None, actions)


def _antrea_pods(row: ForeignPolicyRow, entry: Spec) -> PolicySubject:
    """All that it may mean, where it goes by a group, an account or a Service."""
    pods = entry.get("podSelector")
    if "nodeSelector" in entry:
        return AnySubject(())  # nodes
    if row.namespace:
        return pods_of(row.namespace, pods if set(entry) <= SELECTORS else None)
    return _in_cluster(entry) if set(entry) <= SELECTORS else EVERYONE


def _antrea_peer(row: ForeignPolicyRow, entry: Spec) -> Peer | None:
    if set(entry) == {"ipBlock"}:
        block = ip_block(entry["ipBlock"])
        return Networks((block,) if block else ())
    if set(entry) == {"fqdn"}:
        return Outside()
    if not entry or not set(entry) <= SELECTORS:
        return None
    if row.namespace and "namespaceSelector" not in entry:
        own = selectors.compiled({"matchLabels": {"kubernetes.io/metadata.name": row.namespace}})
        return SelectedPods(own, selector_of(entry.get("podSelector")))
    return _in_cluster(entry)


def _in_cluster(entry: Spec) -> SelectedPods:
    namespaces = selector_of(entry.get("namespaceSelector"))
    return SelectedPods(namespaces, selector_of(entry.get("podSelector")))


# --- Kube-OVN


@frozen
class InSubnet:
    """Pods by their addresses; where these are not known by their namespaces, if it has any."""

    blocks: tuple[Block, ...]
    namespaces: frozenset[str]
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if not party.ips:
            return not self.namespaces or party.namespace in self.namespaces
        return any(block.contains(ip) for block in self.blocks for ip in party.ips)

    def miss(self, party: Party) -> str:
        return f"{', '.join(party.ips)} is not in {self.text}"

    @property
    def text(self) -> str:
        return names_of(self.blocks)


LPORTS: dict[str, Side] = {"from-lport": "egress", "to-lport": "ingress"}


def _subnet(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    blocks = _blocks(*str(row.spec.get("cidrBlock") or "").split(","))
    own = InSubnet(blocks, frozenset(map(str, row.spec.get("namespaces") or ())))
    concerns = [*_acls(row.spec, own), *_private(row.spec, own)]
    if concerns:
        yield Reading(EVERYONE, tuple(concerns))


def _acls(spec: Spec, own: InSubnet) -> Iterator[Concern]:
    for acl in spec.get("acls") or ():
        action, side = str(acl.get("action")), LPORTS.get(str(acl.get("direction")))
        if side and action != "pass":
            actions = ALLOW if action.startswith("allow") else CUT
            yield Concern(side, actions=actions, own=own)


def _private(spec: Spec, own: InSubnet) -> Iterator[Concern]:
    if spec.get("private"):
        allowed = (*own.blocks, *_blocks(*(spec.get("allowSubnets") or ())))
        yield Concern("ingress", peers=(OutOfBlocks(allowed),), own=own)


def _security_group(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """Which pods have it is in an annotation of theirs."""
    concerns = tuple(Concern(side, actions=BOTH) for side in SIDES)
    yield Reading(EVERYONE, concerns, "annotations of pods say which ones have it")


# --- NSX


def _nsx(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """Rules of directions in or ingress, out or egress."""
    applied: Entries = row.spec.get("appliedTo") or ({},)
    subjects: tuple[PolicySubject, ...] = tuple(
        pods_of(row.namespace, one.get("podSelector")) for one in applied
    )
    concerns = tuple(map(_nsx_concern, row.spec.get("rules") or ()))
    yield Reading(AnySubject(subjects), concerns)


def _nsx_concern(rule: Spec) -> Concern:
    inward = str(rule.get("direction")).lower().startswith("in")
    allows = str(rule.get("action")).lower() == "allow"
    return Concern("ingress" if inward else "egress", actions=ALLOW if allows else CUT)


# --- clouds


def _security_groups(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    concerns = tuple(Concern(side) for side in SIDES)
    note = "security groups of the cloud decide"
    yield Reading(pods_of(row.namespace, row.spec.get("podSelector")), concerns, note)


def _application(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """As a NetworkPolicy, with names in DNS."""
    spec = row.spec
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    sides = [side for side in SIDES if side.capitalize() in types]
    concerns = tuple(Concern(side, actions=BOTH) for side in sides)
    yield Reading(pods_of(row.namespace, spec.get("podSelector")), concerns)


def _aws_cluster(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """Of the shape of network-policy-api's."""
    late = row.spec.get("tier") == "Baseline"
    made = cluster_network_policy.compiled(row)
    concerns = [
        Concern(side, rule.ports, rule.peers, (rule.action,))
        for side in SIDES
        for rule in made.rules[side]
        if rule.action != "pass"
    ]
    yield Reading(made.subject, tuple(concerns), late=late)


def _fqdn(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    concerns = Concern("egress"), Concern("egress", peers=(Outside(),), actions=ALLOW)
    yield Reading(pods_of(row.namespace, row.spec.get("podSelector")), concerns)


# --- Cilium


def _egress_gateway(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """It only leads to a node, and drops where no node is a gateway."""
    if _has_gateway(row.spec, known.nodes):
        return
    excluded = row.spec.get("excludedCIDRs") or ()
    found = [block_of(cidr, excluded) for cidr in row.spec.get("destinationCIDRs") or ()]
    outside = Outside(tuple(block for block in found if block is not None), nodes=False)
    subjects = tuple(_in_cluster(one) for one in row.spec.get("selectors") or ())
    note = "no node is known to be the gateway that it asks for"
    yield Reading(AnySubject(subjects), (Concern("egress", peers=(outside,)),), note)


def _has_gateway(spec: Spec, nodes: Sequence[Mapping[str, str]]) -> bool:
    """Whether a node is one of each gateway that it names."""
    given = [spec.get("egressGateway"), *(spec.get("egressGateways") or ())]
    wanted = [selector_of(one.get("nodeSelector") or {}) for one in given if one]
    return bool(wanted) and all(any(map(one, nodes)) for one in wanted)


READERS: dict[tuple[str, str], tuple[str, Reader]] = {
    ("k8s.ovn.org", "EgressFirewall"): ("OVN-Kubernetes", _egress_firewall),
    ("network.openshift.io", "EgressNetworkPolicy"): ("OpenShift", _egress_firewall),
    (ANTREA, "NetworkPolicy"): ("Antrea", _antrea),
    (ANTREA, "ClusterNetworkPolicy"): ("Antrea", _antrea),
    (KUBE_OVN, "Subnet"): ("Kube-OVN", _subnet),
    (KUBE_OVN, "SecurityGroup"): ("Kube-OVN", _security_group),
    (NSX, "SecurityPolicy"): ("NSX", _nsx),
    (OLD_NSX, "SecurityPolicy"): ("NSX", _nsx),
    (AWS_VPC, "SecurityGroupPolicy"): ("AWS", _security_groups),
    (AWS, "ApplicationNetworkPolicy"): ("AWS", _application),
    (AWS, "ClusterNetworkPolicy"): ("AWS", _aws_cluster),
    ("networking.gke.io", "FQDNNetworkPolicy"): ("GKE", _fqdn),
    ("cilium.io", "CiliumEgressGatewayPolicy"): ("Cilium", _egress_gateway),
}
