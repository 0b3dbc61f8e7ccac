"""Captures of other people's wires, one for each kind of wrong answer that was found in some; more of
each kind are made here. tests/data/README.md says what each file is."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collectors.capture.flows import FlowTable
from collectors.capture.jsonl import flow_object
from collectors.capture.readers import read_file
from collectors.events import Packet
from tests.support.frames import IP4_SYN, MACS, ethernet, ip4, write_pcap

ROOT = Path(__file__).parent.parent.parent
FOREIGN = ROOT / "tests" / "data" / "foreign"
LAB = ROOT / "tests" / "data" / "lab.pcap"
SYN_LOST, REFUSED_FIRST = "syn_lost_rto.pcap", "refused_first.pcap"
Object = dict[str, Any]


def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cli.main", "pcap", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, check=False)


def objects(name: str | Path, *options: str) -> list[Object]:
    done = run(FOREIGN / name, *options)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def packets(name: str) -> list[Object]:
    return objects(name, "-o", "jsonl")


def flows(name: str) -> list[Object]:
    return objects(name, "--flows")


def lookups(name: str) -> list[Object]:
    return objects(name, "--dns")


# --- TCP


def test_the_first_round_trip_counts_from_the_latest_syn() -> None:
    found = packets(SYN_LOST)
    assert found[7]["analysis"] == ["retransmission"]
    (flow,) = flows(SYN_LOST)
    assert flow["client"]["timeout_retransmissions"] + flow["client"]["fast_retransmissions"] == 1


def test_a_connection_that_is_refused_and_one_that_works_are_two() -> None:
    first, second = flows(REFUSED_FIRST)
    assert (first["state"], second["state"]) == ("refused", "open")
    assert second["client"]["retransmissions"] == 0


def test_one_connection_is_one_flow_whatever_is_between() -> None:
    for name in ("fin_backoff_dense.pcap.gz", "keepalive_after_idle.pcap.gz"):
        assert [flow["protocol"] for flow in flows(name)].count("TCP") == 1
    found = packets("keepalive_after_idle.pcap.gz")
    assert sum("keep-alive" in packet.get("analysis", ()) for packet in found) == 1
    assert sum("keep-alive ACK" in packet.get("analysis", ()) for packet in found) == 1


@pytest.mark.parametrize("name", ["fin_backoff_dense", "keepalive_after_idle", "icmp_flood_tcp"])
def test_what_is_kept_does_not_depend_on_where_a_batch_ends(name: str) -> None:
    (chunk,) = list(read_file(FOREIGN / f"{name}.pcap.gz"))[:1]
    linktype, given = chunk
    results = []
    for size in (1, 7, 1000, len(given)):
        table = FlowTable()
        found = []
        for start in range(0, len(given), size):
            found += table.add(linktype, given[start : start + size])
        results.append((found, [flow.number for flow in table.flows]))
    assert all(result == results[0] for result in results)


def test_vnis_are_part_of_a_flow() -> None:
    assert [flow["client"]["retransmissions"] for flow in flows("two_vni.pcap")] == [0, 0]


def test_vlans_are_part_of_a_flow(tmp_path: Path) -> None:
    frames = [ethernet("8100", struct.pack(">H", vlan) + b"\x08\0" + IP4_SYN) for vlan in (5, 6)]
    inner = struct.pack(">HHH", 0x8100, 5, 0x0800) + IP4_SYN
    frames += [ethernet("88a8", struct.pack(">H", service) + inner) for service in (7, 8)]
    found = objects(write_pcap(tmp_path / "vlans.pcap", 1, frames), "--flows")
    assert [flow["client"]["packets"] for flow in found] == [1, 1, 1, 1]


# --- copies


def test_a_packet_on_two_interfaces_of_cooked_v1_counts_once() -> None:
    (flow,) = flows("sll1_twice_v4.pcap")
    assert flow["client"]["retransmissions"] == flow["server"]["retransmissions"] == 0
    assert (flow["copies"], flow["client"]["packets"] + flow["server"]["packets"]) == (7, 7)
    (lookup,) = lookups("sll1_dns_thrice.pcap")
    assert (lookup["outcome"], lookup["retries"]) == ("NOERROR", 0)


# --- DNS


@pytest.mark.parametrize("name", ["two_segments", "length_apart", "q_length_apart"])
def test_dns_over_tcp_is_put_together(name: str) -> None:
    (lookup,) = lookups(f"dnstcp_{name}.pcap")
    assert (lookup["outcome"], lookup["over_tcp"], lookup["name"]) == ("NOERROR", True, "a.example")


def test_an_error_without_its_question_is_an_answer() -> None:
    (lookup,) = lookups("dns_formerr_headeronly.pcap")
    assert (lookup["outcome"], lookup["name"]) == ("FORMERR", "a.example")


def test_multicast_dns_is_answered_to_the_group() -> None:
    (lookup,) = lookups("mdns_answered.pcap")
    assert (lookup["outcome"], lookup["answers"]) == ("NOERROR", 1)
    assert {flow["state"] for flow in flows("mdns_answered.pcap")} == {"one direction"}


# --- ICMP


def test_path_mtu_discovery_is_not_unreachable() -> None:
    (flow,) = flows("udp_pmtud_answered.pcap")
    assert (flow["state"], "icmp_errors" in flow) == ("answered", False)


def test_icmp_events_are_bounded() -> None:
    (flow,) = flows("icmp_flood_tcp.pcap.gz")
    assert flow["icmp_errors"]["count"] == 20_000 and len(flow["events"]) < 10


# --- links and tunnels


@pytest.mark.parametrize("name", ["mpls", "pppoe", "ppp9", "nflog239", "vxlan_reserved"])
def test_the_connection_inside_is_found(name: str) -> None:
    found = packets(f"{name}.pcap")
    assert {packet["protocol"] for packet in found} == {"TCP"}
    assert all(packet["tcp"]["destination_port"] == 80 for packet in found)


# --- files


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zero.pcap", "is not a capture: it is empty"),
        ("hi.pcap", "is not a capture: it is neither pcap nor pcapng"),
        ("ieee80211_105.pcap", "podwire does not decode 1 packet of link type 105 (IEEE 802.11)"),
    ],
)
@pytest.mark.parametrize("options", [("-o", "jsonl"), ("--flows",), ("--dns",)])
def test_what_cannot_be_shown_is_said(name: str, says: str, options: tuple[str, ...]) -> None:
    done = run(FOREIGN / name, *options)
    assert done.returncode == 1 and says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_all_members_of_a_gzip_file_are_read() -> None:
    assert len(packets("gz2b.pcap.gz")) == 3


def test_a_gzip_file_cut_between_packets_says_so() -> None:
    done = run(FOREIGN / "gzcutb.pcap.gz", "-o", "jsonl")
    assert done.returncode == 0 and b"it was cut" in done.stderr
    assert done.stdout.count(b"\n") == 1


def test_a_clock_that_jumps_back_gives_no_negative_durations(tmp_path: Path) -> None:
    """An hour forward, two back: nothing lasts less than nothing, and flows still expire."""
    table, hour = FlowTable(), 3600 * 10**9
    at, wanted = 10**18, 0
    for jump in (0, hour, -2 * hour, 0):
        at += jump
        for _ in range(20):
            at += 20 * 10**9
            wanted += 1
            datagram = struct.pack("!HHHH", 1000 + wanted, 9, 12, 0) + b"1234"
            data = ethernet("0800", ip4(17, datagram))
            table.add(1, [Packet(at, data, len(data))])
    assert len(table) < 40, "flows of before the jump, or after it, are never let go"
    frames = [Packet(5 * hour, MACS + b"\x08\0" + IP4_SYN, 54)]
    table = FlowTable()
    table.add(1, frames)
    table.add(1, [packet._replace(ns=packet.ns - hour) for packet in frames])
    (flow,) = table.flows
    assert flow_object(flow)["duration_ms"] == 0


# --- more of each kind


def tcp_dns(segments: list[tuple[int, bytes]], tmp_path: Path) -> list[Object]:
    """Lookups where a server's answer is in these (offset, bytes) segments, in this order."""
    message = struct.pack("!6H", 7, 0x8180, 1, 0, 0, 0) + NAME
    stream = struct.pack("!H", len(message)) + message
    assert all(stream[at : at + len(part)] == part for at, part in segments)
    query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + NAME
    frames = [dns_segment(40_000, 53, 0, flags=2), dns_segment(53, 40_000, 999, flags=0x12)]
    frames += [dns_segment(40_000, 53, 1, struct.pack("!H", len(query)) + query)]
    frames += [dns_segment(53, 40_000, 1000 + at, part) for at, part in segments]
    return objects(write_pcap(tmp_path / "dns.pcap", 1, frames, apart_us=100), "--dns")


