"""A stream of pcap at a rate, for benchmarks.consoleload: python -m benchmarks.packet_writer RATE

Writes as long as it is read; where the reader is slower, packets wait in the pipe, and the rate is
the reader's.
"""

from __future__ import annotations

import struct
import sys
import time

from benchmarks.packets import mixed

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
FRAMES = [(packet.data, packet.length) for packet in mixed()[:20_000]]  # and bytes on the wire
TURN_S = 0.01


def batch(count: int, first: int = 0) -> bytes:
    """The bytes of a pcap stream that hold so many packets of now, as they come out of an exec."""
    now, out = time.time(), bytearray()
    stamp = struct.pack("<II", int(now), int(now % 1 * 1e6))
    for number in range(first, first + count):
        data, wire = FRAMES[number % len(FRAMES)]
        out += stamp + struct.pack("<II", len(data), wire) + data
    return bytes(out)


def write(rate: int) -> None:
    """Packets a second to stdout, until nobody reads."""
    sys.stdout.buffer.write(HEAD)
    began, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * rate)
        count = min(due - sent, int(10 * TURN_S * rate))
        sys.stdout.buffer.write(batch(count, sent))
        sys.stdout.buffer.flush()
        sent += count
        time.sleep(TURN_S)


if __name__ == "__main__":
    try:
        write(int(sys.argv[1]))
    except BrokenPipeError:
        sys.exit(0)
