"""Captures by standard input and pipes; packets are shown as they arrive."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cli.exit_codes import USAGE
from cli.main import main
from collectors.capture.readers import CaptureReader, read_file, read_pipe
from tests.support.frames import FRAME, write_pcap

ROOT = Path(__file__).parent.parent.parent
LAB = ROOT / "tests" / "data" / "lab.pcap"
COMMAND = [sys.executable, "-m", "cli.main", "pcap"]
SOON_S = 0.2


def run(*arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, input=data, capture_output=True, check=False
    )


@pytest.mark.parametrize("options", [("-o", "jsonl"), ("--flows",), ("--dns",)])
def test_standard_input_gives_what_the_file_gives(options: tuple[str, ...]) -> None:
    wanted = subprocess.run([*COMMAND, LAB, *options], cwd=ROOT, capture_output=True, check=True)
    raw = LAB.read_bytes()
    for data in (raw, gzip.compress(raw)):
        done = run("-", *options, data=data)
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", wanted.stdout)


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", 1, "standard input is not a capture: it is empty"),
        (b"hi\n", 1, "standard input is not a capture: it is neither pcap nor pcapng"),
        (LAB.read_bytes()[:5000], 0, "standard input: it ends in the middle of a packet"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), 1, "Zstandard"),
    ],
)
def test_what_is_wrong_with_standard_input_is_said(data: bytes, code: int, says: str) -> None:
    done = run("-", "-o", "jsonl", data=data)
    assert done.returncode == code and says in done.stderr.decode()


@pytest.mark.parametrize("name", ["not-there.pcap", ".", "lab.pcap/a"])
def test_a_name_of_no_file_is_wrong_usage_and_the_others_are_printed(
    name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = [str(LAB.parent / name), str(LAB)]
    assert main(["pcap", *given, "--dns"]) == USAGE
    written = capfdbinary.readouterr()
    assert b"cannot be read" in written.err and written.out.count(b"\n") > 10
    assert main(["pcap", "--dns", given[1]]) == 0


def test_packets_of_a_live_pipe_are_shown_at_once() -> None:
    process = subprocess.Popen(
        [*COMMAND, "-", "-o", "jsonl"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    record = struct.pack("<IIII", 1_700_000_000, 0, len(FRAME), len(FRAME)) + FRAME
    try:
        process.stdin.write(header + record)
        process.stdin.flush()
        json.loads(process.stdout.readline())  # the program has started
        late = []
        for _ in range(5):
            began = time.monotonic()
            process.stdin.write(record)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["protocol"] == "TCP"
            late.append(time.monotonic() - began)
        assert sorted(late)[2] < SOON_S
    finally:
        process.stdin.close()
        process.stdout.close()
        assert process.wait(10) is not None


def test_look_ups_are_printed_as_they_end() -> None:
    """Not only when the capture ends: what is answered early is there early."""
    raw = LAB.read_bytes()
    process = subprocess.Popen(
        [*COMMAND, "-", "--dns"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(raw)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["outcome"]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(gzip.compress(LAB.read_bytes())))
    writer.start()
    assert sum(len(packets) for _, packets in read_file(path)) == 400
    writer.join()


def test_an_idle_pipe_gives_empty_chunks() -> None:
    read_end, write_end = os.pipe()
    try:
        chunks = read_pipe(read_end, 0.01)
        assert next(chunks) == (0, [])
        os.write(write_end, LAB.read_bytes()[:3000])
        found = next(chunk for chunk in chunks if chunk[1])
        assert len(found[1]) > 5
        assert next(chunks) == (0, [])
    finally:
        os.close(read_end)
        os.close(write_end)


@pytest.mark.parametrize("order", "<>")
def test_the_patched_pcap_has_longer_record_headers(order: str) -> None:
    """Magic a1b2cd34: interface, protocol, packet type and padding follow the lengths."""
    data = struct.pack(order + "IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    for second in (1, 2):
        data += struct.pack(order + "IIII", second, 5, len(FRAME), len(FRAME))
        data += struct.pack(order + "IHBx", 3, 0x0800, 0) + FRAME
    reader = CaptureReader()
    ((linktype, packets),) = reader.feed(data)
    reader.close()
    assert linktype == 1
    assert [(p.ns, p.data) for p in packets] == [(1_000_005_000, FRAME), (2_000_005_000, FRAME)]


def test_several_files_and_standard_input(tmp_path: Path) -> None:
    other = write_pcap(tmp_path / "one.pcap", 1, [FRAME])
    done = run(str(other), "-", "-o", "jsonl", data=LAB.read_bytes())
    files = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    assert (files.count(str(other)), files.count("-")) == (1, 400)
