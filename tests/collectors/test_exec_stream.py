"""exec frames of any size and kind: the same capture comes out, and the end is reported as it is."""

from __future__ import annotations

import asyncio
import json
import struct
from itertools import pairwise
from random import Random

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings, strategies as st

from collectors.capture.pcap import PcapReader
from collectors.cluster.api.exec_stream import ExecRunning
from collectors.command_runner import STDOUT
from collectors.events import Packet

PACKETS = [Packet(n * 1_000_000_000, bytes([n % 256]) * (n % 200), 300) for n in range(1, 120)]
CAPTURE = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1) + b"".join(
    struct.pack("<IIII", p.ns // 1_000_000_000, 0, len(p.data), p.length) + p.data for p in PACKETS
)
OK = json.dumps({"status": "Success"}).encode()


async def exchanged(frames: list[bytes | str | None]) -> tuple[bytes, ExecRunning]:
    """What comes on standard output when a server sends these frames (None: it breaks the connection off)."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        for frame in frames:
            if frame is None:
                assert request.transport is not None
                request.transport.abort()
            elif isinstance(frame, str):
                await socket.send_str(frame)
            else:
                await socket.send_bytes(frame)
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    session = aiohttp.ClientSession()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    running = ExecRunning(
        session, await session.ws_connect(f"http://127.0.0.1:{port}/", max_msg_size=0)
    )
    out = bytearray()
    async for piece in running.output():
        if piece.channel == STDOUT:
            out += piece.data
    await running.close()
    await runner.cleanup()
    return bytes(out), running


NOISE = st.sampled_from((b"", b"\x01", b"\x02tcpdump: listening", b"\x07what", b"\xff\x00", "text"))


@given(
    st.lists(st.integers(0, len(CAPTURE)), max_size=25), st.lists(NOISE, max_size=6), st.randoms()
)
@settings(max_examples=25, deadline=None)
def test_any_cut_and_any_noise_give_the_same_packets(
    cuts: list[int], noise: list[bytes | str], random: Random
) -> None:
    places = [0, *sorted(cuts), len(CAPTURE)]
    frames: list[bytes | str | None] = [b"\x01" + CAPTURE[a:b] for a, b in pairwise(places)]
    for extra in noise:
        frames.insert(random.randint(0, len(frames)), extra)
    out, running = asyncio.run(exchanged([*frames, b"\x03" + OK]))
    reader = PcapReader()
    assert reader.feed(out) == PACKETS and running.exit_code == 0 and running.message == ""


def test_frames_of_a_mebibyte() -> None:
    big = b"x" * (1 << 20)
    frames: list[bytes | str | None] = [*([b"\x01" + big] * 5), b"\x03" + OK]
    out, running = asyncio.run(exchanged(frames))
    assert len(out) == 5 << 20 and running.exit_code == 0


@pytest.mark.parametrize(
    ("last", "code", "says"),
    [
        (OK, 0, ""),
        (
            json.dumps(
                {
                    "status": "Failure",
                    "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
                }
            ).encode(),
            3,
            "",
        ),
        (b"{not JSON", None, "without a readable status"),
        (b"[]", None, "without a readable status"),
        (b"\xff\xfe", None, "without a readable status"),
        (
            json.dumps({"status": "Failure", "message": "no such container"}).encode(),
            None,
            "no such container",
        ),
        (
            json.dumps({"status": "Failure", "details": 7, "message": None}).encode(),
            None,
            "unknown reason",
        ),
        (
            json.dumps(
                {
                    "status": "Failure",
                    "details": {"causes": [{"reason": "ExitCode", "message": "x"}]},
                }
            ).encode(),
            None,
            "unknown reason",
        ),
    ],
)
def test_every_kind_of_end(last: bytes, code: int | None, says: str) -> None:
    _, running = asyncio.run(exchanged([b"\x01abc", b"\x03" + last]))
    assert running.exit_code == code and says in running.message


@pytest.mark.parametrize("frames", [[b"\x01abc"], [b"\x01abc", None]], ids=["closed", "broken off"])
def test_an_end_without_a_status_is_a_break(frames: list[bytes | str | None]) -> None:
    _, running = asyncio.run(exchanged(frames))
    assert running.exit_code is None and running.message.startswith("the stream broke off")
