"""This machine through netlink and psutil: real sockets, held against `ss`; the contract of the stream."""

import asyncio
import socket
import subprocess

import pytest

from collectors import events as ev
from collectors.kernel import local
from collectors.sockets import ss
from collectors.stream import Stream
from collectors.target import this_machine


def test_sockets_read_over_netlink_agree_with_ss() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=7) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            client.sendall(b"x" * 1000)
            ends = {port, client.getsockname()[1]}
            rows = local.LocalReader().sockets("local/x").rows
            text = subprocess.run(
                ["ss", "-tinoOaH"], capture_output=True, text=True, check=True
            ).stdout
            accepted.close()
    printed = {(r.state, r.local, r.local_port, r.peer_port): r for r in ss.parse(text, "tcp")}
    tcp = [r for r in rows if r.protocol == "tcp"]
    listening = [r for r in tcp if (r.state, r.local_port) == ("LISTEN", port)]
    # the port may have been another program's a moment ago, whose connections are in TIME-WAIT
    ours = [*listening, *(r for r in tcp if {r.local_port, r.peer_port} == ends)]
    assert sorted(r.state for r in ours) == ["ESTAB", "ESTAB", "LISTEN"]
    for row in ours:
        same = printed[row.state, row.local, row.local_port, row.peer_port]
        assert (row.recv_q, row.send_q) == (same.recv_q, same.send_q)
        if row.state == "ESTAB":
            assert row.rtt is not None and same.rtt is not None
            assert row.rtt == pytest.approx(same.rtt, abs=0.01)
            assert (row.cwnd, row.mss, row.pmtu) == (same.cwnd, same.mss, same.pmtu)
    assert [r.send_q for r in ours if r.state == "LISTEN"] == [7]


def test_a_sample_has_what_the_graphs_need() -> None:
    sample = local.LocalReader().sample("local/x")
    for name in (
        "TcpRetransSegs",
        "TcpExtTCPOrigDataSent",
        "TcpActiveOpens",
        "softnet_processed",
        "cpu_steal",
    ):
        assert name in sample.values
    assert sample.clock > 0


def test_who_may_not_ask_is_informed_once_and_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> dict[str, int]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(local, "conntrack_statistics", refused)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    reader = local.LocalReader()
    reader.sample("local/x")
    reader.sample("local/x")
    assert reader.notes == [
        "Conntrack statistics are read from /proc instead of netlink: only root may ask the kernel."
    ]


async def test_watching_publishes_samples_sockets_and_that_it_is_live() -> None:
    session = Stream()
    stream = session.subscribe()
    task = asyncio.create_task(local.watch(session, this_machine()))
    async with asyncio.timeout(10):
        while sum(isinstance(e, ev.CounterSample) for e in stream.pending()) < 2:
            await asyncio.sleep(0.05)
    task.cancel()
    kinds = {type(e) for e in stream.pending()}
    assert {ev.CounterSample, ev.SocketSnapshot, ev.TargetState} <= kinds
    assert {e.target for e in stream.pending()} == {this_machine().key}
