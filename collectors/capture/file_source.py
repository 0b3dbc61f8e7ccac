"""A capture file as a target: its packets on the stream, as fast as they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from collectors.capture.readers import Truncated, read_file
from collectors.errors import CaptureError
from collectors.events import CaptureState, PacketBatch, TargetState
from collectors.sanitize import sanitize
from collectors.stream import Stream
from collectors.target import Target

PIECE = 500  # packets an event: about 5 ms of work for who takes them


def target(path: Path) -> Target:
    return Target("pcap", sanitize(path.name, 200))


async def play(
    path: Path, number: int, session: Stream, taken: Callable[[], Awaitable[None]]
) -> None:
    """Publish a file's packets under a capture's number; `taken` waits until the consumer has what was published."""
    key, received = target(path).key, 0
    chunks = read_file(path)
    phase, message, at = "ended", "the whole file was read", 0.0
    try:
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            linktype, packets = chunk
            for start in range(0, len(packets), PIECE):
                piece = tuple(packets[start : start + PIECE])
                at = piece[-1].time
                session.publish(PacketBatch(at, key, number, linktype, piece))
                received += len(piece)
                await taken()
            session.publish(CaptureState(at, key, number, "running", "", "reading", received))
    except Truncated as error:
        message = str(error)
    except CaptureError as error:
        phase, message = "failed", str(error)
    if phase == "ended":
        session.publish(CaptureState(at, key, number, "ended", "", message, received))
        session.publish(TargetState(at, key, "ended", message))
    else:
        session.publish(CaptureState(at, key, number, "failed", "", message, received))
        session.publish(TargetState(at, key, "failed", message))