NAME = b"\1a\7example\0\0\x10\0\1"
ANSWER = struct.pack("!H", 27) + struct.pack("!6H", 7, 0x8180, 1, 0, 0, 0) + NAME


def dns_segment(
    source: int, destination: int, seq: int, body: bytes = b"", flags: int = 0x18
) -> bytes:
    head = source, destination, seq, 1, 0x50, flags, 8192, 0, 0
    segment = struct.pack("!HHIIBBHHH", *head) + body
    addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2])
    if source == 53:
        addresses = addresses[4:] + addresses[:4]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + addresses
    return ethernet("0800", ip + segment)


@pytest.mark.parametrize(
    "cuts",
    [
        [(0, 29)],
        [(0, 1), (1, 29)],
        [(0, 2), (2, 29)],
        [(at, at + 1) for at in range(29)],
        [(10, 29), (0, 10)],
        [(20, 29), (0, 10), (10, 20)],
        [(0, 10), (0, 10), (5, 20), (15, 29)],
    ],
)
def test_a_dns_answer_in_any_segments(cuts: list[tuple[int, int]], tmp_path: Path) -> None:
    (lookup,) = tcp_dns([(start, ANSWER[start:end]) for start, end in cuts], tmp_path)
    assert (lookup["outcome"], lookup["name"], lookup["type"]) == ("NOERROR", "a.example", "TXT")


