"""NetworkPolicies of the lab, checked by real packets: for each policy, which pod may reach which, and who may not."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from lab.families import FAMILIES
from lab.policy import Pod, _without, rules
from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of

NETPOL = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
FRONTEND, SEARCH, IDLE = "shop/frontend@node1", "shop/search", "base/idle"
# direct address of the backend on the other node, on the same node, and the Service
TO = {
    "far": "{shop/backend@node2}:8080",
    "near": "{shop/backend@node1}:8080",
    "service": "10.96.181.95:80",
}

# policy of the namespace shop: (from, to) that must still work; all others must not
CASES: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "deny all ingress": ("{podSelector: {}, policyTypes: [Ingress]}", set()),
    "one app": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{podSelector: {matchLabels: {app: frontend}}}]}]}",
        {(FRONTEND, to) for to in TO},
    ),
    "same namespace": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{podSelector: {}}]}]}",
        {(who, to) for who in (FRONTEND, SEARCH) for to in TO},
    ),
    "another namespace by its name label": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{namespaceSelector: {matchLabels: "
        "{kubernetes.io/metadata.name: base}}}]}]}",
        {(IDLE, to) for to in TO},
    ),
    "both selectors in one peer": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{namespaceSelector: {}, podSelector: "
        "{matchExpressions: [{key: app, operator: In, values: [search, other]}]}}]}]}",
        {(SEARCH, to) for to in TO},
    ),
    "the port after translation": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{ports: [{port: 8080}]}]}",
        {(who, to) for who in (FRONTEND, SEARCH, IDLE) for to in TO},
    ),
    "the Service's port is not the pod's": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{ports: [{port: 80}]}]}",
        set(),
    ),
    "a range of ports": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{ports: [{port: 8000, endPort: 8100}]}]}",
        {(who, to) for who in (FRONTEND, SEARCH, IDLE) for to in TO},
    ),
    "another protocol": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{ports: [{port: 8080, protocol: UDP}]}]}",
        set(),
    ),
    "a block with an exception": (
        "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16, except: "
        "[10.244.2.0/24]}}]}]}",
        {(who, to) for who in (FRONTEND, IDLE) for to in TO},  # those on node1
    ),
    "egress of the client": (
        "{podSelector: {matchLabels: {app: frontend}}, policyTypes: [Egress], egress: [{to: [{podSelector: "
        "{matchLabels: {app: backend}}}], ports: [{port: 8080}]}]}",
        {(who, to) for who in (FRONTEND, SEARCH, IDLE) for to in TO},
    ),
    "egress to nobody": (
        "{podSelector: {matchLabels: {app: frontend}}, policyTypes: [Egress]}",
        {(who, to) for who in (SEARCH, IDLE) for to in TO},
    ),
}


@pytest.fixture
async def client(own_lab: Lab) -> AsyncIterator[Client]:
    async with client_of(own_lab) as made:
        yield made


async def reached_in_the_end(client: Client, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is reached once the lab has applied its rules; as it is after 5 s where it never is as
    wanted."""
    for _ in range(10):
        await asyncio.sleep(0.3)
        if (found := await reached(client)) == wanted:
            break
    return found


async def reached(client: Client) -> set[tuple[str, str]]:
    """Which pod gets an answer from which, by TCP connects in the pods."""

    async def one(who: str, to: str) -> tuple[str, str] | None:
        host, _, port = TO[to].rpartition(":")
        return (who, to) if (await client.probe(who, "tcp", host, port, "1")) == "ok 1/1" else None

    every = itertools.product((FRONTEND, SEARCH, IDLE), TO)
    return {pair for pair in await asyncio.gather(*(one(who, to) for who, to in every)) if pair}


@pytest.mark.parametrize("name", CASES)
async def test_a_policy_by_real_packets(client: Client, name: str) -> None:
    text, allowed = CASES[name]
    body = {"metadata": {"name": "under-test"}, "spec": yaml.safe_load(text)}
    status, answer = await client.call("POST", NETPOL, body)
    assert status == 201, answer
    try:
        assert await reached_in_the_end(client, allowed) == allowed
    finally:
        await client.call("DELETE", f"{NETPOL}/under-test")
    everything = {(who, to) for who in (FRONTEND, SEARCH, IDLE) for to in TO}
    assert await reached_in_the_end(client, everything) == everything, "all is open again"


