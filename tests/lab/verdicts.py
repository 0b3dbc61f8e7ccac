"""Verdicts against real packets, in a lab with both address families: random NetworkPolicies that its nodes enforce with
nftables, and TCP connects to pods, Services, headless Services, node ports and host ports, from pods, nodes and outside
(tests/lab/flows.py). python -m tests.lab.verdicts [ROUNDS [SEED]] prints every pair on which the two disagree."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

from collectors.cluster.inventory.row_builders import KINDS, built
from diagnosis.reachability.cluster_state import ClusterState
from lab.supervisor import Lab
from tests.lab.flows import Flow, arrived, asked, chosen, prepare, tried
from tests.support.lab_client import Client, client_of

PORT = 8080
ROUNDS, PAIRS = 16, 25
STABLE_S = 0.6
PATHS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "services": "/api/v1/services",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "nodes": "/api/v1/nodes",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
}


def selector(chance: random.Random) -> dict[str, Any]:
    app = chance.choice(
        ["backend", "catalog", "frontend", "search", "checkout", "ingress", "nobody"]
    )
    return chance.choice(
        [
            {},
            {"matchLabels": {"app": app}},
            {
                "matchExpressions": [
                    {
                        "key": "app",
                        "operator": chance.choice(["In", "NotIn"]),
                        "values": [app, "frontend"],
                    }
                ]
            },
            {
                "matchExpressions": [
                    {"key": "app", "operator": chance.choice(["Exists", "DoesNotExist"])}
                ]
            },
        ]
    )


def peer(chance: random.Random) -> dict[str, Any]:
    namespace = {
        "matchLabels": {"kubernetes.io/metadata.name": chance.choice(["shop", "base", "none"])}
    }
    return chance.choice(
        [
            {"podSelector": selector(chance)},
            {"namespaceSelector": chance.choice([{}, namespace])},
            {"podSelector": selector(chance), "namespaceSelector": namespace},
            {
                "ipBlock": {
                    "cidr": "10.244.0.0/16",
                    "except": [f"10.244.{chance.choice([1, 2])}.0/24"],
                }
            },
            {"ipBlock": {"cidr": f"10.244.{chance.choice([1, 2])}.0/24"}},
            {"ipBlock": {"cidr": "203.0.113.0/24"}},
            {"ipBlock": {"cidr": chance.choice(["0.0.0.0/0", "::/0"])}},
            {
                "ipBlock": {
                    "cidr": "fd00:244::/32",
                    "except": [f"fd00:244:{chance.choice([1, 2])}::/64"],
                }
            },
            {"ipBlock": {"cidr": chance.choice(["fd00:77::/64", "fd00:77::11/128"])}},
            {"ipBlock": {"cidr": chance.choice(["10.0.77.0/24", "10.0.77.11/32"])}},
        ]
    )


def rule(chance: random.Random, peers: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if chance.random() < 0.8:
        made[peers] = [peer(chance) for _ in range(chance.randint(1, 2))]
    if chance.random() < 0.5:
        made["ports"] = [
            chance.choice(
                [
                    {"port": PORT},
                    {"port": 80},
                    {"port": 8000, "endPort": 8100},
                    {"port": PORT, "protocol": "UDP"},
                    {"protocol": "TCP"},
                    {"port": 9000, "endPort": 9100},
                ]
            )
        ]
    return made


def policy(chance: random.Random, number: int) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": selector(chance)}
    types = chance.choice([None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    if types:
        spec["policyTypes"] = types
    for side, peers in (("ingress", "from"), ("egress", "to")):
        if chance.random() < 0.6:
            spec[side] = [rule(chance, peers) for _ in range(chance.randint(0, 2))]
    return {"metadata": {"name": f"random-{number}"}, "spec": spec}


async def cluster(client: Client) -> ClusterState:
    rows: dict[str, Any] = {
        kind: built(kind, (await client.get(path))["items"])[0] for kind, path in PATHS.items()
    }
    assert set(rows) <= set(KINDS)
    return ClusterState.of(rows)


async def one_round(client: Client, chance: random.Random, counts: Counter[str]) -> list[str]:
    """The disagreements of one set of policies."""
    made = []
    for number in range(chance.randint(1, 3)):
        namespace = chance.choice(["shop", "shop", "base"])
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
        body = policy(chance, number)
        status, answer = await client.call("POST", path, body)
        assert status == 201, answer
        made.append((path, body))
    try:
        await asyncio.sleep(STABLE_S)
        known = await cluster(client)
        wanted = chosen(known, chance, PAIRS)
        seen = await asyncio.gather(*(tried(client, flow) for flow in wanted))
    finally:
        for path, body in made:
            await client.call("DELETE", f"{path}/{body['metadata']['name']}")
    specs = json.dumps([body["spec"] for _, body in made])
    wrong = [
        f"{problem}: {specs}"
        for flow, said in zip(wanted, seen, strict=True)
        if (problem := disagreement(known, flow, said, counts))
    ]
    await asyncio.sleep(STABLE_S / 2)
    return wrong


def disagreement(known: ClusterState, flow: Flow, said: list[str], counts: Counter[str]) -> str:
    """'' where the verdict is what the packets say, or that it is not known. Of several endpoints
    one is asked, so that a verdict over some of them may come out as either."""
    answer = asked(known, flow)
    outcome = "partly" if answer.partly else answer.verdict
    counts[f"{flow.kind} {outcome}"] += 1
    if answer.verdict == "unknown" or answer.partly:
        return ""
    if arrived(answer, said) is answer.allowed:
        return ""
    steps = "; ".join(f"{step.what}: {step.reason}" for step in answer.path)
    return f"{flow.text}: podwire says {outcome} ({steps}), the packets {said}"


async def compared(
    lab: Lab, rounds: int, seed: int, counts: Counter[str] | None = None
) -> tuple[int, list[str]]:
    """(pairs compared, disagreements)."""
    chance, wrong = random.Random(seed), []
    counts = Counter() if counts is None else counts
    async with client_of(lab) as client:
        await prepare(client)
        for _ in range(rounds):
            wrong += await one_round(client, chance, counts)
    return counts.total(), wrong


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    counts = Counter[str]()
    with Lab(dual_stack=True) as lab:
        pairs, wrong = asyncio.run(compared(lab, rounds, seed, counts))
    print("\n".join(wrong))
    print("\n".join(f"{number:>5} {what}" for what, number in sorted(counts.items())))
    print(f"{pairs} pairs of policies and flows, {len(wrong)} disagreements (seed {seed})")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
