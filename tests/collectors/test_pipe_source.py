"""A capture by a pipe, on the stream: at once while it lasts, and with its end."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from pathlib import Path

from collectors.capture.pipe_source import PipeSource
from collectors.events import CaptureState, Event, PacketBatch, TargetState
from collectors.stream import Stream
from tests.support.frames import FRAME

LAB = Path(__file__).parent.parent / "data" / "lab.pcap"
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
RECORD = struct.pack("<IIII", 1_700_000_000, 0, len(FRAME), len(FRAME)) + FRAME
SOON_S = 0.2


async def seen_of(stream: Stream, found: list[tuple[float, Event]]) -> None:
    async for batch in stream.subscribe(1000, "test", paced=True).batches():
        found += [(time.monotonic(), event) for event in batch]


async def until(found: list[tuple[float, Event]], packets: int) -> float:
    """When so many packets were on the stream."""
    async with asyncio.timeout(5):
        while True:
            batches = [(at, e) for at, e in found if isinstance(e, PacketBatch)]
            if sum(len(e.packets) for _, e in batches) >= packets:
                return batches[-1][0]
            await asyncio.sleep(0.005)


def test_packets_come_at_once_and_the_end_is_said() -> None:
    async def live() -> None:
        read_end, write_end = os.pipe()
        stream, found = Stream(), list[tuple[float, Event]]()
        watching = asyncio.create_task(seen_of(stream, found))
        await asyncio.sleep(0)
        source = PipeSource(read_end, stream)
        source.start()
        os.write(write_end, HEADER + RECORD)
        await until(found, 1)
        began = time.monotonic()
        os.write(write_end, RECORD)
        assert await until(found, 2) - began < SOON_S
        assert source.state == "running"
        os.close(write_end)
        await source.finished()
        stream.close()
        await watching
        os.close(read_end)
        phases = [event.phase for _, event in found if isinstance(event, TargetState)]
        assert (source.state, phases) == ("ended", ["live", "ended"])
        assert [e.received for _, e in found if isinstance(e, CaptureState)][-1] == 2

    asyncio.run(live())


def test_a_pipe_that_is_no_capture_fails_with_a_sentence() -> None:
    async def garbage() -> None:
        read_end, write_end = os.pipe()
        source = PipeSource(read_end, Stream())
        source.start()
        os.write(write_end, b"tcpdump: permission denied\n")
        os.close(write_end)
        await source.finished()
        os.close(read_end)
        assert source.state == "failed"
        assert source.message.startswith("standard input is not a capture: it is neither")

    asyncio.run(garbage())


def test_stopping_does_not_wait_for_a_packet() -> None:
    async def stopped() -> None:
        read_end, write_end = os.pipe()
        source = PipeSource(read_end, Stream())
        source.start()
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await source.stop()
        assert time.monotonic() - began < 1 and source.state == "stopped"
        await asyncio.get_running_loop().shutdown_default_executor()
        assert time.monotonic() - began < 1
        os.close(read_end)
        os.close(write_end)

    asyncio.run(stopped())
