"""NetworkPolicies that cut what should work (SIGNATURES 5.11 #22)."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServiceRow
from diagnosis import policy as netpol
from diagnosis import selectors
from diagnosis.finding import Evidence, Finding
from diagnosis.rules.endpoints import is_dns
from diagnosis.snapshot import Snapshot, listed

CHECKED = 400  # pods for which the way to DNS is worked out


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.policies:
        return
    known = netpol.policies(snapshot.policies)
    namespaces = netpol.namespace_labels(snapshot.namespaces)
    yield from _labels(snapshot, known, namespaces)
    yield from _cut_dns(snapshot, known, namespaces)
    yield from _drops(snapshot, known, namespaces)


def _labels(snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]) -> Iterator[Finding]:
    """A namespaceSelector that matches no namespace, and a podSelector that selects no pod."""
    for one in known:
        for side, peers in (("ingress", "from"), ("egress", "to")):
            for index, rule in enumerate(one.spec.get(side) or ()):
                for peer in (rule or {}).get(peers) or ():
                    wanted = peer.get("namespaceSelector")
                    if not wanted or any(selectors.compiled(wanted)(labels) for labels in namespaces.values()):
                        continue
                    text = selectors.text(wanted)
                    yield Finding(
                        "policy_label", "critical", f"{one.key} {side} {index}",
                        f"The policy lets in namespaces with {text}; no namespace has that"
                        if side == "ingress" else f"The policy lets out to namespaces with {text}; none has that",
                        (
                            Evidence(f"rule {index} of {side}: namespaceSelector {text}", f"NetworkPolicy {one.key}", snapshot.at),
                            Evidence(f"labels of {len(namespaces)} namespaces were compared", "namespaces", snapshot.at),
                        ),
                        "a selector that matches nothing", "certain", "a namespace with that label is made later, on purpose",
                        f"kubectl label namespace {one.namespace} {text.replace(',', ' ')}  # if that is who is meant; or "
                        f"correct the selector: kubectl -n {one.namespace} edit networkpolicy {one.name}", "shell",
                        "the namespaces that are meant match the selector", "policy",
                    )  # fmt: skip


def _dns_pods(snapshot: Snapshot) -> Iterator[tuple[ServiceRow, PodRow, int]]:
    for service in snapshot.services:
        if is_dns(service):
            for port in service.targets:
                if port.protocol == "UDP" and port.number == 53:
                    for pod in snapshot.selected(service):
                        named = next((p.number for p in pod.ports if p.name == port.target), 53)
                        yield service, pod, int(port.target) if port.target.isdecimal() else named


def _cut_dns(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    servers = list(_dns_pods(snapshot))
    cut: dict[str, list[str]] = {}
    decided: dict[str, netpol.Decision] = {}
    for pod in snapshot.pods[: CHECKED * 10]:
        party = netpol.party_of(pod, namespaces)
        isolating = [p for p in known if p.selects(party, "egress")]
        if not isolating or not servers:
            continue
        verdicts = [netpol.verdict(party, netpol.party_of(s, namespaces), port, "UDP", known) for _, s, port in servers]
        if not any(v.egress.allowed for v in verdicts):
            key = verdicts[0].egress.policy
            cut.setdefault(key, []).append(f"{pod.namespace}/{pod.name}")
            decided[key] = verdicts[0].egress
    for key, pods in cut.items():
        namespace, _, name = key.partition("/")
        service, server, port = servers[0]
        labels = "".join(f"              {k}: {v}\n" for k, v in service.selector)
        silent = sum(t.lookups.unanswered for t in snapshot.targets if t.lookups is not None)
        told = [Evidence(decided[key].reason, f"NetworkPolicy {key}", snapshot.at),
                Evidence(f"pods that cannot ask: {listed(pods)}", "pods, policies", snapshot.at)]  # fmt: skip
        if silent:
            told.append(Evidence(f"{silent} DNS questions without an answer", "capture, port 53", snapshot.at))
        yield Finding(
            "policy_cuts_dns", "critical", key, f"The policy isolates pods for egress and lets no DNS out: {listed(pods, 2)}",
            tuple(told), "no rule for port 53 to the DNS pods", "certain", "the pods ask another server that is allowed",
            _allow_dns(namespace, name, server.namespace, labels, port), "yaml",
            "getent hosts kubernetes.default in such a pod answers", "policy",
        )  # fmt: skip


def _allow_dns(namespace: str, name: str, dns_namespace: str, labels: str, port: int) -> str:
    """A policy beside it: policies add up."""
    ports = "".join(
        f"        - protocol: {protocol}\n          port: {number}\n"
        for number in dict.fromkeys((port, 53)) for protocol in ("UDP", "TCP")
    )  # fmt: skip
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
        f"  name: {name[:53]}-dns\n  namespace: {namespace}\nspec:\n  podSelector: {{}}\n  policyTypes: [Egress]\n  egress:\n"
        "    - to:\n        - namespaceSelector:\n            matchLabels:\n"
        f"              kubernetes.io/metadata.name: {dns_namespace}\n"
        f"          podSelector:\n            matchLabels:\n{labels}      ports:\n{ports}"
    )


def _drops(snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]) -> Iterator[Finding]:
    """Connections that get no answer, and the policy that says why."""
    found: dict[str, tuple[netpol.Decision, list[str], int]] = {}
    for talk in snapshot.conversations:
        pod = snapshot.by_address.get(talk.client)
        if not talk.unanswered or talk.answered > talk.unanswered or pod is None or talk.port == 53:
            continue
        source = netpol.party_of(pod, namespaces)
        for target, port in _behind(snapshot, talk.server, talk.port, talk.protocol):
            verdict = netpol.verdict(source, netpol.party_of(target, namespaces), port, talk.protocol, known)
            if verdict.allowed:
                continue
            decision = verdict.decided_by
            _, pairs, count = found.get(decision.policy, (decision, [], 0))
            pairs.append(f"{snapshot.workload(talk.client)} → {snapshot.workload(talk.server)}:{talk.port}")
            found[decision.policy] = (decision, pairs, count + talk.unanswered)
            break
    for key, (decision, pairs, count) in found.items():
        namespace, _, name = key.partition("/")
        yield Finding(
            "policy_drops", "critical", key, f"The policy drops connections: {listed(pairs, 2)}",
            (
                Evidence(f"{count} connections without an answer: {listed(pairs)}", "capture", snapshot.at),
                Evidence(decision.reason, f"NetworkPolicy {key}", snapshot.at),
            ),
            "SYNs without an answer where the policies allow nothing", "certain",
            "the SYN reaches the server's pod, or a RST comes back",
            f"kubectl -n {namespace} edit networkpolicy {name}  # add a rule that lets {pairs[0]} pass, if it is to", "shell",
            "the connection is made", "policy",
        )  # fmt: skip


def _behind(snapshot: Snapshot, address: str, port: int, protocol: str) -> Iterator[tuple[PodRow, int]]:
    """The pods, and their ports, that an address and port stand for."""
    if pod := snapshot.by_address.get(address):
        yield pod, port
        return
    service = snapshot.service_by_address.get(address)
    for target in service.targets if service else ():
        if service is not None and (target.number, target.protocol) == (port, protocol):
            for pod in snapshot.selected(service):
                named = next((p.number for p in pod.ports if p.name == target.target), port)
                yield pod, int(target.target) if target.target.isdecimal() else named
