"""Decoding: the lines of real packets, tshark as oracle on a real capture, and no input that breaks it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.capture import dns
from collectors.capture.decode import ETHERNET, LINUX_SLL2, decode, line
from collectors.capture.pcap import PcapReader
from tests.collectors.test_safe import harmless

LINKTYPES = st.sampled_from((1, 12, 101, 113, 276, 999))
CAPTURE = Path(__file__).parent.parent / "data" / "lab.pcap"


def eth(payload: str) -> bytes:
    return bytes.fromhex("020000000002020000000001" + payload)


SYN = eth("0800" + "450000301c4640004006b1e60a0000010a000002" + "c1b40050000000640000000070022000e5d70000020405b4")


def test_a_syn_reads_as_tcpdump_has_it() -> None:
    found = decode(ETHERNET, SYN, 74)
    assert line(found, {}) == "IP 10.0.0.1.49588 > 10.0.0.2.80: Flags [S], seq 100, win 8192, length 0"
    assert line(found, {"10.0.0.2": "svc/web"}).startswith("IP 10.0.0.1.49588 > svc/web.80: ")


def test_icmp_unreachable_names_what_was_asked() -> None:
    inner = "450000280000400040060000" + "0a000001" + "0a000002" + "30390050"
    packet = eth("0800" + "45000038000000004001000" + "00a000002" + "0a000001" + "0303000000000000" + inner)
    found = decode(ETHERNET, packet, 70)
    assert found.info == "ICMP 10.0.0.2 tcp port 80 unreachable"
    assert found.bad


def test_need_to_fragment_tells_the_mtu() -> None:
    inner = "450005dc0000400040060000" + "0a000001" + "0a000002" + "30390050"
    packet = eth("0800" + "45000038000000004001000" + "00a000002" + "0a000001" + "0304000000000514" + inner)
    assert "need to frag unreachable (mtu 1300)" in decode(ETHERNET, packet, 70).info


def test_a_dns_name_with_escapes_is_made_visible() -> None:
    question = b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0" + b"\x05\x1b]0;x\x03com\0\0\x01\0\x01"
    told = dns.summary(question)
    assert told is not None
    assert "␛]0;x.com." in told.text
    assert harmless(told.text)


def test_a_name_that_points_at_itself_ends() -> None:
    told = dns.summary(b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01")
    assert told is not None


@given(LINKTYPES, st.binary(max_size=300), st.integers(0, 70_000))
def test_no_bytes_break_it(linktype: int, data: bytes, length: int) -> None:
    assert harmless(line(decode(linktype, data, length), {}))


@given(st.integers(0, len(SYN)), st.binary(max_size=40))
def test_no_cut_or_damaged_packet_breaks_it(cut: int, rest: bytes) -> None:
    assert harmless(line(decode(ETHERNET, SYN[:cut] + rest, 74), {}))


@given(st.binary(max_size=200))
def test_no_dns_message_breaks_it(data: bytes) -> None:
    told = dns.summary(data)
    assert told is None or harmless(told.text)


def test_tshark_agrees_on_a_real_capture() -> None:
    """Addresses, ports, TCP flags and lengths of every packet of a capture from the lab."""
    if not shutil.which("tshark"):
        pytest.skip("NO TSHARK: install tshark to hold the decoder against it")
    fields = ["ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "tcp.len", "dns.qry.name"]
    command = ["tshark", "-n", "-r", str(CAPTURE), "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]
    for name in fields:
        command += ["-e", name]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    reader = PcapReader()
    packets = reader.feed(CAPTURE.read_bytes())
    assert reader.linktype == LINUX_SLL2
    assert len(told) == len(packets) > 200
    for row, packet in zip(told, packets, strict=True):
        source, target, tcp_from, tcp_to, udp_from, udp_to, length, name = row.split("|")
        found = decode(reader.linktype, packet.data, packet.length)
        if not source:
            continue
        assert (found.source, found.target) == (source, target)
        if "ICMP" in found.info:
            continue
        assert (str(found.source_port), str(found.target_port)) == (tcp_from or udp_from, tcp_to or udp_to)
        if length:
            assert f"length {length}" in found.info
        if name:
            assert f"{name}." in found.info