def test_several_dns_messages_in_a_segment(tmp_path: Path) -> None:
    queries = answers = b""
    for number in range(5):
        for response in (False, True):
            flags = 0x8180 if response else 0x0100
            message = struct.pack("!6H", number, flags, 1, 0, 0, 0) + NAME
            whole = struct.pack("!H", len(message)) + message
            queries, answers = (
                (queries, answers + whole) if response else (queries + whole, answers)
            )
    frames = [dns_segment(40_000, 53, 1, queries), dns_segment(53, 40_000, 1000, answers)]
    found = objects(write_pcap(tmp_path / "dns.pcap", 1, frames), "--dns")
    assert [lookup["outcome"] for lookup in found] == ["NOERROR"] * 5


def mdns(body: bytes, source: int, *, group: bool = True, port: int = 5353) -> bytes:
    datagram = struct.pack("!HHHH", 5353 if source == 2 else port, 5353, 8 + len(body), 0) + body
    if not group:
        datagram = struct.pack("!HHHH", 5353, port, 8 + len(body), 0) + body
    to = bytes([224, 0, 0, 251]) if group else bytes([10, 0, 0, 1])
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 255, 17, 0)
    return ethernet("0800", head + bytes([10, 0, 0, source]) + to + datagram)


QUERY = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + NAME
RECORD = b"\1a\7example\0\0\x10\x80\1\0\0\0\x0a\0\2\1x"
RESPONSE = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + RECORD


