"""Cilium does not do what it was asked."""

from __future__ import annotations

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