async def test_two_policies_add_up_and_a_new_pod_is_covered(client: Client) -> None:
    specs = {
        "for-search": {
            "podSelector": {},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "search"}}}]}],
        },
        "for-frontend": {
            "podSelector": {},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "frontend"}}}]}],
        },
    }
    for name, spec in specs.items():
        await client.call("POST", NETPOL, {"metadata": {"name": name}, "spec": spec})
    await asyncio.sleep(0.3)
    assert await reached(client) == {(who, to) for who in (FRONTEND, SEARCH) for to in TO}
    pod = (await client.pod("shop", "search"))["metadata"]["name"]
    await client.call("DELETE", f"/api/v1/namespaces/shop/pods/{pod}")
    await asyncio.sleep(2.5)
    assert await client.probe(SEARCH, "tcp", "{shop/backend@node1}", "8080", "2") == "ok 2/2", (
        "its new address is known"
    )
    for name in specs:
        await client.call("DELETE", f"{NETPOL}/{name}")


# --- rules as text: nft accepts whatever policies and pods there are

labels = st.dictionaries(
    st.sampled_from(["app", "team", "env"]), st.sampled_from(["a", "b", "c"]), max_size=2
)
selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": labels,
        "matchExpressions": st.lists(
            st.fixed_dictionaries(
                {
                    "key": st.sampled_from(["app", "team"]),
                    "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
                },
                optional={"values": st.lists(st.sampled_from(["a", "b"]), max_size=2)},
            ),
            max_size=2,
        ),
    },
)
blocks = st.builds(
    lambda a, b, size: {
        "cidr": f"{a}.{b}.0.0/{size}",
        "except": [f"{a}.{b}.0.0/{min(32, size + 3)}"],
    },
    st.integers(1, 200),
    st.integers(0, 255),
    st.integers(0, 32),
)
peers = st.one_of(
    st.builds(lambda s: {"podSelector": s}, selectors),
    st.builds(lambda s, n: {"podSelector": s, "namespaceSelector": n}, selectors, selectors),
    st.builds(lambda b: {"ipBlock": b}, blocks),
)
ports = st.fixed_dictionaries(
    {"protocol": st.sampled_from(["TCP", "UDP", "SCTP"])},
    optional={"port": st.one_of(st.integers(1, 65000), st.sampled_from(["http", "none"]))},
)
rule = st.fixed_dictionaries({}, optional={"ports": st.lists(ports, max_size=3)})


def policy(selector: Any, ingress: Any, egress: Any, peer_list: Any) -> Any:
    return {
        "metadata": {"name": "p", "namespace": "n1"},
        "spec": {
            "podSelector": selector,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{**r, "from": peer_list} for r in ingress],
            "egress": [{**r, "to": peer_list} for r in egress],
        },
    }


policies = st.builds(
    policy,
    selectors,
    st.lists(rule, max_size=2),
    st.lists(rule, max_size=2),
    st.lists(peers, max_size=3),
)
pods = st.lists(
    st.builds(
        lambda host, own, where: Pod(
            where,
            f"p{host}",
            (f"10.244.1.{host}", f"fd00:244:1::{host:x}"),
            "node1",
            own,
            {"team": where},
            (("http", "TCP", 8080),),
        ),
        st.integers(2, 250),
        labels,
        st.sampled_from(["n1", "n2"]),
    ),
    unique_by=lambda p: p.addresses,
    max_size=6,
)


@given(pods, st.lists(policies, max_size=3))
@settings(max_examples=25, deadline=None)
def test_nft_accepts_the_rules_of_any_policy(found: list[Pod], wanted: list[Any]) -> None:
    script = "".join(rules("node1", found, wanted, family) for family in FAMILIES)
    done = subprocess.run(
        ["nft", "-c", "-f", "-"], input=script, capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("NO NFT HERE: checking rules needs CAP_NET_ADMIN")
    assert done.returncode == 0, f"{done.stderr}\n{script}"


@given(blocks)
def test_a_block_less_its_exception(block: Any) -> None:
    import ipaddress

    whole, hole = (
        ipaddress.ip_network(block["cidr"], strict=False),
        ipaddress.ip_network(block["except"][0], strict=False),
    )
    left = [ipaddress.ip_network(b) for b in _without(block["cidr"], block["except"])]
    covered = hole.num_addresses if hole.subnet_of(whole) else whole.num_addresses  # type: ignore[arg-type]
    assert sum(b.num_addresses for b in left) == whole.num_addresses - covered
    assert not any(b.overlaps(hole) for b in left)
