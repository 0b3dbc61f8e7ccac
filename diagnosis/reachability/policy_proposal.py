"""NetworkPolicies that podwire proposes, as YAML: the least that admits what is wanted. Policies
add up, so a proposal stands beside what is in force. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from typing import Any

import yaml

from collectors.events import PodRow, PolicyRow
from collectors.frozen import frozen
from collectors.plural import plural
from diagnosis.reachability.blind_spots import CUTTING, FOREIGN, NONE, POLICIES, sentences
from diagnosis.reachability.network_policy import KIND
from diagnosis.reachability.parties import (
    NAME_LABEL,
    Party,
    namespace_labels,
    party_of,
    port_number,
)
from diagnosis.reachability.policy_model import Side
from diagnosis.reachability.policy_set import PolicySet
from diagnosis.snapshot import Snapshot

PASSING = ("pod-template-generation", "statefulset.kubernetes.io/pod-name")  # besides hashes


@frozen
class Seen:
    """An end that a pod spoke with: a pod, or an address outside."""

    end: PodRow | str
    port: int
    protocol: str


def lasting(pod: PodRow) -> dict[str, str]:
    """The labels of a pod that its successors will have, too."""
    return {key: value for key, value in pod.labels if key not in PASSING and "hash" not in key}


def document(name: str, namespace: str, spec: Mapping[str, Any]) -> str:
    metadata = {"name": name[:63].strip("-."), "namespace": namespace}
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": dict(spec),
    }
    return str(yaml.safe_dump(body, sort_keys=False, default_flow_style=False))


def peer(pod: PodRow, own_namespace: str) -> dict[str, Any]:
    """A pod's replicas as an entry of `from` or `to`."""
    entry: dict[str, Any] = {"podSelector": {"matchLabels": lasting(pod)}}
    if pod.namespace != own_namespace:
        entry["namespaceSelector"] = {"matchLabels": {NAME_LABEL: pod.namespace}}
    return entry


def admit(side: Side, source: PodRow, target: PodRow, ports: Iterable[tuple[int, str]]) -> str:
    """Lets a source reach ports of a target, on the side that isolates."""
    own, other = (target, source) if side == "ingress" else (source, target)
    rule = {
        "from" if side == "ingress" else "to": [peer(other, own.namespace)],
        "ports": [{"port": number, "protocol": protocol} for number, protocol in ports],
    }
    spec = {
        "podSelector": {"matchLabels": lasting(own)},
        "policyTypes": [side.capitalize()],
        side: [rule],
    }
    one, two = (pod.workload.partition("/")[2] or pod.name for pod in (source, target))
    return document(f"allow-{one}-to-{two}", own.namespace, spec)


# --- from traffic


def observed(pod: PodRow, snapshot: Snapshot) -> tuple[dict[Side, list[Seen]], list[str]]:
    """What a pod spoke with, as far as was seen: for each side the ends and ports, and what
    could not be named. A Service stands for the pods behind it: policies see addresses after
    translation."""
    sides: dict[Side, list[Seen]] = {"ingress": [], "egress": []}
    unknown: list[str] = []
    own = set(pod.ips or (pod.ip,))
    for talk in snapshot.conversations:
        if not talk.answered:
            continue
        if talk.server in own:
            end: PodRow | str = snapshot.by_address.get(talk.client, talk.client)
            sides["ingress"].append(Seen(end, talk.port, talk.protocol))
        elif talk.client in own:
            service = snapshot.service_by_address.get(talk.server)
            if service is None:
                sides["egress"].append(
                    Seen(
                        snapshot.by_address.get(talk.server, talk.server), talk.port, talk.protocol
                    )
                )
                continue
            behind = [
                Seen(end, number, talk.protocol)
                for end in snapshot.selected(service)
                for port in service.targets
                if (port.number, port.protocol) == (talk.port, talk.protocol)
                and (number := port_number(end, port.target))
            ]
            sides["egress"] += behind
            if not behind:
                unknown.append(f"svc/{service.namespace}/{service.name}:{talk.port}")
    return sides, unknown


