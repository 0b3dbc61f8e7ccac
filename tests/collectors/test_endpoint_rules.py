"""Each rule for EndpointSlices and Endpoints, and the nearest that is accepted."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused


def slice_of(text: str) -> dict[str, str]:
    return refused("discovery.k8s.io/v1", "EndpointSlice", text)


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("endpoints: []", "addressType", "is required"),
        ("addressType: IP", "addressType", "is none of"),
        ("addressType: IPv4\nendpoints: [{}]", "endpoints[0].addresses", "is required"),
        ("addressType: IPv4\nendpoints: [{addresses: ['fd00::1']}]",
         "endpoints[0].addresses[0]", "is of IPv6"),
        ("addressType: IPv6\nendpoints: [{addresses: [10.1.0.1]}]",
         "endpoints[0].addresses[0]", "is of IPv4"),
        ("addressType: IPv4\nendpoints: [{addresses: [169.254.1.1]}]",
         "endpoints[0].addresses[0]", "link-local"),
        ("addressType: FQDN\nendpoints: [{addresses: [db]}]",
         "endpoints[0].addresses[0]", "not a full DNS name"),
        ("addressType: IPv4\nendpoints: [{addresses: [10.1.0.1], hostname: ''}]",
         "endpoints[0].hostname", "not a DNS label"),
        ("addressType: IPv4\nendpoints: [{addresses: [10.1.0.1], nodeName: N_1}]",
         "endpoints[0].nodeName", "not a DNS name"),
        ("addressType: IPv4\nendpoints: [{addresses: [10.1.0.1], hints: {forZones: "
         "[{name: a}, {name: a}]}}]", "endpoints[0].hints.forZones[1].name", "there twice"),
        ("addressType: IPv4\nports: [{port: 80}, {port: 81}]", "ports[1].name", "an absent one"),
        ("addressType: IPv4\nports: [{protocol: ''}]", "ports[0].protocol", "is none of"),
        ("addressType: IPv4\nports: [{name: A}]", "ports[0].name", "not a DNS label"),
    ],
)  # fmt: skip
def test_what_a_slice_may_not_have(text: str, field: str, reason: str) -> None:
    found = slice_of(text)
    assert reason in found.get(field, ""), found


def test_a_slice_has_bounds() -> None:
    many = ", ".join(["10.1.0.1"] * 101)
    found = slice_of(f"addressType: IPv4\nendpoints: [{{addresses: [{many}]}}]")
    assert "more than 100 entries" in found["endpoints[0].addresses"]


@pytest.mark.parametrize(
    "text",
    [
        "addressType: IPv4",
        "addressType: IPv4\nendpoints: [{addresses: [010.1.0.01, '::ffff:10.1.0.2']}]",
        "addressType: FQDN\nendpoints: [{addresses: [db.example.com.]}]",
        "addressType: IPv4\nports: [{port: 70000}, {name: a}, {name: b, port: null}]",
    ],
)
def test_what_a_slice_may_have(text: str) -> None:
    assert slice_of(text) == {}


@pytest.mark.parametrize(
    ("subset", "field", "reason"),
    [
        ("ports: [{port: 80}]", "subsets[0]", "needs addresses or notReadyAddresses"),
        ("addresses: [{ip: 127.0.0.1}]", "subsets[0].addresses[0].ip", "loopback"),
        ("addresses: [{}]", "subsets[0].addresses[0].ip", "is required"),
        ("notReadyAddresses: [{ip: 10.1.0.1, nodeName: ''}]",
         "subsets[0].notReadyAddresses[0].nodeName", "not a DNS name"),
        ("addresses: [{ip: 10.1.0.1}], ports: [{port: 0}]", "subsets[0].ports[0].port", "between"),
        ("addresses: [{ip: 10.1.0.1}], ports: [{port: 1}, {port: 2, name: b}]",
         "subsets[0].ports[0].name", "is required"),
    ],
)  # fmt: skip
def test_what_endpoints_may_not_have(subset: str, field: str, reason: str) -> None:
    found = refused("v1", "Endpoints", f"subsets: [{{{subset}}}]")
    assert reason in found.get(field, ""), found


def test_what_endpoints_may_have() -> None:
    assert refused("v1", "Endpoints", "subsets: []") == {}
    ports = "ports: [{port: 80, name: a, protocol: ''}, {port: 80, name: a}]"
    text = f"subsets: [{{addresses: [{{ip: 10.1.0.1, hostname: ''}}], {ports}}}]"
    assert refused("v1", "Endpoints", text) == {}
