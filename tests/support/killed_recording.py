"""A session whose process is killed at a random moment, and what of it is on disk:
python -m tests.support.killed_recording [TIMES]

Another process records marks and packets, and says through a pipe what it has published; it gets
SIGKILL; its log and its pcap are read. What is missing was published in the last second.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from collectors.capture.readers import read_file
from collectors.errors import CaptureError
from collectors.events import Mark, Packet, PacketBatch, RecordingEnd
from collectors.recording.session_reader import SessionReader
from collectors.stream import Stream
from session.recorded_sessions import described
from session.recording import SessionRecording
from session.running_session import new_session, sessions_directory
from session.store import Store

EVERY_S = 0.01
KEY = "pod/shop/web"
MODULE = "tests.support.killed_recording"
PUBLISHED = struct.Struct("<Id")  # number, when
TIMES = 100
MOST_S = 1.0
FRAME = bytes(60)
ENDS_EARLY = "it was cut", "ends in the middle", "it is empty", "it ends before its header"


@dataclass
class Killed:
    """What was published and what is left; `missing_s`: from the oldest that is missing until the
    last that was published."""

    published: int
    marks: int
    packets: int
    in_pcap: int
    missing_s: float
    is_said: bool  # that it ended abruptly, in its log and in the list

    @property
    def is_whole(self) -> bool:
        return self.in_pcap >= self.packets and self.missing_s <= MOST_S and self.is_said


async def record(pipe: int) -> None:
    """Until it is killed."""
    stream, number = Stream(), 0
    await SessionRecording(new_session(), stream, Store()).has_files()
    while True:
        at = time.time()
        data = struct.pack("<I", number) + FRAME
        stream.publish(Mark(at, KEY, "alice", str(number)))
        stream.publish(PacketBatch(at, KEY, 1, 1, (Packet(time.time_ns(), data, 64),)))
        os.write(pipe, PUBLISHED.pack(number, at))
        number += 1
        await asyncio.sleep(EVERY_S)


def killed_after(seconds: float) -> Killed:
    """One session, in a state directory of its own."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, "child", str(writing)], pass_fds=(writing,)
        )
        os.close(writing)
        published = os.read(reading, PUBLISHED.size)  # it has begun
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        while some := os.read(reading, 1 << 16):
            published += some
        os.close(reading)
        (directory,) = sessions_directory().iterdir()
        whole = len(published) // PUBLISHED.size * PUBLISHED.size
        return left(directory, list(PUBLISHED.iter_unpack(published[:whole])))


def left(directory: Path, published: list[tuple[int, float]]) -> Killed:
    """Everything up to some number, and nothing after it: else AssertionError."""
    events = list(SessionReader(directory).events())
    marks = [int(event.text) for event in events if isinstance(event, Mark)]
    batches = [event for event in events if isinstance(event, PacketBatch)]
    packets = [_number(packet) for event in batches for packet in event.packets]
    in_pcap = pcap_numbers(directory)
    for numbers in (marks, packets, in_pcap):
        assert numbers == list(range(len(numbers)))
    known = min(len(marks), len(packets))
    last = published[-1][1]
    missing = [at for number, at in published if number >= known]
    end = events[-1] if events else RecordingEnd(0.0, "", clean=False)  # killed before a write
    return Killed(
        published=len(published),
        marks=len(marks),
        packets=len(packets),
        in_pcap=len(in_pcap),
        missing_s=last - missing[0] if missing else 0.0,
        is_said=isinstance(end, RecordingEnd)
        and not end.clean
        and described(directory).ended_abruptly,
    )


def pcap_numbers(directory: Path) -> list[int]:
    """As any reader of compressed captures reads it."""
    found: list[int] = []
    for path in directory.glob("*.pcap.zst"):
        try:
            for _, packets in read_file(path):
                found += map(_number, packets)
        except CaptureError as error:
            assert any(words in str(error) for words in ENDS_EARLY), error
    return found


def _number(packet: Packet) -> int:
    number: int = struct.unpack_from("<I", packet.data)[0]
    return number


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["child"]:
        asyncio.run(record(int(arguments[1])))
    rnd, worst, bad = random.Random(), 0.0, 0
    times = int(arguments[0]) if arguments else TIMES
    for number in range(1, times + 1):
        found = killed_after(rnd.uniform(0.0, 2.0))
        worst, bad = max(worst, found.missing_s), bad + (not found.is_whole)
        print(f"{number:4} {'' if found.is_whole else 'NOT WHOLE '}{found}", flush=True)
    print(f"killed {times} times: at most {worst:.2f} s missing, not whole: {bad}")
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
