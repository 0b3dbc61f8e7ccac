"""inet_diag decoded by its offsets: the same sockets as `ss`, and no bytes that break it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, strategies as st

from collectors import netlink
from collectors.sockets import inet_diag
from collectors.sockets.rows import SocketRow
from tests.support.compiled_dumps import needs_core
from tests.support.netlink_messages import tcp_socket

ROOT = Path(__file__).parent.parent.parent
SCRIPT = r"""
import socket, subprocess, sys, time
sys.path.insert(0, ".")
from collectors.sockets import inet_diag, ss
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listening = socket.create_server(("127.0.0.1", 5555), backlog=7)
six = socket.create_server(("::1", 5556), family=socket.AF_INET6)
pairs = []
for number in range(60):
    family, address = (socket.AF_INET, ("127.0.0.1", 5555)) if number % 2 else (socket.AF_INET6, ("::1", 5556))
    one = socket.create_connection(address)
    other, _ = (listening if number % 2 else six).accept()
    one.sendall(b"x" * 100 * number); pairs.append((one, other))
for one, other in pairs[:10]:
    one.close()
for one, other in pairs[10:20]:
    one.close(); other.close()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 5353))
time.sleep(0.5)
waiting = socket.create_connection(("127.0.0.1", 5555))
found = {(r.protocol, r.local, r.local_port, r.peer, r.peer_port): r for r in inet_diag.dump()}
text = subprocess.run(["ss", "-tinoOaH"], capture_output=True, text=True).stdout
shown = ss.parse(text, "tcp")
fields = ("state", "recv_q", "send_q", "rtt", "rtt_var", "rto", "mss", "pmtu", "cwnd", "unacked", "retrans_total", "lost",
          "timer", "not_sent", "bytes_acked", "bytes_received")
differ = []
for row in shown:
    mine = found.pop((row.protocol, row.local, row.local_port, row.peer, row.peer_port))
    for field in fields[:3] if row.state == "LISTEN" else fields:  # what ss says more of those is the queue again
        want, have = getattr(row, field), getattr(mine, field)
        near = isinstance(want, float) and have is not None and abs(want - have) <= max(0.01, want * 0.01)
        if want != have and not near:
            differ.append((field, want, have, row))
assert len(shown) > 100 and not differ, differ[:3]
assert {r.protocol for r in found.values()} == {"udp"}, list(found)[:3]
print("agreed", len(shown), sorted({r.state for r in shown}))
"""


@pytest.mark.lab
def test_netlink_and_ss_agree_on_real_sockets() -> None:
    if os.getuid() or not shutil.which("ss"):
        pytest.skip("NOT ROOT, or no ss: a namespace of one's own cannot be made")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.stdout.startswith("agreed"), done.stderr[-900:]
    for state in ("ESTAB", "LISTEN", "CLOSE-WAIT", "FIN-WAIT-2"):
        assert state in done.stdout


def message(body: bytes, kind: int = inet_diag.SOCK_DIAG_BY_FAMILY) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


@given(
    st.lists(st.binary(max_size=400), max_size=4),
    st.binary(max_size=40),
    st.sampled_from(("tcp", "udp")),
)
def test_no_bytes_break_it(bodies: list[bytes], rest: bytes, protocol: str) -> None:
    rows: list[SocketRow] = []
    inet_diag.decode(b"".join(map(message, bodies)) + rest, protocol, rows)


def socket_message(info: bytes, attributes: bytes = b"") -> bytes:
    head = struct.pack(
        "=BBBB2s2s16s16sI8sIIIII",
        2,
        1,
        0,
        0,
        b"\0P",
        b"\1\0",
        b"\x0a\0\0\1",
        b"\x0a\0\0\2",
        0,
        b"",
        0,
        1,
        2,
        0,
        0,
    )
    return message(
        head + attributes + struct.pack("=HH", 4 + len(info), inet_diag.INET_DIAG_INFO) + info
    )


@given(st.lists(st.sampled_from(["new", "old", "other", "none"]), max_size=12))
def test_messages_that_differ_follow_each_other(order: list[str]) -> None:
    """An old kernel's tcp_info is short, attributes may precede it: whatever the messages before
    were like."""
    info = bytearray(224)
    struct.pack_into("=III", info, 8, 204_000, 0, 1448)
    struct.pack_into("=IIIII", info, 60, 1500, 0, 1_500, 700, 0)
    kinds = {
        "new": socket_message(bytes(info)),
        "old": socket_message(bytes(info[:104])),
        "other": socket_message(bytes(info), struct.pack("=HHI", 8, 15, 7)),
        "none": socket_message(b""),
    }
    rows: list[SocketRow] = []
    inet_diag.decode(b"".join(kinds[name] for name in order), "tcp", rows)
    for name, row in zip(order, rows, strict=True):
        assert row[:8] == ("tcp", "ESTAB", "10.0.0.1", 80, "10.0.0.2", 256, 1, 2)
        assert (row.rtt, row.rto, row.mss, row.pmtu) == (
            (None,) * 4 if name == "none" else (1.5, 204, 1448, 1500)
        )
        assert row.min_rtt == (None if name in ("none", "old") else 0)


def read(data: bytes, gap: int, pure: bool) -> tuple[int, str]:
    """Where reading ends, and the rows; Python stops where sizes differ, and is asked again."""
    rows: list[SocketRow] = []
    run = inet_diag.python_tcp_rows if pure else inet_diag.tcp_rows
    offset = 0
    while (behind := run(data, offset, gap, rows)) > offset:
        offset = behind
    return offset, repr(rows)


@needs_core
@given(st.randoms(use_true_random=False), st.sampled_from((0, 8, 40)), st.integers(0, 900))
def test_the_compiled_code_reads_what_python_does(random: Random, gap: int, cut: int) -> None:
    """Sockets of any figures, of several sizes, behind attributes, damaged and cut."""
    data = b""
    for _ in range(random.randrange(1, 4)):
        info = random.randbytes(random.choice((192, 192, 224, 240, 104)))
        if random.random() < 0.5:  # as they are: high octets are 0
            info = bytes(value if place % 8 < 4 else 0 for place, value in enumerate(info))
        before = bytes(gap) if random.random() < 0.9 else b""
        state = random.choice((1, 1, 2, 6, 10, 12, 77))
        data += tcp_socket(info, before, random.randbytes(48), state)
    damaged = bytearray(data)
    if random.random() < 0.3:
        damaged[random.randrange(len(data))] = random.randrange(256)
    data = bytes(damaged)
    if random.random() < 0.3:
        data = data[: -cut or None]
    assert read(data, gap, pure=False) == read(data, gap, pure=True)


@needs_core
def test_addresses_that_share_a_place_are_each_their_own() -> None:
    """More peers than the compiled code keeps at hand."""
    peers = [struct.pack(">I", 0x0A000000 + 77 * number) for number in range(5_000)]
    data = b"".join(
        tcp_socket(head=b"\0P\1\0" + peers[0] + bytes(12) + peer + bytes(24)) for peer in peers
    )
    rows: list[SocketRow] = []
    assert inet_diag.tcp_rows(data, 0, 0, rows) == len(data)
    assert [row.peer for row in rows] == [str(IPv4Address(peer)) for peer in peers]
    assert {row.local for row in rows} == {"10.0.0.0"}


def test_the_kernels_refusal_is_an_error() -> None:
    with pytest.raises(OSError, match="not permitted"):
        inet_diag.decode(message(struct.pack("=i", -1) + bytes(16), netlink.ERROR), "tcp", [])
    assert inet_diag.decode(message(b"", netlink.DONE), "tcp", [])
