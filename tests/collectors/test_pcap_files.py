"""What is captured survives: a file a connection, readable at any moment, whatever the disk does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from collectors.capture import pcap_files
from collectors.capture.pcap import PcapReader, PcapWriter
from collectors.capture.pcap_files import PcapFiles
from collectors.events import Packet

ETHERNET = 1


def packets(count: int, size: int = 60) -> tuple[Packet, ...]:
    return tuple(
        Packet((1 + n) * 1_000_000_000, bytes([n % 256]) * size, size) for n in range(count)
    )


def read(path: Path) -> int:
    """Packets in a file in which tcpdump finds nothing wrong."""
    done = subprocess.run(["tcpdump", "-nr", str(path)], capture_output=True, text=True, check=True)
    assert "truncated" not in done.stderr, done.stderr
    return len(PcapReader().feed(path.read_bytes()))


def all_written(kept: PcapFiles) -> None:
    kept.close()
    assert kept._thread is None or not kept._thread.is_alive()


def test_a_file_a_connection(tmp_path: Path) -> None:
    kept = PcapFiles(tmp_path, "pod-x-1")
    for count in (3, 0, 5):
        kept.begin()
        if count:
            kept.put(ETHERNET, packets(count))
    all_written(kept)
    assert [path.name for path in kept.paths] == ["pod-x-1-01.pcap", "pod-x-1-02.pcap"]
    assert [read(path) for path in kept.paths] == [3, 5]
    assert {path.stat().st_mode & 0o777 for path in kept.paths} == {0o600}
    assert (kept.dropped, kept.error) == (0, "")


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=12))
@settings(max_examples=25, deadline=None)
def test_every_packet_is_in_its_connection(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bool, int]]
) -> None:
    kept, wanted = PcapFiles(tmp_path_factory.mktemp("s"), "c"), [0]
    kept.begin()
    for reconnect, count in parts:
        if reconnect:
            kept.begin()
            wanted.append(0)
        kept.put(ETHERNET, packets(count))
        wanted[-1] += count
    all_written(kept)
    assert [len(PcapReader().feed(p.read_bytes())) for p in kept.paths] == [n for n in wanted if n]


def test_a_full_disk_stops_the_file_and_not_the_capture(tmp_path: Path) -> None:
    """A file size limit of 20 kB stands for the full disk: the kernel refuses the write in both cases."""
    script = (
        "import resource, signal, sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        "from tests.collectors.test_pcap_files import packets; from collectors.capture.pcap_files import PcapFiles\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        f"kept = PcapFiles(Path({str(tmp_path)!r}), 'full'); kept.begin()\n"
        "[kept.put(1, packets(50)) for _ in range(20)]; kept.close(5)\n"
        "print(kept.dropped, kept.error)\n"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )
    dropped, _, error = done.stdout.strip().partition(" ")
    assert error.startswith("no longer kept on disk: File too large")
    (path,) = tmp_path.iterdir()
    assert read(path) + int(dropped) == 1000 and int(dropped) > 0


def test_a_directory_that_goes_is_reported_and_a_symlink_is_not_followed(tmp_path: Path) -> None:
    kept = PcapFiles(tmp_path / "gone", "c")
    kept.begin()
    kept.put(ETHERNET, packets(4))
    all_written(kept)
    assert kept.error == "no longer kept on disk: No such file or directory" and kept.dropped == 4
    os.symlink("/etc/passwd", tmp_path / "c-01.pcap")
    kept = PcapFiles(tmp_path, "c")
    kept.begin()
    kept.put(ETHERNET, packets(1))
    all_written(kept)
    assert kept.error.startswith("no longer kept on disk") and kept.paths == []


def test_a_slow_disk_costs_whole_packets_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcap_files, "WAITING", 100)
    write = PcapWriter.write

    def slow_write(self: PcapWriter, rows: list[Packet]) -> None:
        time.sleep(0.05)
        write(self, rows)

    monkeypatch.setattr(PcapWriter, "write", slow_write)
    kept = PcapFiles(tmp_path, "slow")
    kept.begin()
    began = time.monotonic()
    for _ in range(50):
        kept.put(ETHERNET, packets(10))
    assert time.monotonic() - began < 0.05 * 20, "putting does not wait for the disk"
    all_written(kept)
    assert read(kept.paths[0]) + kept.dropped == 500 and kept.dropped > 0


def test_a_killed_writer_leaves_readable_files(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time; from pathlib import Path; sys.path.insert(0, '.')\n"
        "from tests.collectors.test_pcap_files import packets; from collectors.capture.pcap_files import PcapFiles\n"
        f"kept = PcapFiles(Path({str(tmp_path)!r}), 'k'); kept.begin()\n"
        "[(kept.put(1, packets(7)), time.sleep(0.002)) for _ in range(100)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parent.parent.parent
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=root).returncode == -9
    (path,) = tmp_path.iterdir()
    assert 0 < read(path) <= 700 and read(path) % 7 == 0
