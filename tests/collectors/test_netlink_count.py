"""The conntrack table: text and netlink agree, what awk counts is what is there, no bytes break a
reader."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, strategies as st

from collectors import dumps, netlink
from collectors.conntrack import entries, groups, netlink_count
from collectors.events import ConntrackGroup
from tests.support import conntrack_text
from tests.support.compiled_dumps import needs_core
from tests.support.netlink_messages import entry

ROOT = Path(__file__).parent.parent.parent
OWN = (
    "tcp      6 431999 ESTABLISHED src=10.244.1.6 dst=10.96.181.95 sport=43210 dport=80 src=10.244.2.2 dst=10.244.1.6 "
    "sport=8080 dport=43210 [ASSURED] mark=0 use=1\n"
    "ipv4     2 udp      17 29 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 "
    "dport=1 mark=0 use=1\n"
    "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1\n"
    "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.\n"
)


def test_real_lines() -> None:
    tcp, udp, icmp = conntrack_text.parse(OWN)
    assert tcp[:6] == ("tcp", "ESTABLISHED", "10.244.1.6", 43210, "10.96.181.95", 80)
    assert tcp[6:] == ("10.244.2.2", 8080, "10.244.1.6", 43210, 431999, True, True)
    assert (udp.protocol, udp.state, udp.destination_port, udp.replied, udp.assured) == (
        "udp",
        "",
        53,
        False,
        False,
    )
    assert (icmp.protocol, icmp.source_port, icmp.replied) == ("icmp", 0, True)


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    conntrack_text.parse(text)
    conntrack_text.parse(f"tcp 6 5 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 {text}")
    groups.parse(text)


def message(body: bytes, kind: int = entries.CTNETLINK) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def counters() -> list[netlink_count.EntryCounter]:
    """As Python, and compiled where that is there."""
    pure = netlink_count.EntryCounter(netlink_count.PlainEntries())
    return [pure, *([] if dumps.WHY_PURE else [netlink_count.EntryCounter()])]


Counted = tuple[int, tuple[ConntrackGroup, ...]]


def counted(data: bytes, largest: int = groups.LARGEST) -> Counted:
    """What every implementation makes of a dump."""
    results = []
    for counter in counters():
        with suppress(OSError):
            netlink.walk(data, netlink_count.KIND, counter.receive, counter.run)
        results.append(counter.result(largest))
    assert all(result == results[0] for result in results)
    return results[0]


@given(st.lists(st.binary(max_size=220), max_size=4), st.binary(max_size=40))
def test_no_bytes_break_netlink(bodies: list[bytes], rest: bytes) -> None:
    found: list[entries.ConntrackEntry] = []
    data = b"".join(map(message, bodies)) + rest
    conntrack_text.decode(data, found)
    assert counted(data) == groups.count(found)


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_the_largest_groups_are_those_of_all_entries(random: Random, largest: int) -> None:
    """Entries of both kinds, damaged and cut: the same from every implementation."""
    data = b""
    for _ in range(random.randrange(1, 30)):
        data += entry(
            random.choice((6, 6, 17, 132)),
            (random.randrange(1024, 65536), random.choice((53, 80, 443))),
            bytes([10, 96, 0, random.randrange(3)]),
            random.choice((0x0E, 0x0A, 0x88, 0x18E)),
            random.choice((0, 1, 3, 7, 9, 10, 255)),
        )
    if random.random() < 0.2:
        data = data[: random.randrange(len(data))]
    damaged = bytearray(data)
    if data:
        damaged[random.randrange(len(data))] = random.randrange(256)
    counted(bytes(damaged), largest)
    counted(data, largest)
    found: list[entries.ConntrackEntry] = []
    conntrack_text.decode(data, found)
    total, every = counted(data)
    assert (total, set(every)) == (len(found), set(groups.count(found)[1]))


@needs_core
def test_more_groups_than_there_is_room_for_at_first() -> None:
    """Of 5,000 groups the largest, of those alike the first that came."""
    order = [number for number in range(5_000) for _ in range(1 + number % 7)]
    Random(1).shuffle(order)
    data = b"".join(entry(17, (1, number)) for number in order)
    total, found = counted(data, 900)
    assert total == len(order)
    assert [group.count for group in found] == [7] * 714 + [6] * 186
    assert {group.port % 7 for group in found[:714]} == {6}


@given(st.binary(max_size=120), st.integers(0, 120), st.integers(0, 255))
def test_no_damage_to_a_plain_entry_breaks_it(rest: bytes, place: int, value: int) -> None:
    head = bytearray.fromhex(
        "34000180"
        "14000180"
        "08000100"
        "7f000001"
        "08000200"
        "7f000001"
        "1c000280"
        "05000100"
        "06000000"
        "06000200"
        "93da0000"
        "06000300"
        "15b30000"
        "34000280"
        "14000180"
        "08000100"
        "7f000001"
        "08000200"
        "7f000001"
        "1c000280"
        "05000100"
        "06000000"
        "06000200"
        "15b30000"
        "06000300"
        "93da0000"
        "08000300"
        "0000000e"
    )
    if place < len(head):
        head[place] = value
    found: list[entries.ConntrackEntry] = []
    conntrack_text.decode(message(bytes(4) + bytes(head) + rest), found)
    seen = counted(message(bytes(4) + bytes(head) + rest))
    if place in VALUES or place >= len(head):
        assert seen == groups.count(found)


# Where addresses, ports and the status are: all else is heads of attributes, which the kernel
# writes.
VALUES = {
    *range(12, 16),
    *range(20, 24),
    40,
    41,
    48,
    49,
    *range(64, 68),
    *range(72, 76),
    92,
    93,
    100,
    101,
    108,
    109,
}


SCRIPT = r"""
import socket, subprocess, sys, time
sys.path.insert(0, ".")
from collectors.conntrack import entries, groups, netlink_count
from tests.support import conntrack_text
for command in ("ip link set lo up", "ip -6 addr add fd00::1/64 dev lo", "nft add table inet t",
                "nft add chain inet t o { type filter hook output priority 0; }",
                "nft add rule inet t o ct state new accept"):
    subprocess.run(command.split(), check=True)
