"""tshark as the oracle: what it says of each packet of a capture, beside what podwire says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from collectors.capture.analysis_flags import ANALYSIS_FLAGS, COPY
from collectors.capture.dissect import dissect
from collectors.capture.flows import FlowTable
from collectors.capture.jsonl import packet_object, seconds
from collectors.capture.readers import read_file

PREFERENCES = (
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "udp.check_checksum:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "ip.tso_support:TRUE",
)
DECODE = ("udp.port==8472,vxlan",)
ANALYSIS = {
    "tcp.analysis.retransmission": "retransmission",
    "tcp.analysis.fast_retransmission": "fast retransmission",
    "tcp.analysis.spurious_retransmission": "spurious retransmission",
    "tcp.analysis.out_of_order": "out of order",
    "tcp.analysis.duplicate_ack": "duplicate ACK",
    "tcp.analysis.zero_window": "zero window",
    "tcp.analysis.zero_window_probe": "zero window probe",
    "tcp.analysis.zero_window_probe_ack": "zero window probe ACK",
    "tcp.analysis.window_full": "window full",
    "tcp.analysis.window_update": "window update",
    "tcp.analysis.keep_alive": "keep-alive",
    "tcp.analysis.keep_alive_ack": "keep-alive ACK",
    "tcp.analysis.lost_segment": "previous segment not captured",
    "tcp.analysis.ack_lost_segment": "ACKed segment not captured",
}
FIELDS = (
    "frame.time_epoch",
    "frame.len",
    "frame.cap_len",
    "eth.src",
    "eth.dst",
    "vlan.id",
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ip.id",
    "ip.len",
    "ip.proto",
    "ip.frag_offset",
    "ip.flags.df",
    "ip.flags.mf",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.len",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "icmp.type",
    "icmp.code",
    "icmp.mtu",
    "icmp.ident",
    "icmp.seq",
    "icmpv6.type",
    "icmpv6.code",
    "icmpv6.mtu",
    "arp.opcode",
    "arp.src.proto_ipv4",
    "arp.dst.proto_ipv4",
    "arp.src.hw_mac",
    "dns.id",
    "dns.flags.response",
    "dns.flags.rcode",
    "dns.flags.truncated",
    "dns.qry.name",
    "dns.qry.type",
    "dns.count.answers",
    "dns.a",
    "dns.aaaa",
    "vxlan.vni",
    "geneve.vni",
    "tcp.stream",
)

Row = dict[str, list[str]]


def tshark(path: Path) -> list[Row]:
    """A row a packet: every value of each field, outermost first."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "occurrence=a",
        "-E",
        "aggregator=|",
    ]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for rule in DECODE:
        command += ["-d", rule]
    for name in (*FIELDS, *ANALYSIS):
        command += ["-e", name]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    names = (*FIELDS, *ANALYSIS)
    return [
        {
            name: value.split("|")
            for name, value in zip(names, text.split("\t"), strict=True)
            if value
        }
        for text in said.split("\n")[:-1]
    ]


def podwire(path: Path) -> list[dict[str, Any]]:
    """What `podwire pcap -o jsonl` prints, packet by packet."""
    table = FlowTable(1_000_000)
    found: list[dict[str, Any]] = []
    for linktype, packets in read_file(path):
        for packet, (analysis, flow) in zip(packets, table.add(linktype, packets), strict=True):
            frame = dissect(linktype, packet.data, packet.length)
            ours = packet_object(len(found) + 1, packet, frame, analysis, flow)
            found.append(json.loads(json.dumps(ours)))
    return found


