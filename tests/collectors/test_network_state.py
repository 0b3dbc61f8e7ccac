"""How a namespace is set up: real `ip`, `bridge` and files, hostile names, any text."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from hypothesis import given, strategies as st

from collectors.kernel import network_state

SETUP = """ip link add b0 type bridge; ip link add vx0 mtu 1450 type vxlan id 8 dstport 8472 local 127.0.0.1
ip link set vx0 master b0; ip link add v0 type veth peer name v1; ip link set v0 master b0 up
ip link set v0 type bridge_slave hairpin on
ip addr add 10.1.2.3/24 dev v1; ip link set v1 up; ip route add 10.9.0.0/16 via 10.1.2.9 dev v1 mtu 1400
bridge fdb append 00:11:22:33:44:55 dev vx0 dst 192.0.2.9
echo ---; ip -s -d -j addr; echo ---; ip -j route show table all; echo ---; bridge -j fdb; echo ---; cat /proc/net/arp"""


@pytest.mark.lab
def test_a_real_namespace() -> None:
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("NEEDS ROOT AND iproute2: a network namespace of its own")
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", SETUP], capture_output=True, text=True, check=True
    )
    _, addr, route, fdb, _ = done.stdout.split("---\n")
    links = {link.name: link for link in network_state.links(addr)}
    assert (links["vx0"].kind, links["vx0"].mtu, links["vx0"].master) == ("vxlan", 1450, "b0")
    assert "id 8" in links["vx0"].detail and "port 8472" in links["vx0"].detail
    assert (links["v0"].hairpin, links["vx0"].hairpin, links["v1"].hairpin) == (True, False, None)
    assert "10.1.2.3/24" in links["v1"].addresses and links["v1"].state == "UP"
    routes = {row.destination: row for row in network_state.routes(route)}
    assert (routes["10.9.0.0/16"].gateway, routes["10.9.0.0/16"].mtu) == ("10.1.2.9", 1400)
    assert "10.1.2.3" not in routes, "the local table is left out"
    assert network_state.forwarding(fdb) == (("00:11:22:33:44:55", "192.0.2.9", "vx0"),)
    assert network_state.statistics(addr)["dev/v1/rx_over"] == 0


def test_who_did_not_answer() -> None:
    text = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.0.0.9         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
        "10.0.0.1         0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
    )
    assert [(row.address, row.lladdr) for row in network_state.neighbours(text)] == [
        ("10.0.0.9", ""),
        ("10.0.0.1", "02:fc:00:00:00:05"),
    ]


def test_entries_that_a_program_wrote() -> None:
    head = "IP address  HW type  Flags  HW address  Mask  Device\n"
    line = "10.2.0.0  0x1  {}  02:77:00:00:00:01  *  flannel.1\n"
    for flags, permanent in (("0x2", False), ("0x6", True), ("0x0", False)):
        (row,) = network_state.neighbours(head + line.format(flags))
        assert row.permanent is permanent


def test_resolvers() -> None:
    text = "# x\nnameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1\n"
    assert network_state.resolver(text) == (
        ("10.96.0.10",),
        ("shop.svc.cluster.local", "svc.cluster.local"),
        5,
    )
    assert network_state.resolver("") == ((), (), 1)


def test_names_are_made_safe() -> None:
    evil = "e\x1b]0;X\x07\u202e[red]"
    (link,) = network_state.links(
        json.dumps([{"ifname": evil, "mtu": 1, "linkinfo": {"info_kind": evil}}])
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(link.name + link.kind)
    (name,) = network_state.ethtool(f"NIC statistics:\n     {evil}: 7\n", evil)
    assert not {"\x1b", "\x07", "\u202e"} & set(name)


def test_what_drivers_count() -> None:
    text = "NIC statistics:\n     rx_queue_0_drops: 12\n     bw_in_allowance_exceeded: 3\n     odd: x\n"
    assert network_state.ethtool(text, "eth0") == {
        "ethtool/eth0/rx_queue_0_drops": 12,
        "ethtool/eth0/bw_in_allowance_exceeded": 3,
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda x: (
        st.lists(x, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ifname",
                    "mtu",
                    "linkinfo",
                    "info_kind",
                    "info_data",
                    "info_slave_data",
                    "hairpin",
                    "addr_info",
                    "local",
                    "dst",
                    "dev",
                    "metrics",
                    "via",
                    "host",
                    "stats64",
                    "rx",
                    "over_errors",
                    "mac",
                    "type",
                    "table",
                ]
            ),
            x,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(st.text(max_size=200) | st.lists(JSON, max_size=4).map(json.dumps))
def test_no_text_breaks_a_parser(text: str) -> None:
    sections = dict.fromkeys(("ip addr", "ip route", "ip fdb", "arp", "resolv", "kernel"), text)
    found = network_state.state(0.0, "t", sections)
    assert all(link.mtu >= 0 for link in found.links)
    network_state.statistics(text)
    network_state.ethtool(text, "eth0")


def test_ipv6_neighbours() -> None:
    text = """[{"dst":"fd00::2","dev":"eth0","lladdr":"52:54:00:AA:00:02","state":["REACHABLE"]},
      {"dst":"fd00::9","dev":"eth0","state":["FAILED"]},{"dev":"eth0"},7]"""
    rows = network_state.neighbours_v6(text)
    assert [(row.address, row.lladdr) for row in rows] == [
        ("fd00::2", "52:54:00:aa:00:02"),
        ("fd00::9", ""),
    ]


def test_link_layer_addresses_of_interfaces() -> None:
    text = """[{"ifname":"lo","address":"00:00:00:00:00:00"},{"ifname":"eth0","address":"52:54:00:AA:00:02"},
      {"ifname":"tunl0","address":"0.0.0.0"},{"ifname":"wg0"}]"""
    assert [row.lladdr for row in network_state.links(text)] == ["", "52:54:00:aa:00:02", "", ""]