listening = socket.create_server(("127.0.0.1", 5555))
open_ = [socket.create_connection(("127.0.0.1", 5555)) for _ in range(40)]
for family, address in ((socket.AF_INET, "127.0.1.1"), (socket.AF_INET6, "fd00::1")):
    out = socket.socket(family, socket.SOCK_DGRAM)
    for port in range(1, 301):
        out.sendto(b"x", (address, port))
for one in open_[:10]:
    one.close()
time.sleep(0.5)
def plain(found): return {(*e[:10], e.assured, e.replied) for e in found}
dumped = conntrack_text.dump()
text = subprocess.run(["conntrack", "-L"], capture_output=True, text=True).stdout
six = subprocess.run(["conntrack", "-L", "-f", "ipv6"], capture_output=True, text=True).stdout
shown = {*conntrack_text.parse(text), *conntrack_text.parse(six)}  # some versions list both families at once
differ = plain(dumped) ^ plain(shown)
assert len(dumped) > 600 and not differ, (len(dumped), len(shown), sorted(differ)[:4])
said = subprocess.run(groups.command(5000), capture_output=True, text=True).stdout
total, counted = groups.parse(said)
mine, grouped = groups.count(conntrack_text.parse(text), 5000)
assert (total, set(counted)) == (mine, set(grouped)), (total, mine, set(counted) ^ set(grouped))
both = groups.count({*conntrack_text.parse(text), *conntrack_text.parse(six)}, 5000)
counter = netlink_count.dump(5000)
assert (counter[0], set(counter[1])) == (both[0], set(both[1])), (counter[0], both[0])
assert dict(groups.by_state(counted))["udp unreplied"] in (300, 600)
print("agreed", len(dumped))
"""


@pytest.mark.lab
def test_netlink_text_and_awk_agree_on_a_real_table() -> None:
    """A namespace of its own, with TCP in several states, unreplied UDP, and IPv6."""
    if os.getuid() or not shutil.which("conntrack"):
        pytest.skip("NOT ROOT, or no conntrack: a table of one's own cannot be made")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.stdout.startswith("agreed"), done.stderr[-800:]
