"""Each rule of pkg/apis/core/validation for Services, and the nearest that is accepted."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused

PORT = "ports: [{port: 80}]"
RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def service(spec: str) -> dict[str, str]:
    return refused("v1", "Service", f"spec: {{{spec}}}")


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ("type: Headless, " + PORT, "spec.type", "is none of"),
        ("ports: []", "spec.ports", "is required"),
        ("type: NodePort", "spec.ports", "is required"),
        ("ports: [{name: a}]", "spec.ports[0].port", "is required"),
        ("ports: [{port: 0}]", "spec.ports[0].port", "between 1 and 65535"),
        ("ports: [{port: 80, protocol: HTTP}]", "spec.ports[0].protocol", "is none of"),
        ("ports: [{port: 80, targetPort: Web}]", "spec.ports[0].targetPort", "not a port name"),
        ("ports: [{port: 80, appProtocol: 'a b'}]", "spec.ports[0].appProtocol", "key"),
        ("ports: [{port: 80, name: A}]", "spec.ports[0].name", "not a DNS label"),
        ("ports: [{port: 80}, {port: 81, name: b}]", "spec.ports[0].name", "is required"),
        ("ports: [{port: 80, name: a}, {port: 81, name: a}]", "spec.ports[1].name", "there twice"),
        ("ports: [{port: 80, name: a}, {port: 80, name: b}]", "spec.ports[1].port", "80/TCP"),
        ("ports: [{port: 80, nodePort: 30080}]", "spec.ports[0].nodePort", "NodePort or"),
        ("clusterIP: None, ports: [{port: 80, nodePort: 30080}]", "spec.ports[0].nodePort", "type"),
        ("type: NodePort, ports: [{port: 80, nodePort: -1}]", "spec.ports[0].nodePort", "between"),
        ("type: NodePort, ports: [{port: 80, name: a, nodePort: 30080}, "
         "{port: 81, name: b, nodePort: 30080}]", "spec.ports[1].nodePort", "30080/TCP"),
        ("clusterIP: 10.96.0.300, " + PORT, "spec.clusterIP", "is not an IP address"),
        ("clusterIPs: [10.96.0.3], " + PORT, "spec.clusterIPs", "must be absent"),
        ("clusterIP: 10.96.0.3, clusterIPs: [10.96.0.4], " + PORT, "spec.clusterIPs[0]", "clusterIP"),
        ("clusterIP: 10.96.0.3, clusterIPs: [10.96.0.3, 10.96.0.4], " + PORT,
         "spec.clusterIPs[1]", "is of IPv4, as another"),
        ("clusterIP: 10.96.0.3, clusterIPs: [10.96.0.3, 'fd00::1', 'fd00::2'], " + PORT,
         "spec.clusterIPs", "more than two"),
        ("clusterIP: None, clusterIPs: [None, 10.96.0.4], " + PORT, "spec.clusterIPs", "only value"),
        ("clusterIP: None, type: NodePort, " + PORT, "spec.clusterIP", "type NodePort"),
        ("clusterIP: None, type: LoadBalancer, " + PORT, "spec.clusterIP", "type LoadBalancer"),
        ("ipFamilies: [IPv5], " + PORT, "spec.ipFamilies[0]", "is none of"),
        ("ipFamilies: [IPv4, IPv4], " + PORT, "spec.ipFamilies[1]", "there twice"),
        ("ipFamilyPolicy: Dual, " + PORT, "spec.ipFamilyPolicy", "is none of"),
        ("ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6], " + PORT,
         "spec.ipFamilyPolicy", "where ipFamilies holds two"),
        ("clusterIP: 'fd00::1', ipFamilies: [IPv4], " + PORT, "spec.clusterIP", "is of IPv6"),
        ("type: ExternalName", "spec.externalName", "is required"),
        ("type: ExternalName, externalName: A_b", "spec.externalName", "not a DNS name"),
        ("type: ExternalName, externalName: a.b, clusterIP: None", "spec.clusterIP", "may not be"),
        ("type: ExternalName, externalName: a.b, ipFamilies: [IPv4]", "spec.ipFamilies", "may not"),
        ("externalIPs: [127.0.0.1], " + PORT, "spec.externalIPs[0]", "loopback range"),
        ("externalIPs: [224.0.0.9], " + PORT, "spec.externalIPs[0]", "link-local multicast"),
        ("externalIPs: ['fe80::1'], " + PORT, "spec.externalIPs[0]", "link-local range"),
        ("externalIPs: [0.0.0.0], " + PORT, "spec.externalIPs[0]", "not an address that"),
        ("externalTrafficPolicy: Local, " + PORT, "spec.externalTrafficPolicy", "from outside"),
        ("type: NodePort, externalTrafficPolicy: local, " + PORT,
         "spec.externalTrafficPolicy", "perhaps Local"),
        ("internalTrafficPolicy: '', " + PORT, "spec.internalTrafficPolicy", "is none of"),
        ("trafficDistribution: Near, " + PORT, "spec.trafficDistribution", "is none of"),
        ("sessionAffinity: Cookie, " + PORT, "spec.sessionAffinity", "is none of"),
        ("sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 90000}}, "
         + PORT, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", "86400"),
        ("loadBalancerSourceRanges: [10.0.0.0/8], " + PORT, "spec.loadBalancerSourceRanges", "type"),
        ("type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.1], " + PORT,
         "spec.loadBalancerSourceRanges[0]", "is not a CIDR"),
        ("loadBalancerClass: a/b, " + PORT, "spec.loadBalancerClass", "LoadBalancer"),
        ("type: LoadBalancer, loadBalancerClass: 'a b', " + PORT, "spec.loadBalancerClass", "key"),
        ("allocateLoadBalancerNodePorts: false, " + PORT,
         "spec.allocateLoadBalancerNodePorts", "LoadBalancer"),
        ("type: LoadBalancer, healthCheckNodePort: 30000, " + PORT,
         "spec.healthCheckNodePort", "Local"),
        ("selector: {'a b': c}, " + PORT, "spec.selector[a b]", "not a label key"),
    ],
)  # fmt: skip
def test_what_is_refused(spec: str, field: str, reason: str) -> None:
    found = service(spec)
    assert reason in found.get(field, ""), found


@pytest.mark.parametrize(
    "spec",
    [
        PORT,
        "clusterIP: None",
        "clusterIP: None, type: ClusterIP, clusterIPs: [None], ipFamilies: [IPv4, IPv6], "
        "ipFamilyPolicy: RequireDualStack",
        "clusterIP: '', type: '', sessionAffinity: '', externalTrafficPolicy: '', " + PORT,
        "ports: [{port: 80, name: a}, {port: 80, name: b, protocol: UDP}]",
        "ports: [{port: 80, targetPort: 0, nodePort: 0, protocol: ''}]",
        "ports: [{port: 80, targetPort: '', appProtocol: kubernetes.io/h2c}]",
        "type: NodePort, ports: [{port: 80, nodePort: 30080, name: a}, "
        "{port: 81, nodePort: 30080, name: b, protocol: UDP}]",
        "clusterIP: 010.096.0.01, " + PORT,
        "clusterIP: 10.96.0.3, clusterIPs: [10.96.0.3, 'fd00::1'], ipFamilies: [IPv4, IPv6], "
        "ipFamilyPolicy: PreferDualStack, " + PORT,
        "type: ExternalName, externalName: db.example.com., clusterIP: ''",
        "type: ExternalName, externalName: 192.0.2.1",
        "externalName: unused.example, " + PORT,
        "externalIPs: [192.0.2.1, 224.0.1.9], externalTrafficPolicy: Local, " + PORT,
        "sessionAffinityConfig: {clientIP: {timeoutSeconds: 90000}}, " + PORT,
        "sessionAffinity: ClientIP, " + PORT,
        "type: LoadBalancer, loadBalancerSourceRanges: [' 10.0.0.0/8 ', 192.168.001.0/024], "
        + PORT,
        "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30000, " + PORT,
        "type: LoadBalancer, loadBalancerClass: example.com/lb, allocateLoadBalancerNodePorts: "
        "false, loadBalancerIP: anything, " + PORT,
        "internalTrafficPolicy: Local, trafficDistribution: PreferSameZone, " + PORT,
    ],
)
def test_what_is_accepted(spec: str) -> None:
    assert service(spec) == {}


def test_names_begin_with_a_letter() -> None:
    for name, reason in (("1a", "begin with a letter"), ("a.b", "not a DNS label"), ("A", "DNS")):
        found = refused("v1", "Service", f"metadata: {{name: {name}}}\nspec: {{{PORT}}}")
        assert reason in found["metadata.name"]


def test_ranges_in_the_annotation() -> None:
    def said(kind: str, ranges: str) -> dict[str, str]:
        metadata = f"metadata: {{name: a, annotations: {{{RANGES}: '{ranges}'}}}}"
        return refused("v1", "Service", f"{metadata}\nspec: {{type: {kind}, {PORT}}}")

    field = f"metadata.annotations[{RANGES}]"
    assert said("LoadBalancer", "10.0.0.0/8, 192.0.2.0/24") == {}
    assert said("LoadBalancer", " ") == {}
    assert "is not a CIDR" in said("LoadBalancer", "10.0.0.0/8,10.0.0.1")[field]
    assert "needs the type LoadBalancer" in said("ClusterIP", "10.0.0.0/8")[field]
