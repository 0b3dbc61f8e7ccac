"""Packets: decoding and the flow table against tcpdump and dpkt, the exec stream against a bare
reader, memory.

300,000 mixed packets: the captures of the lab under every fault, one after another, in each link
type's own file.
"""

from __future__ import annotations

import asyncio
import resource
import struct
import tempfile
from pathlib import Path

import aiohttp
import dpkt
from aiohttp import web

from benchmarks.table import Ratio, compare, program
from collectors.capture.flows import FlowTable
from collectors.capture.read_rows import read_rows
from collectors.capture.readers import read_file, read_records
from collectors.cluster.api.exec_stream import ExecRunning
from collectors.command_runner import STDOUT
from collectors.events import Packet

CAPTURES = Path(__file__).parent.parent / "tests" / "data"
COUNT = 300_000
ETHERNET, COOKED2 = 1, 276
MILLIONS = 10
MEMORY_MIB = 200


def mixed() -> list[Packet]:
    """Packets of the lab as Ethernet frames, COUNT of them, each round with addresses of its
    own."""
    frames: list[Packet] = []
    for path in sorted(CAPTURES.glob("captures/*.pcap*")):
        for linktype, packets in read_file(path):
            for packet in packets:
                if linktype == COOKED2:
                    data = b"\2\0\0\0\0\2\2\0\0\0\0\1" + packet.data[:2] + packet.data[20:]
                    frames.append(Packet(packet.ns, data, packet.length - 6))
    found: list[Packet] = []
    for turn in range(COUNT // len(frames) + 1):
        found += [
            Packet(
                p.ns + turn * 60_000_000_000,
                p.data[:27] + bytes([turn % 250]) + p.data[28:],
                p.length,
            )
            for p in frames
        ]
    return found[:COUNT]


def written(packets: list[Packet], path: Path) -> bytes:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, ETHERNET)]
    for p in packets:
        seconds, rest = divmod(p.ns, 1_000_000_000)
        parts += [struct.pack("<IIII", seconds, rest // 1000, len(p.data), p.length), p.data]
    raw = b"".join(parts)
    path.write_bytes(raw)
    return raw


def to_rows(path: Path) -> int:
    return sum(len(read_rows(linktype, found)) for linktype, found in read_records(path))


def to_flows(path: Path) -> int:
    """With the lookups of DNS, as `podwire pcap --dns` does it."""
    table = FlowTable()
    for linktype, found in read_records(path):
        table.follow(linktype, found)
    return table.totals.packets


def as_the_console(path: Path) -> int:
    """Of packets, each of which it keeps with what it is called and its flow."""
    table = FlowTable(hops=True)
    for linktype, packets in read_file(path):
        table.add(linktype, packets)
    return table.totals.packets


def with_dpkt(path: Path) -> int:
    count = 0
    with path.open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            count += 1
            try:
                frame = dpkt.ethernet.Ethernet(data)
            except (dpkt.dpkt.Error, IndexError):
                continue
            inner = frame.data
            if isinstance(inner, (dpkt.ip.IP, dpkt.ip6.IP6)) and isinstance(
                inner.data, dpkt.tcp.TCP
            ):
                inner.data.seq, inner.data.flags  # noqa: B018
    return count


def decoding() -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.pcap"
        written(mixed(), path)
        tcpdump = program("tcpdump", "-nr", str(path))
        return [
            compare(
                "300,000 packets, headers to rows",
                "tcpdump -nr to /dev/null",
                lambda: to_rows(path),
                tcpdump,
                4,
                COUNT,
                "packets",
            ),
            compare(
                "300,000 packets, headers to rows",
                "dpkt",
                lambda: to_rows(path),
                lambda: with_dpkt(path),
                15,
            ),
            compare(
                "the same with flow table and DNS",
                "tcpdump -nr to /dev/null",
                lambda: to_flows(path),
                tcpdump,
                2,
                COUNT,
                "packets",
            ),
            compare(
                "the same of packets, as the console keeps them",
                "tcpdump -nr to /dev/null",
                lambda: as_the_console(path),
                tcpdump,
                1,
                COUNT,
                "packets",
            ),
        ]


# --- the exec stream


async def streaming(frames: list[bytes]) -> Ratio:
    """A server that sends a capture as exec frames: our exec client, cut into packets, against
    aiohttp's bare loop."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        for frame in frames:
            await socket.send_bytes(frame)
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"  # type: ignore[union-attr]

    async def bare() -> int:
        size = 0
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, max_msg_size=0) as socket,
        ):
            async for message in socket:
                size += len(message.data)
        return size

    async def ours() -> int:
        session, size = aiohttp.ClientSession(), 0
        stream = ExecRunning(session, await session.ws_connect(url, max_msg_size=0))
        async for piece in stream.output():
            if piece.channel == STDOUT:
                size += len(piece.data)  # here the decoder begins
        await stream.close()
        return size

    loop = asyncio.get_running_loop()
    ratios = []
    for _ in range(6):
        times = []
        for work in (ours, bare):
            began = loop.time()
            await work()
            times.append(loop.time() - began)
        ratios.append(times[1] / times[0])
    await runner.cleanup()
    size = sum(map(len, frames)) / 1e6
    return Ratio(
        "exec stream, transport to the decoder",
        "a bare aiohttp reader",
        tuple(ratios[1:]),
        0.8,
        f"{size:.0f} MB",
    )


def transport() -> Ratio:
    with tempfile.TemporaryDirectory() as folder:
        raw = written(mixed(), Path(folder) / "mixed.pcap")
    frames = [b"\x01" + raw[start : start + 32_768] for start in range(0, len(raw), 32_768)] * 4
    return asyncio.run(streaming(frames))


# --- memory


def memory() -> str:
    """Ten million packets through the flow table: the largest resident size, and how much the last
    five million added."""
    packets, table = mixed(), FlowTable()
    peaks: list[int] = []
    done, turn = 0, 0
    while done < MILLIONS * 1_000_000:
        shift = turn * 7_000_000_000_000
        for start in range(0, len(packets), 1000):
            piece = [
                Packet(ns + shift, data, length)
                for ns, data, length in packets[start : start + 1000]
            ]
            table.add(ETHERNET, piece)
        done, turn = done + len(packets), turn + 1
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    grown = peaks[-1] - peaks[len(peaks) // 2]
    fits = "yes" if peaks[-1] <= MEMORY_MIB else "NO"
    return (
        f"memory after {done:,} packets: {peaks[-1]} MiB at most (bar {MEMORY_MIB}: {fits}; the "
        f"benchmark's own packets among them), {grown} MiB of it in the last five million"
    )
