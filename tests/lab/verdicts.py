"""Verdicts against real packets: random NetworkPolicies in the lab, whose nodes enforce them with nftables, and TCP connects
between its pods, and from them to a node port. python -m tests.lab.verdicts [ROUNDS] prints every pair on which the two
disagree."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from typing import Any

from collectors.cluster.inventory.row_builders import KINDS, built
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.path import ask
from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of

SOURCES = (
    "shop/frontend@node1",
    "shop/frontend@node2",
    "shop/search",
    "shop/checkout",
    "base/idle",
)
TARGETS = ("shop/backend@node1", "shop/backend@node2", "shop/catalog@node2")
PORT, NODE_PORT = 8080, 30080
ROUNDS = 16  # of 15 pairs each, and 10 by node ports
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
    app = chance.choice(["backend", "catalog", "frontend", "search", "checkout", "nobody"])
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


def pod_of(known: ClusterState, who: str) -> Any:
    name, _, node = who.partition("@")
    namespace, _, app = name.partition("/")
    return next(
        p
        for p in known.pods
        if p.namespace == namespace
        and (dict(p.labels).get("app") == app or p.name == app)
        and (not node or p.node == node)
    )


async def one_round(client: Client, chance: random.Random) -> list[str]:
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
        pairs = list(itertools.product(SOURCES, TARGETS))
        seen = await asyncio.gather(
            *(client.probe(a, "tcp", f"{{{b}}}", str(PORT), "1") for a, b in pairs)
        )
        by_nodes = [(a, node.address) for a in SOURCES for node in known.nodes]
        answers = await asyncio.gather(
            *(client.probe(a, "tcp", ip, str(NODE_PORT), "1") for a, ip in by_nodes)
        )
    finally:
        for path, body in made:
            await client.call("DELETE", f"{path}/{body['metadata']['name']}")
    wrong = []
    for (a, ip), said in zip(by_nodes, answers, strict=True):
        said_path = ask(known, pod_of(known, a), ip, port=str(NODE_PORT), protocol="TCP")
        if (
            said_path.verdict != "unknown"
            and not said_path.partly
            and said_path.allowed != said.startswith("ok")
        ):  # of several endpoints one is asked
            wrong.append(
                f"{a} → {ip}:{NODE_PORT}: podwire says {said_path.verdict} ({said_path.path}), the packets {said}"
            )
    for (a, b), said in zip(pairs, seen, strict=True):
        parties = known.party(pod_of(known, a)), known.party(pod_of(known, b))
        verdict = known.policies.verdict(*parties, PORT, "TCP")
        if verdict.allowed != said.startswith("ok"):
            specs = json.dumps([body["spec"] for _, body in made])
            wrong.append(
                f"{a} → {b}: podwire says {verdict.allowed} ({verdict.decided_by.reason}), the packets {said}: {specs}"
            )
    await asyncio.sleep(STABLE_S / 2)
    return wrong


async def compared(lab: Lab, rounds: int, seed: int) -> tuple[int, list[str]]:
    """(pairs compared, disagreements)."""
    chance, wrong = random.Random(seed), []
    async with client_of(lab) as client:
        for _ in range(rounds):
            wrong += await one_round(client, chance)
    return rounds * len(SOURCES) * (len(TARGETS) + 2), wrong


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with Lab() as lab:
        pairs, wrong = asyncio.run(compared(lab, rounds, random.randrange(1 << 30)))
    print("\n".join(wrong))
    print(f"{pairs} pairs of policies and flows, {len(wrong)} disagreements")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
