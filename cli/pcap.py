"""`podwire pcap FILE… -o jsonl [--flows | --dns]`: captures as JSON lines on standard output, without a console."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from cli.exit_codes import FAILED
from cli.messages import flush_output, print_message, write_output
from collectors.capture import jsonl
from collectors.capture.dissect import dissect
from collectors.capture.flows import FlowTable
from collectors.capture.pcapng import Chunk
from collectors.capture.readers import Truncated, read_file
from collectors.errors import CaptureError

PIECE = 1000  # packets at a time
MANY_FLOWS = 200_000
LONG_NS = 24 * 3600 * 1_000_000_000  # of a file all flows are wanted, however long they were idle


def print_jsonl(options: argparse.Namespace) -> int:
    """Each file in turn; 1 where one could not be read to its end by fault of its bytes, 0 where it was merely cut."""
    worst = 0
    for path in options.files:
        try:
            _print_file(path, options)
        except Truncated as error:
            print_message(str(error))
        except CaptureError as error:
            flush_output()
            print_message(str(error))
            worst = FAILED
    return worst


def _print_file(path: Path, options: argparse.Namespace) -> None:
    many = len(options.files) > 1

    def show(found: jsonl.Object) -> None:
        write_output(
            json.dumps({"file": str(path), **found} if many else found, separators=(",", ":"))
            + "\n"
        )

    if options.flows or options.dns:
        table = FlowTable(
            MANY_FLOWS,
            LONG_NS,
            (lambda flow: show(jsonl.flow_object(flow))) if options.flows else None,
        )
        table.lookups.keep(None if options.dns else 0)
        try:
            for linktype, packets in pieces(read_file(path)):
                table.add(linktype, packets)
        finally:
            table.close()
            for found in table.lookups.done if options.dns else ():
                show(jsonl.lookup_object(found))
        return
    table, number = FlowTable(MANY_FLOWS), 0
    for linktype, packets in pieces(read_file(path)):
        for packet, (analysis, flow) in zip(packets, table.add(linktype, packets), strict=True):
            number += 1
            frame = dissect(linktype, packet.data, packet.length)
            show(jsonl.packet_object(number, packet, frame, analysis, flow))


def pieces(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    for linktype, packets in chunks:
        for start in range(0, len(packets), PIECE):
            yield linktype, packets[start : start + PIECE]