def from_traffic(pod: PodRow, snapshot: Snapshot) -> str:
    """The least policy that admits what was seen of a pod's replicas, as YAML."""
    sides, unknown = observed(pod, snapshot)
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": lasting(pod)},
        "policyTypes": ["Ingress", "Egress"],
    }
    for side, seen in sides.items():
        grouped: dict[str, tuple[dict[str, Any], set[tuple[int, str]]]] = {}
        for one in seen:
            entry = _entry(one.end, pod.namespace)
            grouped.setdefault(str(entry), (entry, set()))[1].add((one.port, one.protocol))
        key = "from" if side == "ingress" else "to"
        spec[side] = [
            {key: [entry], "ports": [{"port": n, "protocol": p} for n, p in sorted(ports)]}
            for _, (entry, ports) in sorted(grouped.items())
        ]
    name = pod.workload.partition("/")[2] or pod.name
    counted = f"{_paths(sides['ingress'])} in, {_paths(sides['egress'])} out"
    head = f"# what was seen of {pod.namespace}/{name}: {counted}\n"
    head += "".join(f"# {text}\n" for text in beside(pod, snapshot))
    head += "".join(f"# not named: {text} has no pods behind it\n" for text in sorted(set(unknown)))
    return head + document(f"{name}-observed", pod.namespace, spec)


def _paths(seen: Sized) -> str:
    return f"{len(seen)} {plural(len(seen), 'path')}"


def _entry(end: PodRow | str, own_namespace: str) -> dict[str, Any]:
    if isinstance(end, str):
        return {"ipBlock": {"cidr": f"{end}/{128 if ':' in end else 32}"}}
    if end.host_network or not end.labels:
        return {"ipBlock": {"cidr": f"{end.ip}/{128 if ':' in end.ip else 32}"}}
    return peer(end, own_namespace)


def newly_cut(pod: PodRow, proposal: str, snapshot: Snapshot) -> list[str]:
    """What is admitted now by the policies that are known, and would not be with the proposal in
    force: workload and port, of known ends; 'perhaps' where more may decide."""
    namespaces = namespace_labels(snapshot.namespaces)
    spec = yaml.safe_load(proposal)["spec"]
    proposed = PolicyRow(pod.namespace, "zz-proposed", json.dumps(spec))
    known = replace(snapshot, blind=NONE)
    now, later = _policies(known), _policies(known, proposed)
    own, cut = party_of(pod, namespaces), set()
    for other in snapshot.pods:
        if other.uid == pod.uid or not other.ip:
            continue
        end, name = party_of(other, namespaces), snapshot.workload(other.ip)
        cut |= {f"{name} → {port}" for port in _lost(end, own, now, later)}
        cut |= {f"{name} ← {port}" for port in _lost(own, end, now, later)}
    doubt = " (perhaps)" if effect_unknown(snapshot) else ""
    return sorted(f"{path}{doubt}" for path in cut)


def effect_unknown(snapshot: Snapshot) -> str:
    """Why what a proposal would newly deny is not known, a sentence; '' where it is."""
    deciding = ("pods", "namespaces", POLICIES, FOREIGN, CUTTING)
    spots = [spot for spot in snapshot.blind.spots if spot.kind in deciding]
    return " ".join(sentences(spots))


def _policies(snapshot: Snapshot, *proposed: PolicyRow) -> PolicySet:
    return PolicySet.of(
        (*snapshot.policies, *proposed),
        snapshot.foreign_policies,
        settings=snapshot.settings,
        nodes=snapshot.nodes,
        pods=snapshot.pods,
        blind=snapshot.blind,
    )


def _lost(source: Party, destination: Party, now: PolicySet, later: PolicySet) -> Iterator[str]:
    """The declared ports that are, or may be, allowed now, and are less so later."""
    for port in destination.ports:
        asked = (source, destination, port.number, port.protocol)
        before, after = now.verdict(*asked).verdict, later.verdict(*asked).verdict
        if before not in ("denied", after):
            yield f"{port.number}/{port.protocol}"


def beside(pod: PodRow, snapshot: Snapshot) -> list[str]:
    """What stands beside a proposal and may decide before it: policies of other APIs, and what
    could not be read."""
    own = party_of(pod, namespace_labels(snapshot.namespaces))
    found = []
    for policy in _policies(snapshot).policies:
        if policy.kind != KIND and policy.subject.match(own) is not False:
            found.append(f"{policy.title} stands beside it: no NetworkPolicy overrides that")
    return [*dict.fromkeys(found), *sentences(snapshot.blind.spots)]
