"""Addresses that are no one end's, and nodes as ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from collectors.events import PodRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.masqueraded_sources import SeenSources
from diagnosis.reachability.written_ends import Unknown
from tests.support.reachability import ask, cluster_of_text, row_of

OBJECTS = """
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.244.1.0/24]}
status: {addresses: [{type: InternalIP, address: 192.168.5.1}, {type: InternalIP, address: "fd05::1"}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDRs: [10.244.2.0/24]}
status: {addresses: [{type: InternalIP, address: 192.168.5.2}, {type: ExternalIP, address: 198.51.100.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}], hostIP: 192.168.5.1}
---
apiVersion: v1
kind: Pod
metadata: {name: free, namespace: shop, labels: {app: free}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.6, podIPs: [{ip: 10.244.1.6}], hostIP: 192.168.5.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: n2, containers: [{name: c, image: i, ports: [{containerPort: 5432}]}]}
status: {phase: Running, podIP: 10.244.2.6, podIPs: [{ip: 10.244.2.6}], hostIP: 192.168.5.2}
---
apiVersion: v1
kind: Pod
metadata:
  name: agent
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: kube-router, uid: u, controller: true}]
spec: {nodeName: n2, hostNetwork: true, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 192.168.5.2, podIPs: [{ip: 192.168.5.2}], hostIP: 192.168.5.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}, {ipBlock: {cidr: 224.0.0.0/4}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 192.168.5.1/32}}]}]}
"""

# source, destination, port, verdict, what is said
CASES = [
    ("shop/free", "::ffff:10.244.2.6", "5432", "denied", "shop/in isolates shop/db"),
    ("::ffff:192.168.5.2", "shop/db", "5432", "allowed", "its own pods"),
    ("shop/free", "0.0.0.0", "80", "allowed", "it is loopback to the kernel"),
    ("shop/web", "::", "80", "allowed", "it is loopback to the kernel"),
    ("shop/free", "224.0.0.251", "5353", "denied", "TCP has no connections with a group"),
    ("shop/free", "224.0.0.251", "5353/UDP", "unknown", "whether the plugin forwards that"),
    ("shop/web", "239.1.1.1", "5353/UDP", "unknown", "whether the plugin forwards that"),
    ("shop/free", "ff02::fb", "80", "denied", "no address family in common"),
    ("shop/free", "255.255.255.255", "67/UDP", "unknown", "broadcast"),
    ("shop/web", "255.255.255.255", "67/UDP", "denied", "shop/out isolates"),
    ("shop/free", "169.254.169.254", "80", "allowed", "the metadata service of clouds"),
    ("shop/web", "169.254.169.254", "80", "denied", "shop/out isolates"),
    ("shop/free", "169.254.20.10", "53/UDP", "allowed", "only the node answers"),
    ("169.254.1.1", "shop/db", "5432", "unknown", "is link-local: it may be the node's own"),
    ("10.244.2.1", "shop/db", "5432", "unknown", "may be n2's own (a bridge's, a tunnel's)"),
    ("203.0.113.9", "shop/db", "5432", "denied", "shop/in isolates"),
    # nodes
    ("node/n2", "shop/db", "5432", "allowed", "a node may always reach its own pods"),
    ("node/n1", "shop/db", "5432", "unknown", "it may come from its tunnel's address, 10.244.1.0"),
    ("shop/free", "node/n1", "10250", "allowed", "no policy selects it"),
    ("shop/web", "node/n1", "10250", "denied", "egress to node/n1:10250/TCP"),
    ("shop/web", "no/n2", "10250", "unknown", "depends on which address of n2 is used"),
    ("shop/web", "198.51.100.2", "10250", "allowed", "rule 0 of shop/out"),
    ("shop/web", "192.168.5.2", "10250", "denied", "shop/out isolates"),
]  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterState:
    return cluster_of_text(tmp_path, OBJECTS)


@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]} {c[1]} {c[2]}" for c in CASES])
def test_the_verdict_and_its_reason(
    cluster: ClusterState, case: tuple[str, str, str, str, str]
) -> None:
    source, destination, port, verdict, said = case
    answer = ask(cluster, source, destination, port)
    text = "\n".join(f"{step.what}: {step.reason}" for step in answer.path)
    assert answer.verdict == verdict, text
    assert said in text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("127.0.0.1", "name the pod or the node"),
        ("localhost", "name the pod or the node"),
        ("::1", "loopback"),
        ("0.0.0.0", "no address of any host"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("::ffff:127.0.0.1", "loopback"),
    ],
)
def test_no_connection_comes_from_there(cluster: ClusterState, source: str, said: str) -> None:
    with pytest.raises(Unknown, match=said):
        ask(cluster, source, "shop/db", "5432")


def test_a_node_that_is_not_there(cluster: ClusterState) -> None:
    with pytest.raises(Unknown, match="There is no node 'n9'; known: n1, n2"):
        ask(cluster, "shop/web", "node/n9", "10250")
    with pytest.raises(Unknown, match="no named ports"):
        ask(cluster, "shop/web", "node/n1", "http")


def test_an_address_with_a_zone_is_that_address(cluster: ClusterState) -> None:
    assert row_of(cluster, "fe80::1%eth0") == "fe80::1"
    found = row_of(cluster, "::ffff:10.244.1.5")
    assert isinstance(found, PodRow) and found.name == "web"


# --- hostPort and hostIP

HOST_PORT = """
apiVersion: v1
kind: Pod
metadata: {name: ing, namespace: shop, labels: {app: ing}}
spec:
  nodeName: n1
  containers:
  - {name: c, image: i, ports: [{containerPort: 8443, hostPort: 443HOSTIP}]}