def values(ours: dict[str, Any]) -> Row:
    """Our packet in tshark's fields, outermost first; of what lies in ICMP errors too, since tshark lists that."""
    row: Row = {
        "frame.time_epoch": [seconds(ours["time_ns"])],
        "frame.len": [str(ours["length"])],
        "frame.cap_len": [str(ours["captured"])],
    }

    def add(name: str, value: Any) -> None:
        if value is not None:
            row.setdefault(name, []).append(str(value))

    for source, target in ours.get("outer_macs", ()):
        add("eth.src", source)
        add("eth.dst", target)
    for name, key in (("eth.src", "source_mac"), ("eth.dst", "destination_mac")):
        add(name, ours.get(key))
    for vlan in ours.get("vlans", ()):
        add("vlan.id", vlan)
    for ip in (*ours.get("outer", ()), *([ours["ip"]] if "ip" in ours else [])):
        if ip["version"] == 4:
            add("ip.src", ip["source"])
            add("ip.dst", ip["destination"])
            add("ip.ttl", ip["ttl"])
            add("ip.id", f"0x{ip['identification']:04x}")
            add("ip.len", ip["length"])
            add("ip.proto", ip["protocol"])
            add("ip.frag_offset", ip.get("fragment_offset", 0))
            add("ip.flags.df", int(ip["dont_fragment"]))
            add("ip.flags.mf", int(ip.get("more_fragments", False)))
        else:
            add("ipv6.src", ip["source"])
            add("ipv6.dst", ip["destination"])
            add("ipv6.hlim", ip["ttl"])
    for udp in (*ours.get("outer_udp", ()), *([ours["udp"]] if "udp" in ours else [])):
        add("udp.srcport", udp["source_port"])
        add("udp.dstport", udp["destination_port"])
        add("udp.length", udp["length"])
    if tcp := ours.get("tcp"):
        for name, key in (
            ("tcp.srcport", "source_port"),
            ("tcp.dstport", "destination_port"),
            ("tcp.seq_raw", "sequence"),
            ("tcp.ack_raw", "acknowledgment"),
            ("tcp.window_size_value", "window"),
            ("tcp.len", "length"),
        ):
            add(name, tcp[key])
        add("tcp.flags", f"0x{tcp['flags']:04x}")
        options = tcp.get("options", {})
        for name, key in (
            ("tcp.options.mss_val", "mss"),
            ("tcp.options.wscale.shift", "window_scale"),
            ("tcp.options.timestamp.tsval", "timestamp_value"),
            ("tcp.options.timestamp.tsecr", "timestamp_echo"),
        ):
            add(name, options.get(key))
        for left, right in options.get("sack", ()):
            add("tcp.options.sack_le", left)
            add("tcp.options.sack_re", right)
    if icmp := ours.get("icmp"):
        kind = "icmp" if icmp["version"] == 4 else "icmpv6"
        add(f"{kind}.type", icmp["type"])
        add(f"{kind}.code", icmp["code"])
        add(f"{kind}.mtu", icmp.get("mtu"))
        if icmp["version"] == 4:
            add("icmp.ident", icmp.get("identifier"))
            add("icmp.seq", icmp.get("sequence"))
    if arp := ours.get("arp"):
        add("arp.opcode", arp["operation"])
        add("arp.src.proto_ipv4", arp["sender"])
        add("arp.dst.proto_ipv4", arp["target"])
        add("arp.src.hw_mac", arp["sender_mac"])
    if message := ours.get("dns"):
        add("dns.id", f"0x{message['id']:04x}")
        add("dns.flags.response", int(message["response"]))
        add("dns.flags.truncated", int(message["truncated"]))
        add("dns.flags.rcode", message.get("rcode"))
        add("dns.count.answers", message["counts"]["answers"])
        for question in message["questions"]:
            add("dns.qry.name", question["name"])
        for record in message.get("answers", ()):
            if record["type"] in ("A", "AAAA"):
                add(f"dns.{record['type'].lower()}", record["data"])
    if "vni" in ours:
        geneve = "Geneve" in ours["tunnels"]
        add(
            "geneve.vni" if geneve else "vxlan.vni",
            f"0x{ours['vni']:06x}" if geneve else ours["vni"],
        )
    return row


def analysis(ours: dict[str, Any]) -> set[str]:
    return set(ours.get("analysis", ())) - {ANALYSIS_FLAGS[COPY]}


def analysed(theirs: Row) -> set[str]:
    return {name for field, name in ANALYSIS.items() if field in theirs}
