"""Which end policies see behind a node that masquerades: the client or the node, by network plugin."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from collectors.events import NodeRow, PodRow, PolicyRow, ServicePort, ServiceRow, SettingsRow
from diagnosis.reachability import path
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.masqueraded_sources import EARLY, SeenSources, seen_sources

WEB = PodRow(
    "shop", "web", "u1", "n1", "10.0.1.9", "Running", "1/1", 0, 0.0, labels=(("app", "web"),)
)
SERVICE = ServiceRow(
    "shop",
    "web",
    ("10.96.0.9",),
    ("80/TCP",),
    "NodePort",
    (("app", "web"),),
    (ServicePort("", 80, "TCP", "80", 30080),),
)
NODES = tuple(
    NodeRow(f"n{n}", f"192.168.0.{n}", "", ready=True, os="linux", arch="amd64") for n in (1, 2)
)
CLIENT, NODE = "203.0.113.0/24", "192.168.0.0/24"
CALICO = (SettingsRow("calico", "c", (("calico_backend", "bird"),)),)
ANTREA = (SettingsRow("antrea", "c", (("trafficEncapMode", "encap"),)),)
PROXY = (SettingsRow("kube-proxy", "c", (("mode", "iptables"),)),)
NO_NAT = (SettingsRow("calico ippools", "c", (("a.cidr", "10.0.0.0/16"),)),)
NAT = (SettingsRow("calico ippools", "c", (("a.natOutgoing", "true"),)),)
EBPF = (SettingsRow("calico felix", "c", (("bpfEnabled", "true"),)),)


def cilium(**values: str) -> tuple[SettingsRow, ...]:
    named = tuple((key.replace("_", "-"), value) for key, value in values.items())
    return (SettingsRow("cilium", "c", named),)


@pytest.mark.parametrize(
    ("settings", "plugin", "seen"),
    [
        ((), "", SeenSources("either", "node")),
        ((*CALICO, *PROXY), "calico", SeenSources("client", "node")),
        (
            (*CALICO, *PROXY, *NO_NAT),
            "calico",
            SeenSources("client", "node", within=True),
        ),
        ((*CALICO, *PROXY, *NAT), "calico", SeenSources("client", "node")),
        ((*CALICO, *EBPF), "calico", SeenSources("client", "client")),
        (CALICO, "calico", SeenSources("client", "either")),
        (
            cilium(mtu="1450"),
            "cilium",
            SeenSources("either", "either", early=EARLY, early_here=EARLY, within=True),
        ),
        (
            cilium(kube_proxy_replacement="false"),
            "cilium",
            SeenSources("node", "node", early_here=EARLY, within=True),
        ),
        (
            cilium(kube_proxy_replacement="true"),
            "cilium",
            SeenSources(
                "client", "node", replaces_proxy=True, early=EARLY, early_here=EARLY, within=True
            ),
        ),
        (
            cilium(kube_proxy_replacement="true", bpf_lb_mode="dsr"),
            "cilium",
            SeenSources(
                "client", "client", replaces_proxy=True, early=EARLY, early_here=EARLY, within=True
            ),
        ),
        (
            cilium(kube_proxy_replacement="true", bpf_lb_mode="hybrid"),
            "cilium",
            SeenSources(
                "client", "either", replaces_proxy=True, early=EARLY, early_here=EARLY, within=True
            ),
        ),
    ],
)
def test_which_end_policies_see(
    settings: tuple[SettingsRow, ...], plugin: str, seen: SeenSources
) -> None:
    assert seen_sources(settings, plugin) == seen


@pytest.mark.parametrize(
    ("settings", "node", "admitted", "verdict"),
    [
        ((), 1, "192.0.2.0/24", "unknown"),
        ((), 1, CLIENT, "allowed"),
        ((), 1, NODE, "unknown"),
        ((), 2, CLIENT, "denied"),
        ((), 2, NODE, "unknown"),
        (ANTREA, 2, NODE, "allowed"),
        ((*CALICO, *PROXY), 1, CLIENT, "allowed"),
        ((*CALICO, *PROXY), 1, NODE, "denied"),
        ((*CALICO, *PROXY), 2, NODE, "allowed"),
        ((*CALICO, *EBPF), 2, NODE, "denied"),
        (cilium(kube_proxy_replacement="false"), 1, "192.0.2.0/24", "allowed"),
        (cilium(kube_proxy_replacement="true"), 1, "192.0.2.0/24", "denied"),
    ],
)
def test_from_outside_by_a_node_port(
    settings: tuple[SettingsRow, ...], node: int, admitted: str, verdict: str
) -> None:
    spec = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": admitted}}]}]}
    rows = {
        "pods": (WEB,),
        "services": (SERVICE,),
        "nodes": NODES,
        "networkpolicies": (PolicyRow("shop", "p", json.dumps(spec)),),
        "networking": settings,
    }
    cluster = ClusterState.of(rows)
    address = f"192.168.0.{node}"
    answer = path.ask(cluster, "203.0.113.9", address, port="30080", protocol="TCP")
    assert answer.verdict == verdict, answer.path


def test_local_keeps_the_client() -> None:
    spec = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": NODE}}]}]}
    rows = {
        "pods": (WEB,),
        "services": (replace(SERVICE, external_policy="Local"),),
        "nodes": NODES,
        "networkpolicies": (PolicyRow("shop", "p", json.dumps(spec)),),
    }
    cluster = ClusterState.of(rows)
    answer = path.ask(cluster, "203.0.113.9", "192.168.0.1", port="30080", protocol="TCP")
    assert answer.verdict == "denied"
