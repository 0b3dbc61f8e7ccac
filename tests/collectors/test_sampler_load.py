"""What the sampler costs where it runs, and that it adapts to many sockets: measured on real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.cluster.inventory.address_book import AddressBook
from collectors.kernel import sampler, sampler_program
from collectors.sockets import ss
from collectors.sockets.peer_groups import grouped

ROOT = Path(__file__).parent.parent.parent
CONNECT = r"""
import os, resource, signal, socket, subprocess, sys, time
sys.path.insert(0, ".")
from collectors.kernel import sampler, sampler_program
count, ticks = int(sys.argv[1]), int(sys.argv[2])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("1024 65000")
held, listening = [], socket.create_server(("127.0.0.1", 80), backlog=4096)
child = os.fork()
if not child:
    for _ in range(count):
        held.append(listening.accept()[0])
    signal.pause()
for number in range(count):
    held.append(socket.create_connection(("127.0.0.1", 80)))
time.sleep(0.2)
out = subprocess.run(sampler_program.command(ticks), capture_output=True, stdin=subprocess.DEVNULL).stdout
used = resource.getrusage(resource.RUSAGE_CHILDREN)
os.kill(child, signal.SIGKILL)
print("COST", len(out), used.ru_utime + used.ru_stime, flush=True)
sys.stdout.buffer.write(out)
"""


def sampled(pairs: int, ticks: int) -> tuple[float, float, list[sampler.SamplerFrame]]:
    """(bytes a second, share of a core in per cent, frames) of a sampler beside so many connections over loopback."""
    if os.getuid() != 0 or not shutil.which("ss"):
        pytest.skip("NEEDS ROOT AND ss: a network namespace of its own")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", CONNECT, str(pairs), str(ticks)],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=True,
    )
    head, _, out = done.stdout.partition(b"\n")
    _, size, seconds = head.split()
    return int(size) / ticks, 100 * float(seconds) / ticks, list(sampler.FrameReader().feed(out))


@pytest.mark.lab
def test_fifty_sockets_cost_next_to_nothing() -> None:
    rate, share, frames = sampled(25, 6)
    assert rate < 200_000
    assert share < 3  # the bar of 1 % is for the benchmark, which runs alone
    snapshot = sampler.sockets(frames[0], "t", 0.0)
    assert snapshot is not None and len(snapshot.rows) >= 50 and not snapshot.note
    assert frames[3].first("ss tcp 51 3") and not frames[2].first("ss tcp 51 3"), "every third tick"


@pytest.mark.slow
def test_bash_prints_what_the_plain_shell_prints() -> None:
    """bash reads the files by itself; the plain shell lets `tail` and `head` do it."""
    if not shutil.which("bash"):
        pytest.skip("NO bash HERE")
    printed = []
    for shell in (sampler_program.SHELL, 'exec sh -c "$@"'):
        argv = [
            shell if part == sampler_program.SHELL else part for part in sampler_program.command(2)
        ]
        done = subprocess.run(
            argv, capture_output=True, timeout=30, check=True, stdin=subprocess.DEVNULL
        )
        assert done.stderr == b""
        printed.append(list(sampler.FrameReader().feed(done.stdout)))
    for of_bash, plain in zip(*printed, strict=True):
        assert [title.split()[0] for title, _ in of_bash.sections] == [
            title.split()[0] for title, _ in plain.sections
        ]
        one, other = sampler.sample(of_bash, "t", 0.0), sampler.sample(plain, "t", 0.0)
        assert one.values.keys() == other.values.keys() and one.missing == other.missing
        for section in ("arp", "resolv", "kernel"):
            assert of_bash.first(section) == plain.first(section)


@pytest.mark.lab
def test_twenty_thousand_sockets_are_added_up_at_the_source() -> None:
    rate, _, frames = sampled(10_000, 4)
    assert rate < 200_000
    with_sockets = [frame for frame in frames if sampler.sockets(frame, "t", 0.0)]
    assert len(with_sockets) == 1, "read less often"
    snapshot = sampler.sockets(frames[0], "t", 0.0)
    assert snapshot is not None
    assert snapshot.note == "20,001 sockets, added up by peer at the source, every 20 s"
    assert sum(row.alike for row in snapshot.rows) == 20_001
    (peer,) = grouped(snapshot.rows, AddressBook())
    assert (peer.open, peer.ports, peer.destination) == (20_000, 10_000, "127.0.0.1:80")
    assert peer.rtt and 0 < peer.rtt < 50


@pytest.mark.lab
def test_a_middling_number_is_read_whole_but_less_often() -> None:
    _, _, frames = sampled(750, 1)
    snapshot = sampler.sockets(frames[0], "t", 0.0)
    assert snapshot is not None and len(snapshot.rows) == 1501
    assert snapshot.note == "1,501 sockets, every 5 s"


def test_the_sum_agrees_with_the_rows_it_was_made_of() -> None:
    """The awk program on any ss text: counts, queues and segments add up."""
    lines = [
        "LISTEN 0 128 0.0.0.0:8080 0.0.0.0:*",
        *(
            f"ESTAB {n} 0 10.0.0.1:8080 10.0.0.9:{40000 + n} rtt:{n + 1}.5/2 minrtt:0.{n + 1} retrans:1/3 unacked:2"
            for n in range(5)
        ),
        *(
            f"TIME-WAIT 0 0 10.0.0.1:{50000 + n} 10.0.0.7:443 timer:(timewait,5sec,0)"
            for n in range(9)
        ),
        "SYN-SENT 0 1 [fd00::1]:40001 [fd00::2]:443 timer:(on,204ms,2) retrans:1/2",
    ]
    done = subprocess.run(
        ["awk", sampler_program.SUM],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {(r.state, r.local_port, r.peer, r.peer_port): r for r in ss.parse(done.stdout, "tcp")}
    served = rows["ESTAB", 8080, "10.0.0.9", 0]
    assert (served.alike, served.recv_q, served.rtt, served.min_rtt) == (5, 10, 3.5, 0.1)
    assert (served.retrans, served.retrans_total, served.unacked) == (5, 15, 10)
    assert rows["TIME-WAIT", 0, "10.0.0.7", 443].alike == 9
    assert rows["SYN-SENT", 0, "fd00::2", 443].retrans_total == 2
    assert rows["LISTEN", 8080, "0.0.0.0", 0].send_q == 128