@pytest.mark.parametrize(
    ("frames", "outcomes"),
    [
        ([mdns(QUERY, 1), mdns(RESPONSE, 2)], ["NOERROR"]),
        ([mdns(QUERY, 1), mdns(QUERY, 3), mdns(RESPONSE, 2)], ["NOERROR"] * 2),
        ([mdns(QUERY, 1), mdns(RESPONSE, 2, group=False)], ["NOERROR"]),
        (
            [mdns(QUERY, 1, port=40_000), mdns(RESPONSE, 2, group=False, port=40_000)],
            ["NOERROR"],
        ),
        ([mdns(QUERY, 1)], ["no answer"]),
        ([mdns(struct.pack("!6H", 0, 0, 1, 1, 0, 0) + NAME + RECORD, 1)], []),
        ([mdns(struct.pack("!6H", 0, 0, 1, 0, 1, 0) + NAME + RECORD, 1)], []),
    ],
    ids=["group", "two ask", "unicast", "one shot", "silence", "known answer", "probe"],
)
def test_multicast_dns(frames: list[bytes], outcomes: list[str], tmp_path: Path) -> None:
    found = objects(write_pcap(tmp_path / "mdns.pcap", 1, frames, apart_us=1000), "--dns")
    assert [lookup["outcome"] for lookup in found] == outcomes


def icmp_about(frame: bytes, kind: int, code: int) -> bytes:
    return ethernet("0800", ip4(1, struct.pack("!BBHI", kind, code, 0, 1300) + frame[14:]))


def datagram(source: int, destination: int) -> bytes:
    body = struct.pack("!HHHH", 5000 if source == 1 else 443, 443 if source == 1 else 5000, 12, 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 32, 1, 0, 64, 17, 0)
    return ethernet(
        "0800", head + bytes([10, 0, 0, source, 10, 0, 0, destination]) + body + b"data"
    )


ASK, REPLY = datagram(1, 2), datagram(2, 1)


@pytest.mark.parametrize(
    ("frames", "state"),
    [
        ([ASK, icmp_about(ASK, 3, 3)], "unreachable"),
        ([ASK, icmp_about(ASK, 11, 0)], "unreachable"),
        ([ASK, icmp_about(ASK, 3, 4)], "unanswered"),
        ([ASK, icmp_about(ASK, 5, 1)], "unanswered"),
        ([ASK, icmp_about(ASK, 5, 1), REPLY], "answered"),
        ([ASK, icmp_about(ASK, 3, 3), ASK, REPLY], "answered"),
        ([ASK, REPLY, ASK, icmp_about(ASK, 3, 3)], "unreachable"),
        ([ASK, REPLY, REPLY, icmp_about(REPLY, 3, 3)], "answered"),
    ],
)
def test_what_is_unreachable(frames: list[bytes], state: str, tmp_path: Path) -> None:
    (flow,) = objects(write_pcap(tmp_path / "icmp.pcap", 1, frames), "--flows")
    assert flow["state"] == state


def test_on_any_a_packet_in_its_tunnel_and_out_of_it_is_one(tmp_path: Path) -> None:
    """Cooked v1: the inner packet is seen on the pod's interface, and in VXLAN on the node's."""
    inner = MACS + b"\x08\0" + IP4_SYN
    vxlan = bytes.fromhex("0800000000002a00") + inner
    outer = ip4(17, struct.pack("!HHHH", 40_000, 4789, 8 + len(vxlan), 0) + vxlan)
    cooked = bytes.fromhex("000000010006" + "020000000001" + "0000" + "0800")
    both = [cooked + IP4_SYN, cooked + outer]
    (flow,) = objects(write_pcap(tmp_path / "any.pcap", 113, both, apart_us=50), "--flows")
    assert (flow["client"]["packets"], flow["copies"]) == (1, 1)
