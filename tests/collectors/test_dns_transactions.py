"""What is kept of DNS queries is bounded, and what is left out is said."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.capture.dns_transactions import MAX_PENDING, DnsTracker
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import UDP
from collectors.capture.pcap import packed_header, packed_packets
from collectors.events import Packet
from tests.collectors.test_pcapng import block, interface, section
from tests.support.frames import udp4

ROOT = Path(__file__).parent.parent.parent
CLIENT, SERVER = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
AT = 1_700_000_000_000_000_000
ETHERNET = 1


def message(number: int, flags: int = 0x0100) -> bytes:
    """A question of its own name, or its answer."""
    name = f"name{number:06d}".encode()
    head = struct.pack(">HHHHHH", number & 0xFFFF, flags, 1, 0, 0, 0)
    return head + bytes([len(name)]) + name + b"\0\0\1\0\1"


def asked(number: int, ns: int) -> HeaderRow:
    row = HeaderRow(UDP, CLIENT, SERVER)
    row.source_port, row.destination_port, row.ns = 1024 + number % 60_000, 53, ns
    return row


def add(tracker: DnsTracker, row: HeaderRow, data: bytes) -> None:
    tracker.add(row, data, 0, len(data))


@pytest.mark.slow
def test_questions_of_a_clock_that_stands_still_are_bounded() -> None:
    tracker, count = DnsTracker(), MAX_PENDING + MAX_PENDING // 4
    for number in range(count):
        add(tracker, asked(number, AT), message(number))
    totals = tracker.totals
    assert len(tracker.pending) <= MAX_PENDING
    assert (totals.asked, totals.unanswered) == (count, 0)
    assert totals.left_out + len(tracker.pending) == count
    answered = HeaderRow(UDP, SERVER, CLIENT)
    answered.source_port, answered.ns = 53, AT + 1
    answered.destination_port = asked(count - 1, AT).source_port
    add(tracker, answered, message(count - 1, 0x8180))
    assert (totals.answered, totals.unanswered) == (1, 0), "those that came last are followed"
    tracker.expire(1 << 62)
    assert totals.unanswered + totals.left_out + totals.answered == count


def test_a_flood_costs_the_same_for_each_question() -> None:
    """Not a step for each that has left before: the last ones cost about what the first ones do."""
    tracker, spent = DnsTracker(), []
    for start in range(0, 3 * MAX_PENDING, MAX_PENDING // 2):
        began = time.process_time()
        for number in range(start, start + MAX_PENDING // 2):
            add(tracker, asked(number, AT + 200_000 * number), message(number))
        spent.append(time.process_time() - began)
    began = time.process_time()
    tracker.expire(1 << 62)
    assert time.process_time() - began < 10 * max(spent[:2])
    assert max(spent) < 10 * max(spent[:2])
    assert tracker.totals.unanswered + tracker.totals.left_out == 3 * MAX_PENDING


@pytest.mark.slow
def test_the_program_says_what_it_left_out(tmp_path: Path) -> None:
    count = MAX_PENDING + 1
    frames = [udp4(53, message(number), 1024 + number % 60_000) for number in range(count)]
    packets = [Packet(AT + number, frame, len(frame)) for number, frame in enumerate(frames)]
    path = tmp_path / "flood.pcap"
    path.write_bytes(packed_header(ETHERNET) + packed_packets(packets))
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "pcap", path, "--dns"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    left_out = MAX_PENDING // 10
    assert len(done.stdout.splitlines()) == count - left_out
    assert f"{left_out:,} DNS queries are left out" in done.stderr


def test_packets_without_a_time_have_no_latency(tmp_path: Path) -> None:
    """pcapng's simple blocks have none."""
    answer = udp4(1025, message(1, 0x8180), 53)  # from there to here
    answer = answer[:26] + answer[30:34] + answer[26:30] + answer[34:]
    frames = udp4(53, message(1), 1025), answer
    blocks = [block("<", 3, struct.pack("<I", len(frame)) + frame) for frame in frames]
    path = tmp_path / "simple.pcapng"
    path.write_bytes(section("<") + interface("<", ETHERNET) + b"".join(blocks))
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "pcap", path, "--dns"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = map(json.loads, done.stdout.splitlines())
    assert found["outcome"] == "NOERROR"
    assert "latency_ms" not in found