status: {phase: Running, podIP: 10.244.1.9, podIPs: [{ip: 10.244.1.9}], hostIP: 192.168.5.1}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: shop}
spec: {podSelector: {matchLabels: {app: ing}}, policyTypes: [Ingress]}
"""


@pytest.mark.parametrize(
    ("host_ip", "source", "address", "verdict", "said"),
    [
        ("", "203.0.113.9", "192.168.5.1", "denied", "shop/none isolates shop/ing"),
        ("", "203.0.113.9", "192.168.5.2", "allowed", "it is on the host's network"),
        ("", "shop/agent", "127.0.0.1", "allowed", "loopback is never policed"),
        ("127.0.0.1", "203.0.113.9", "192.168.5.1", "denied", "bound to that hostIP alone"),
        ("127.0.0.1", "shop/free", "node/n1", "denied", "shop/ing (127.0.0.1)"),
        ("192.168.5.1", "203.0.113.9", "192.168.5.1", "denied", "shop/none isolates"),
        ("198.51.100.9", "203.0.113.9", "192.168.5.1", "denied", "bound to that hostIP alone"),
        ("0.0.0.0", "203.0.113.9", "192.168.5.1", "denied", "shop/none isolates"),
        ("0.0.0.0", "2001:db8::9", "fd05::1", "denied", "bound to that hostIP alone"),
        ("::", "203.0.113.9", "192.168.5.1", "denied", "bound to that hostIP alone"),
    ],
)
def test_a_host_port_is_of_its_host_ip(
    tmp_path: Path, host_ip: str, source: str, address: str, verdict: str, said: str
) -> None:
    field = f', hostIP: "{host_ip}"' if host_ip else ""
    known = cluster_of_text(tmp_path, OBJECTS, HOST_PORT.replace("HOSTIP", field))
    answer = ask(known, source, address, "443")
    text = "\n".join(f"{step.what}: {step.reason}" for step in answer.path)
    assert (answer.verdict, said in text) == (verdict, True), text


def test_a_process_of_the_node_may_have_the_port_beside_a_host_ip(tmp_path: Path) -> None:
    agent = """
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop}
spec: {nodeName: n1, hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 443}]}]}
status: {phase: Running, podIP: 192.168.5.1, podIPs: [{ip: 192.168.5.1}], hostIP: 192.168.5.1}
"""
    text = HOST_PORT.replace("HOSTIP", ', hostIP: "127.0.0.1"')
    known = cluster_of_text(tmp_path, OBJECTS, text, agent)
    assert ask(known, "203.0.113.9", "192.168.5.1", "443").verdict == "allowed"


@pytest.mark.parametrize("source", ["node/n1", "shop/local"])
def test_the_nodes_loopback_leads_to_a_host_port(tmp_path: Path, source: str) -> None:
    local = """
apiVersion: v1
kind: Pod
metadata: {name: local, namespace: shop}
spec: {nodeName: n1, hostNetwork: true, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 192.168.5.1, podIPs: [{ip: 192.168.5.1}], hostIP: 192.168.5.1}
"""
    text = HOST_PORT.replace("HOSTIP", ', hostIP: "127.0.0.1"')
    known = cluster_of_text(tmp_path, OBJECTS, text, local)
    answer = ask(known, source, "127.0.0.1", "443")
    assert answer.allowed and "hostPort of shop/ing" in answer.path[0].reason
    assert "loopback" in ask(known, source, "127.0.0.1", "444").path[0].reason


DUAL_HOST_PORT = """
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: shop, labels: {app: two}}
spec:
  nodeName: n1
  containers: [{name: c, image: i, ports: [{containerPort: 8080, hostPort: 81}]}]
status: {phase: Running, podIP: 10.244.1.20, podIPs: [{ip: 10.244.1.20}, {ip: "fd00::20"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: both, namespace: shop, labels: {app: both}}
spec: {nodeName: n2, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.2.21, podIPs: [{ip: 10.244.2.21}, {ip: "fd00::21"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: four, namespace: shop}
spec: {podSelector: {matchLabels: {app: two}}, ingress: [{from: [{ipBlock: {cidr: 10.244.2.0/24}}]}]}
"""


@pytest.mark.parametrize(("address", "allowed"), [("192.168.5.1", True), ("fd05::1", False)])
def test_a_host_port_is_of_the_family_that_was_asked(
    tmp_path: Path, address: str, allowed: bool
) -> None:
    """Seen with real packets: the pod behind it sees a client's address of the same family."""
    known = cluster_of_text(tmp_path, OBJECTS, DUAL_HOST_PORT)
    policies = replace(known.policies, seen=SeenSources(within=True))
    known = replace(known, policies=policies)
    assert ask(known, "shop/both", address, "81").allowed is allowed
