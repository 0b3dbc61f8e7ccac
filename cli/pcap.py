"""`podwire pcap FILE… -o jsonl [--flows | --dns]`: captures as JSON lines on standard output,
without a console."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.messages import flush_output, print_message, write_bytes
from collectors.capture.flow_lines import FlowLines
from collectors.capture.flows import FlowTable
from collectors.capture.readers import read_file, read_records, was_read
from collectors.errors import CaptureError
from collectors.sanitize import sanitize

if TYPE_CHECKING:
    import argparse

    from cli.plain_pcap import PlainPcap
    from collectors.capture.pcapng import Chunk

PIECE = 1000  # packets at a time
MAX_NAME = 4096
MANY_FLOWS = 300_000
NEW_OBJECTS = 5_000_000  # between two looks for garbage: flows and packets leave none in cycles
Show = Callable[[dict[str, Any]], None]


def print_jsonl(options: argparse.Namespace | PlainPcap) -> int:
    """Each file in turn; 1 where one could not be read to its end by fault of its bytes, 2 where
    its name is none of a file, 0 where it was merely cut."""
    gc.set_threshold(NEW_OBJECTS)
    worst = 0
    for path in options.files:
        try:
            _print_file(path, options)
        except CaptureError as error:
            flush_output()
            print_message(str(error))
            if not was_read(error):
                worst = max(worst, error.exit_code)
    return worst


def _print_file(path: Path, options: argparse.Namespace | PlainPcap) -> None:
    many, name = len(options.files) > 1, sanitize(path, MAX_NAME)
    if options.flows:
        _print_flows(path, name if many else "")
        return
    from collectors.capture import jsonl

    def show(found: jsonl.Object) -> None:
        write_bytes(jsonl.encoded({"file": name, **found} if many else found))

    if options.dns:
        _print_lookups(path, show)
    else:
        _print_packets(path, show)


def _print_flows(path: Path, name: str) -> None:
    lines = FlowLines(write_bytes, name)
    table = FlowTable(MANY_FLOWS, leaving=lines.add, evict=False, keep_idle=True, dns=False)
    try:
        for linktype, found in read_records(path):
            table.follow(linktype, found)
            lines.flush()
            flush_output()
    finally:
        table.close()
        lines.flush()
        _report_refused(table)


def _print_lookups(path: Path, show: Show) -> None:
    from collectors.capture import jsonl

    table = FlowTable()
    table.lookups.on_done = lambda found: show(jsonl.lookup_object(found))
    try:
        for linktype, found in read_records(path):
            table.follow(linktype, found)
            flush_output()
    finally:
        table.close()
        _report_left_out(table)


def _print_packets(path: Path, show: Show) -> None:
    from collectors.capture import jsonl
    from collectors.capture.dissect import dissect

    table, number = FlowTable(MANY_FLOWS, keep_idle=True), 0
    for linktype, packets in pieces(read_file(path)):
        for packet, (analysis, flow) in zip(packets, table.add(linktype, packets), strict=True):
            number += 1
            frame = dissect(linktype, packet.data, packet.length)
            show(jsonl.packet_object(number, packet, frame, analysis, flow))


def _report_refused(table: FlowTable) -> None:
    if table.totals.refused:
        print_message(
            f"{table.totals.refused:,} packets belong to flows beyond the first {MANY_FLOWS:,}, "
            "which are left out. Filter the capture, or split it."
        )


def _report_left_out(table: FlowTable) -> None:
    from collectors.capture.dns_transactions import MAX_PENDING

    if table.lookups.totals.left_out:
        print_message(
            f"{table.lookups.totals.left_out:,} DNS queries are left out: more than "
            f"{MAX_PENDING:,} waited for an answer at once. Filter the capture, or split it."
        )


def pieces(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Of at most PIECE packets; what was printed of a chunk is flushed before the next is read,
    which may come by a pipe, later."""
    for linktype, packets in chunks:
        for start in range(0, len(packets), PIECE):
            yield linktype, packets[start : start + PIECE]
        flush_output()
