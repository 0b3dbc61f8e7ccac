"""NetworkPolicies as the rules about them need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from collectors.events import Labels, PodRow
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.reachability import parties, policy_proposal
from diagnosis.reachability.network_policy import KIND
from diagnosis.reachability.parties import NAME_LABEL, Party
from diagnosis.reachability.policy_model import Policy
from diagnosis.reachability.policy_set import PolicySet
from diagnosis.reachability.verdicts import Decision, Verdict
from diagnosis.rules._services import asked_dns_pods, asks_cluster_dns, pods_behind
from diagnosis.snapshot import Conversation, Snapshot


@frozen
class PolicyContext:
    """The cluster's policies, compiled, and the labels of its namespaces. `policies` are the
    NetworkPolicies, `all_policies` those of every API in their order."""

    policies: tuple[Policy, ...]
    namespaces: dict[str, dict[str, str]]
    all_policies: PolicySet

    def policy(self, key: str) -> Policy:
        return next(one for one in self.policies if one.key == key)

    def party(self, pod: PodRow, address: str = "") -> Party:
        """`address` says over which family."""
        party = parties.party_of(pod, self.namespaces)
        return parties.over(party, ":" in address) if address else party


@once_per_snapshot
def policy_context(snapshot: Snapshot) -> PolicyContext:
    known = PolicySet.of(
        snapshot.policies,
        snapshot.foreign_policies,
        settings=snapshot.settings,
        nodes=snapshot.nodes,
        pods=snapshot.pods,
        blind=snapshot.blind,
    )
    return PolicyContext(known.kubernetes, parties.namespace_labels(snapshot.namespaces), known)


@frozen
class PodVerdict:
    """What policies say of a connection to one pod that an address stands for."""

    server: PodRow
    port: int
    verdict: Verdict


def verdicts(
    snapshot: Snapshot, context: PolicyContext, client: PodRow, talk: Conversation
) -> Iterator[PodVerdict]:
    source = context.party(client, talk.client)
    for server, port in pods_behind(snapshot, talk.server, talk.port, talk.protocol):
        target = context.party(server)
        said = context.all_policies.verdict(source, target, port, talk.protocol)
        yield PodVerdict(server, port, said)


@frozen
class DnsDecisions:
    """What policies of `pods`, which have equal labels, say of asking each DNS pod."""

    pods: list[PodRow]
    udp: list[Decision]
    tcp: list[Decision]

    @property
    def names(self) -> list[str]:
        return [f"{pod.namespace}/{pod.name}" for pod in self.pods]


def dns_decisions(snapshot: Snapshot, context: PolicyContext) -> Iterator[DnsDecisions]:
    """Of the pods that NetworkPolicies isolate for egress, where these decide. Pods with equal
    labels are one case, since their own policies see no difference."""
    servers = [(context.party(server), port) for _, server, port in asked_dns_pods(snapshot)]
    if not servers:
        return
    for pods in _alike(filter(asks_cluster_dns, snapshot.pods)):
        party = context.party(pods[0])
        if not any(policy.selects(party, "egress") for policy in context.policies):
            continue

        def decided(protocol: str, party: Party = party) -> list[Decision]:
            return [
                context.all_policies.verdict(party, server, port, protocol).egress
                for server, port in servers
            ]

        udp, tcp = decided("UDP"), decided("TCP")
        if all(one.kind in ("", KIND) for one in (*udp, *tcp)):
            yield DnsDecisions(pods, udp, tcp)


def _alike(pods: Iterable[PodRow]) -> Iterable[list[PodRow]]:
    return by_key(pods, attrgetter("namespace", "labels", "host_network")).values()


def allow_dns(
    policy: Policy,
    server: PodRow,
    selector: Labels,
    ports: Iterable[int],
    protocols: Iterable[str],
) -> str:
    """A policy beside one: they add up. It selects the same pods, so that it isolates none that
    were free."""
    peers = {
        "namespaceSelector": {"matchLabels": {NAME_LABEL: server.namespace}},
        "podSelector": {"matchLabels": dict(selector)},
    }
    allowed = [{"port": n, "protocol": p} for n in dict.fromkeys(ports) for p in protocols]
    spec = {
        "podSelector": policy.spec.get("podSelector") or {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [peers], "ports": allowed}],
    }
    return policy_proposal.document(f"{policy.name[:58]}-dns", policy.namespace, spec)
