"""NetworkPolicies that cut what should work.

Facts: docs/reference/failures.md #22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from collectors.events import Labels, PodRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.reachability import network_policy as netpol, policy_proposal, selectors
from diagnosis.rules.endpoints import is_dns
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import policy_subject


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.policies:
        return
    known = netpol.policies(snapshot.policies)
    namespaces = netpol.namespace_labels(snapshot.namespaces)
    yield from _labels(snapshot, known, namespaces)
    yield from _cut_dns(snapshot, known, namespaces)
    yield from _drops(snapshot, known, namespaces)


def _labels(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    """A namespaceSelector that matches no namespace, and a podSelector that selects no pod."""
    for one in known:
        for side, peers in (("ingress", "from"), ("egress", "to")):
            for index, rule in enumerate(one.spec.get(side) or ()):
                for peer in (rule or {}).get(peers) or ():
                    wanted = peer.get("namespaceSelector")
                    if not wanted or any(
                        selectors.compiled(wanted)(labels) for labels in namespaces.values()
                    ):
                        continue
                    text = selectors.text(wanted)
                    yield Finding(
                        rule="policy_label",
                        severity="critical",
                        subject=replace(policy_subject(one.key), detail=f"{side} {index}"),
                        title=f"The policy lets in namespaces with {text}; no namespace has that"
                        if side == "ingress"
                        else f"The policy lets out to namespaces with {text}; none has that",
                        evidence=(
                            Evidence(
                                f"rule {index} of {side}: namespaceSelector {text}",
                                f"NetworkPolicy {one.key}",
                                snapshot.at,
                            ),
                            Evidence(
                                f"labels of {len(namespaces)} namespaces were compared",
                                "namespaces",
                                snapshot.at,
                            ),
                        ),
                        threshold="a selector that matches nothing",
                        confidence="certain",
                        disproof="a namespace with that label is made later, on purpose",
                        fix=f"kubectl label namespace {one.namespace} {text.replace(',', ' ')}  # if that is who is meant; or "
                        f"correct the selector: kubectl -n {one.namespace} edit networkpolicy {one.name}",
                        fix_kind="shell",
                        verify="the namespaces that are meant match the selector",
                        screen="policy",
                    )


def dns_pods(snapshot: Snapshot) -> Iterator[tuple[ServiceRow, PodRow, int]]:
    for service in snapshot.services:
        if is_dns(service):
            for port in service.targets:
                if port.protocol == "UDP" and port.number == 53:
                    for pod in snapshot.selected(service):
                        yield service, pod, netpol.port_number(pod, port.target) or 53


Decisions = dict[
    str, list[netpol.Decision]
]  # protocol to what the pod's own policies say of each DNS pod


def dns_decisions(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[tuple[list[PodRow], Decisions]]:
    """For the pods that are isolated for egress: may they ask the cluster's DNS? Pods with equal labels are one case,
    since their own policies see no difference."""
    servers = [
        (netpol.party_of(server, namespaces), port) for _, server, port in dns_pods(snapshot)
    ]
    alike: dict[tuple[str, Labels, bool], list[PodRow]] = {}
    for pod in snapshot.pods if servers else ():
        alike.setdefault((pod.namespace, pod.labels, pod.host_network), []).append(pod)
    for pods in alike.values():
        party = netpol.party_of(pods[0], namespaces)
        if any(p.selects(party, "egress") for p in known):
            yield (
                pods,
                {
                    protocol: [
                        netpol.verdict(party, server, port, protocol, known).egress
                        for server, port in servers
                    ]
                    for protocol in ("UDP", "TCP")
                },
            )


def _cut_dns(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    servers = list(dns_pods(snapshot))
    cut: dict[str, list[str]] = {}
    decided: dict[str, netpol.Decision] = {}
    for alike, decisions in dns_decisions(snapshot, known, namespaces):
        if not any(d.allowed for d in decisions["UDP"]):
            key = decisions["UDP"][0].policy
            cut.setdefault(key, []).extend(f"{pod.namespace}/{pod.name}" for pod in alike)
            decided[key] = decisions["UDP"][0]
    for key, pods in cut.items():
        policy = next(p for p in known if p.key == key)
        service, server, port = servers[0]
        silent = sum(t.lookups.unanswered for t in snapshot.targets if t.lookups is not None)
        told = [
            Evidence(decided[key].reason, f"NetworkPolicy {key}", snapshot.at),
            Evidence(f"pods that cannot ask: {listed(pods)}", "pods, policies", snapshot.at),
        ]
        if port != 53 and _admits(policy, 53):
            told.append(
                Evidence(
                    f"a rule names port 53, but the DNS pods listen on {port}: policies see packets after the "
                    "Service's translation",
                    f"NetworkPolicy {key}",
                    snapshot.at,
                )
            )
        if silent:
            told.append(
                Evidence(
                    f"{silent} DNS questions without an answer", "capture, port 53", snapshot.at
                )
            )
        yield Finding(
            rule="policy_cuts_dns",
            severity="critical",
            subject=policy_subject(key),
            title=f"The policy isolates pods for egress and lets no DNS out: {listed(pods, 2)}",
            evidence=tuple(told),
            threshold="no rule for port 53 to the DNS pods",
            confidence="certain",
            disproof="the pods ask another server that is allowed",
            fix=allow_dns(policy, server.namespace, service.selector, (port, 53), ("UDP", "TCP")),
            fix_kind="yaml",
            verify="getent hosts kubernetes.default in such a pod answers",
            screen="policy",
        )


def _admits(policy: netpol.Policy, number: int) -> bool:
    return any(rule.admits_port(number, "UDP", ()) for rule in policy.rules.get("egress", ()))


def allow_dns(
    policy: netpol.Policy,
    namespace: str,
    selector: Labels,
    ports: Iterable[int],
    protocols: Iterable[str],
) -> str:
    """A policy beside one: they add up. It selects the same pods, so that it isolates none that were free."""
    servers = {
        "namespaceSelector": {"matchLabels": {netpol.NAME_LABEL: namespace}},
        "podSelector": {"matchLabels": dict(selector)},
    }
    allowed = [{"port": n, "protocol": p} for n in dict.fromkeys(ports) for p in protocols]
    spec = {
        "podSelector": policy.spec.get("podSelector") or {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [servers], "ports": allowed}],
    }
    return policy_proposal.document(f"{policy.name[:58]}-dns", policy.namespace, spec)


@dataclass(slots=True)
class Dropped:
    """What one policy drops, as far as was seen."""

    decision: netpol.Decision
    pairs: list[str]
    count: int
    fix: str


def _drops(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    """Connections that get no answer, and the policy that says why."""
    found: dict[str, Dropped] = {}
    for talk in snapshot.conversations:
        pod = snapshot.by_address.get(talk.client)
        if not talk.unanswered or pod is None or talk.port == 53:
            continue
        source = netpol.over(netpol.party_of(pod, namespaces), ":" in talk.client)
        for target, port in behind(snapshot, talk.server, talk.port, talk.protocol):
            verdict = netpol.verdict(
                source, netpol.party_of(target, namespaces), port, talk.protocol, known
            )
            if verdict.allowed:
                continue
            decision = verdict.decided_by
            fix = policy_proposal.admit(decision.side, pod, target, [(port, talk.protocol)])
            one = found.setdefault(decision.policy, Dropped(decision, [], 0, fix))
            one.pairs.append(
                f"{snapshot.workload(talk.client)} → {snapshot.workload(talk.server)}:{talk.port}"
            )
            one.count += talk.unanswered
            break
    for key, one in found.items():
        yield Finding(
            rule="policy_drops",
            severity="critical",
            subject=policy_subject(key),
            title=f"The policy drops connections: {listed(one.pairs, 2)}",
            evidence=(
                Evidence(
                    f"{one.count} connections without an answer: {listed(one.pairs)}",
                    "capture",
                    snapshot.at,
                ),
                Evidence(one.decision.reason, f"NetworkPolicy {key}", snapshot.at),
            ),
            threshold="SYNs without an answer where the policies allow nothing",
            confidence="certain",
            disproof="the SYN reaches the server's pod, or a RST comes back",
            fix=f"# if {one.pairs[0]} is to pass: policies add up, so this stands beside {key}\n{one.fix}",
            fix_kind="yaml",
            verify="the connection is made",
            screen="policy",
        )


def behind(
    snapshot: Snapshot, address: str, port: int, protocol: str
) -> Iterator[tuple[PodRow, int]]:
    """The pods, and their ports, that an address and port stand for."""
    if pod := snapshot.by_address.get(address):
        yield pod, port
        return
    service = snapshot.service_by_address.get(address)
    for target in service.targets if service else ():
        if service is not None and (target.number, target.protocol) == (port, protocol):
            for pod in snapshot.selected(service):
                yield pod, netpol.port_number(pod, target.target) or port
