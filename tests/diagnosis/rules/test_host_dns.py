"""Pods on the host's network that ask for names of the cluster, and those that ask for none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import NetworkState, ServicePort, ServiceRow
from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from diagnosis.snapshot import TargetView
from tests.support.snapshots import API, NODE, POD, found, node, pod

BACKEND = ServiceRow("shop", "backend", ("10.96.0.9",), ("80/TCP",), "ClusterIP", API.labels)
DNS = ServiceRow(
    "kube-system",
    "kube-dns",
    ("10.96.0.10",),
    ("53/UDP",),
    "ClusterIP",
    targets=(ServicePort("dns", 53, "UDP", "53"),),
)
AGENT = replace(
    POD,
    name="agent-1",
    ip=NODE.address,
    host_network=True,
    dns_policy="ClusterFirst",
    workload="DaemonSet/agent",
    labels=(("app", "agent"),),
    asks=("shop/backend",),
)
PROXY = replace(
    AGENT, namespace="kube-system", name="kube-proxy-1", workload="DaemonSet/kube-proxy", asks=()
)
NAME = "backend.shop.svc.cluster.local"


def asked(**clients: tuple[str, ...]) -> DnsSummary:
    missing = {{"node": NODE.address, "pod": POD.ip}[who]: names for who, names in clients.items()}
    return DnsSummary(15.0, 20, 20, missing=missing, servers=("192.168.0.254",))


def finding(*pods: Any, targets: tuple[TargetView, ...] = ()) -> Finding | None:
    rows = {"pods": (POD, API, *pods), "services": (BACKEND, DNS)}
    return found(*targets, **rows).get("host_dns")


def test_by_its_configuration_alone() -> None:
    said = finding(AGENT)
    assert said and said.title.endswith("its node's resolver: backend.shop.svc does not resolve")
    assert (said.where, said.severity, said.confidence) == ("shop/agent-1", "warning", "likely")
    assert "patch daemonset agent" in said.fix and "ClusterFirstWithHostNet" in said.fix


def test_its_questions_make_it_certain() -> None:
    said = finding(AGENT, targets=(node(lookups=asked(node=(NAME,))),))
    assert said and (said.severity, said.confidence) == ("critical", "certain")
    assert (
        f"NXDOMAIN for {NAME}, of 192.168.0.254, asked by the node's own address"
        in said.evidence[-1].text
    )


def test_replicas_are_one() -> None:
    said = finding(AGENT, replace(AGENT, name="agent-2", node="n2"))
    assert said and said.title.endswith("(and 1 more of its workload)")


def test_by_questions_of_a_pod_that_names_nothing() -> None:
    """The cluster's own agents are on the host's network as well, and ask no such names."""
    said = finding(replace(AGENT, asks=()), PROXY, targets=(node(lookups=asked(node=(NAME,))),))
    assert said and (said.where, said.confidence) == ("shop/agent-1", "likely")


def test_which_of_two_pods_is_not_said() -> None:
    agents = (replace(AGENT, asks=()), replace(AGENT, name="other-1", asks=(), workload=""))
    said = finding(*agents, targets=(node(lookups=asked(node=(NAME,))),))
    assert said and (said.where, said.confidence) == ("n1", "possible")
    assert "one of shop/agent-1, shop/other-1" in said.title


def test_a_name_without_svc() -> None:
    said = finding(replace(AGENT, asks=()), targets=(node(lookups=asked(node=("backend.shop",))),))
    assert said is not None


# --- what looks alike and is healthy


@pytest.mark.alike
def test_agents_of_the_node_ask_no_names_of_the_cluster() -> None:
    questions = asked(node=("registry.example.org", "web.example", "a.b.c"))
    assert finding(PROXY, targets=(node(lookups=questions),)) is None


def test_with_the_clusters_resolver() -> None:
    own = replace(AGENT, dns_policy="ClusterFirstWithHostNet")
    assert finding(own, targets=(node(lookups=asked(node=(NAME,))),)) is None


def test_a_pod_of_its_own_network() -> None:
    assert finding(replace(POD, asks=("shop/backend",), dns_policy="ClusterFirst")) is None


@pytest.mark.alike
def test_a_node_whose_resolver_is_the_clusters() -> None:
    setup = NetworkState(100.0, "node/n1", nameservers=DNS.ips)
    assert finding(AGENT, targets=(node(network=setup),)) is None
    assert finding(AGENT, targets=(node(network=replace(setup, nameservers=("1.1.1.1",))),))


def test_a_server_that_names_itself() -> None:
    """A certificate's name, and the issuer of tokens (kube-apiserver)."""
    own = replace(BACKEND, selector=AGENT.labels)
    api = ServiceRow("default", "kubernetes", ("10.96.0.1",), ("443/TCP",), "ClusterIP")
    issuer = replace(AGENT, name="kube-apiserver", asks=("default/kubernetes",))
    assert "host_dns" not in found(pods=(AGENT,), services=(own, DNS))
    assert "host_dns" not in found(pods=(issuer,), services=(BACKEND, api, DNS))


def test_a_name_of_no_service() -> None:
    assert "host_dns" not in found(pods=(AGENT,), services=(DNS,))


def test_a_question_of_a_pod_that_leaves_as_the_nodes() -> None:
    """Masqueraded: the capture on the node has both."""
    questions = asked(node=(NAME,), pod=(NAME,))
    assert finding(replace(AGENT, asks=()), targets=(node(lookups=questions),)) is None


def test_a_pod_that_has_ended() -> None:
    assert finding(replace(AGENT, ended=True)) is None


def test_what_the_capture_of_the_pod_itself_saw() -> None:
    """It has the node's network."""
    view = replace(pod(lookups=asked(node=(NAME,))), pod=AGENT)
    said = finding(AGENT, targets=(view,))
    assert said and said.confidence == "certain"


def test_a_node_and_a_pod_on_its_network_are_one_place() -> None:
    view = replace(pod(lookups=asked(node=(NAME,))), pod=AGENT)
    said = finding(AGENT, targets=(view, node(lookups=asked(node=(NAME,)))))
    assert said and len([one for one in said.evidence if "NXDOMAIN" in one.text]) == 1
    assert said.evidence[-1].scope == "whole node n1"


def test_a_name_in_the_pod_s_hosts_file() -> None:
    """hostAliases hold on the host's network as well."""
    for alias in ("backend.shop.svc", "backend.shop", NAME):
        assert finding(replace(AGENT, host_aliases=((alias, "10.96.0.9"),))) is None
    assert finding(replace(AGENT, host_aliases=(("backend.shopping", "10.96.0.9"),))) is not None
