"""Each rule for pods and nodes, and the nearest that is accepted."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused


def pod(spec: str) -> dict[str, str]:
    return refused("v1", "Pod", f"spec: {{{spec}}}")


def container(ports: str, name: str = "c") -> str:
    return f"{{name: {name}, image: i, ports: [{ports}]}}"


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ("nodeName: a", "spec.containers", "is required"),
        ("containers: [{name: c}]", "spec.containers[0].image", "is required"),
        ("containers: [{image: i}]", "spec.containers[0].name", "is required"),
        ("containers: [{name: c, image: i}, {name: c, image: i}]",
         "spec.containers[1].name", "there twice"),
        ("containers: [{name: c, image: i}], initContainers: [{name: c, image: i}]",
         "spec.initContainers[0].name", "of another container"),
        (f"containers: [{container('{name: a}')}]",
         "spec.containers[0].ports[0].containerPort", "is required"),
        (f"containers: [{container('{name: a, containerPort: 1}, {name: a, containerPort: 2}')}]",
         "spec.containers[0].ports[1].name", "there twice"),
        (f"containers: [{container('{containerPort: 1, hostPort: 70000}')}]",
         "spec.containers[0].ports[0].hostPort", "between"),
        (f"containers: [{container('{containerPort: 1, hostPort: 9}')}, "
         f"{container('{containerPort: 2, hostPort: 9}', 'd')}]",
         "spec.containers[1].ports[0].hostPort", "9/TCP is there twice"),
        (f"hostNetwork: true, containers: [{container('{containerPort: 1, hostPort: 2}')}]",
         "spec.containers[0].ports[0].hostPort", "must be the containerPort (1)"),
        (f"hostNetwork: true, containers: [{container('{containerPort: 1}')}, "
         f"{container('{containerPort: 1}', 'd')}]",
         "spec.containers[1].ports[0].hostPort", "1/TCP is there twice"),
        ("containers: [{name: c, image: i}], restartPolicy: never", "spec.restartPolicy", "Never"),
        ("containers: [{name: c, image: i}], dnsPolicy: Host", "spec.dnsPolicy", "is none of"),
        ("containers: [{name: c, image: i}], subdomain: a.b", "spec.subdomain", "not a DNS label"),
    ],
)  # fmt: skip
def test_what_is_refused(spec: str, field: str, reason: str) -> None:
    found = pod(spec)
    assert reason in found.get(field, ""), found


@pytest.mark.parametrize(
    "spec",
    [
        "containers: [{name: c, image: i}]",
        f"containers: [{container('{containerPort: 80}, {containerPort: 80}')}]",
        f"containers: [{container('{containerPort: 80, hostPort: 0, protocol: null}')}]",
        f"containers: [{container('{containerPort: 80, hostPort: 80, hostIP: anything}')}]",
        f"containers: [{container('{containerPort: 80, hostPort: 9, hostIP: 192.0.2.1}')}, "
        f"{container('{containerPort: 81, hostPort: 9, hostIP: 192.0.2.2}', 'd')}]",
        "hostNetwork: true, containers: [{name: c, image: i}], "
        f"initContainers: [{container('{containerPort: 1, hostPort: 2}', 'd')}]",
        f"containers: [{container('{containerPort: 1, hostPort: 9}')}], "
        f"initContainers: [{container('{containerPort: 1, hostPort: 9}', 'd')}]",
    ],
)
def test_what_is_accepted(spec: str) -> None:
    assert pod(spec) == {}


def test_nodes() -> None:
    def node(text: str) -> dict[str, str]:
        return refused("v1", "Node", text)

    assert node("status: {addresses: [{type: InternalIP}, {type: InternalIP, address: x}]}") == {}
    assert node("spec: {podCIDRs: [10.1.0.0/24, 'fd00::/64']}") == {}
    assert "is not a CIDR" in node("spec: {podCIDRs: [10.1.0.0]}")["spec.podCIDRs[0]"]
    twice = node("spec: {podCIDRs: [10.1.0.0/24, 10.2.0.0/24]}")
    assert "more than one range" in twice["spec.podCIDRs"]
