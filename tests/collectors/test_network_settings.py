"""How the cluster's network is configured: each CNI's own objects, odd ones, and those of the lab."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from collectors.cluster.api.connection import connect
from collectors.cluster.inventory import network_settings
from collectors.kernel import packet_filters


def config_map(**data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "data": data}


def test_flannel() -> None:
    net_conf = {
        "Network": "10.244.0.0/16",
        "Backend": {"Type": "vxlan", "DirectRouting": True, "MTU": 1400},
    }
    assert network_settings.flannel(config_map(**{"net-conf.json": json.dumps(net_conf)})) == {
        "Network": "10.244.0.0/16",
        "Backend.Type": "vxlan",
        "Backend.DirectRouting": "true",
        "Backend.MTU": "1400",
    }


def test_calico() -> None:
    pools = {
        "items": [
            {
                "metadata": {"name": "default-ipv4-ippool"},
                "spec": {
                    "cidr": "192.168.0.0/16",
                    "ipipMode": "CrossSubnet",
                    "vxlanMode": "Never",
                    "natOutgoing": True,
                },
            },
            {"metadata": {"name": "v6"}, "spec": {"cidr": "fd00::/64"}},
            "odd",
            {"metadata": None},
        ]
    }
    found = network_settings.ip_pools(pools)
    assert found["default-ipv4-ippool.ipipMode"] == "CrossSubnet"
    assert (found["default-ipv4-ippool.natOutgoing"], found["v6.cidr"]) == ("true", "fd00::/64")
    assert network_settings.calico(config_map(calico_backend="bird", veth_mtu="0", other="x")) == {
        "calico_backend": "bird",
        "veth_mtu": "0",
    }


def test_kube_proxy() -> None:
    text = 'mode: ""\nclusterCIDR: 10.244.0.0/16\niptables: {masqueradeAll: false, minSyncPeriod: 1s}\nipvs: null\n'
    assert network_settings.kube_proxy(config_map(**{"config.conf": text})) == {
        "mode": "iptables",
        "clusterCIDR": "10.244.0.0/16",
        "iptables.masqueradeAll": "false",
        "iptables.minSyncPeriod": "1s",
    }
    assert network_settings.kube_proxy(config_map(other="x")) == {}


# As cilium-dbg 1.16 prints it (Documentation/cmdref/cilium-dbg_status, and issues that quote it).
STATUS = """\
KVStore:                 Disabled
Kubernetes:              Ok         1.31 (v1.31.0) [linux/amd64]
KubeProxyReplacement:    True   [eth0   172.18.0.3 fc00:f853:ccd:e793::3 (Direct Routing)]
Cilium:                  Ok   1.16.1 (v1.16.1-68579055)
IPv4 BIG TCP:            Disabled
BandwidthManager:        EDT with BPF [CUBIC] [eth0]
Routing:                 Network: Tunnel [vxlan]   Host: Legacy
Masquerading:            IPTables [IPv4: Enabled, IPv6: Disabled]
Controller Status:       24/24 healthy
  Name                                  Last success   Last error   Count   Message
Cluster health:          2/2 reachable   (2024-09-03T09:00:00Z)
Metric                     Labels                        Value
cilium_bpf_map_pressure    map_name="ct4_global"         0.910000
cilium_bpf_map_pressure    map_name="snat_v4_external"   0.020000
"""


def test_what_an_agent_of_cilium_says() -> None:
    found = network_settings.cilium_status(STATUS)
    assert found["Routing"] == "Network: Tunnel [vxlan]   Host: Legacy"
    assert found["Masquerading"].startswith("IPTables")
    assert found["map pressure ct4_global"] == "0.910000"
    assert "Controller Status" not in found


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "data",
                    "items",
                    "spec",
                    "metadata",
                    "name",
                    "cidr",
                    "config.conf",
                    "net-conf.json",
                    "Backend",
                    "antrea-agent.conf",
                    "mode",
                    "iptables",
                )
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(("data", "items", "spec", "metadata")), anything),
    st.text(max_size=200),
)
def test_no_object_breaks_a_reader(item: dict[str, Any], text: str) -> None:
    for _, _, reader in network_settings.SOURCES:
        reader(item)
        reader(
            config_map(**{"net-conf.json": text, "config.conf": text, "antrea-agent.conf": text})
        )
    network_settings.cilium_status(text)
    packet_filters.parse(text)


def test_rules_of_backends() -> None:
    text = "iptables-legacy 3 0 10.00 10.01\niptables-nft 52000 5000 10.01 12.31\nnft x 0 1 2\nnft 12 4 1.0 1.0\nodd 1 2 3 4\n"
    legacy, nft, own = packet_filters.parse(text)
    assert (legacy.backend, legacy.rules, nft.services, round(nft.seconds, 2)) == (
        "iptables-legacy",
        3,
        5000,
        2.3,
    )
    assert own == ("nft", 12, 4, 0.0)


async def test_those_of_the_lab(lab: Any) -> None:
    cluster = await connect(str(lab.kubeconfig))
    try:
        rows, refused = await network_settings.read(cluster)
    finally:
        await cluster.close()
    found = {row.name: dict(row.values) for row in rows}
    assert not refused
    assert found["flannel"]["Backend.Type"] == "vxlan"
    assert found["kube-proxy"]["mode"] == "nftables"
