"""Cilium does not do what it was asked."""

from __future__ import annotations

import pytest

from collectors.findings import Finding
from tests.support.network_snapshots import (
    network_snapshot,
    settings,
)
from tests.support.rules import finder

evaluate = finder("cilium_fallback")


def test_cilium_does_not_do_what_it_was_asked() -> None:
    asked = settings(
        "cilium",
        **{
            "routing-mode": "native",
            "kube-proxy-replacement": "true",
            "enable-bpf-masquerade": "true",
        },
    )
    status = settings(
        "cilium status",
        Routing="Network: Tunnel [vxlan]   Host: BPF",
        KubeProxyReplacement="True   [eth0]",
        Masquerading="IPTables [IPv4: Enabled, IPv6: Disabled]",
    )
    found = list(evaluate(network_snapshot(asked, status)))
    assert {f.where for f in found} == {"Cilium routing-mode", "Cilium enable-bpf-masquerade"}
    assert not list(evaluate(network_snapshot(asked)))


def legacy(**asked: str) -> list[Finding]:
    names = {name.replace("_", "-"): value for name, value in asked.items()}
    row = settings("cilium", **{"enable-host-legacy-routing": "false", **names})
    status = settings("cilium status", Routing="Network: Tunnel [vxlan]   Host: Legacy")
    return evaluate(network_snapshot(row, status))


@pytest.mark.alike
def test_host_routing_by_ebpf_where_what_it_needs_was_not_asked_for() -> None:
    """Charts write `false` where nobody said anything, beside kube-proxy as well."""
    assert not legacy()
    assert not legacy(kube_proxy_replacement="false", enable_bpf_masquerade="true")
    assert not legacy(kube_proxy_replacement="true", enable_bpf_masquerade="false")
    (finding,) = legacy(kube_proxy_replacement="true", enable_bpf_masquerade="true")
    assert finding.where == "Cilium enable-host-legacy-routing"
