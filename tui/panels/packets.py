"""The packets of a capture as they arrive, one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from collectors.capture.analysis_flags import COPY, GOOD, ODD, analysis_flag_names
from collectors.capture.dissect import dissect
from collectors.capture.layers import Frame
from collectors.capture.packet_summary import bad, line
from collectors.events import CaptureState, Packet
from session.store import Store
from session.target_data import GapLine, PacketLine
from tui import format as fmt
from tui.keymap import KEYS
from tui.panels.panel import Panel, Status, joined, read_from
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState

RUSHING_S = 0.9  # every other draw
Reached = tuple[float, int]  # when by the machine's clock, and how many packets there were


class PacketCells:
    """Cells of a packet line; each packet is decoded once a draw."""

    def __init__(self, store: Store) -> None:
        self.book = store.book
        self._store = store
        self.mode = 0  # 0 names, 1 names and addresses, 2 addresses
        self._last: tuple[Packet, Frame] | None = None

    def _frame(self, row: PacketLine) -> Frame:
        packet = row.packet
        if self._last is None or self._last[0] is not packet:
            self._last = (packet, dissect(row.linktype, packet.data, packet.length))
        return self._last[1]

    def time(self, row: PacketLine | GapLine) -> Cell:
        at = row.at if isinstance(row, GapLine) else row.packet.time
        return fmt.clock(at, 6, self._store.latest), "dim"

    def direction(self, row: PacketLine | GapLine) -> Cell:
        return ("", "") if isinstance(row, GapLine) else (self._frame(row).direction, "dim")

    def text(self, row: PacketLine | GapLine) -> Cell:
        if isinstance(row, GapLine):
            return f"── gap: packets are missing here ── {row.text}", "warn"
        frame = self._frame(row)
        names: Mapping[str, str] = (self.book.short, self.book.both, {})[self.mode]
        text = line(frame, row.packet.length, names)
        if row.flags:
            text = f"▲ {', '.join(analysis_flag_names(row.flags))} · {text}"
        return text, _style(frame, row.flags)

    def columns(self) -> tuple[Column, ...]:
        return (
            Column("TIME", 26, self.time, rank=2),
            Column("DIR", 3, self.direction, rank=1),
            Column("PACKET", 0, self.text),
        )


def _style(frame: Frame, flags: int) -> str:
    if bad(frame) or flags & ~(GOOD | ODD):
        return "bad"
    if flags & ODD:
        return "warn"
    return "dim" if flags & COPY else ""


class PacketsPanel(Panel):
    name = "packets"
    placeholder = "BPF filter, as for tcpdump: tcp port 80 and host 10.0.0.1 (empty: everything)"
    has_words = False

    def __init__(self, store: Store, key: str) -> None:
        self.cells = PacketCells(store)
        super().__init__(store, key, ListState(self.cells.columns(), follow=True))
        self.held = False  # the list is paused

    def version(self) -> tuple[Any, ...]:
        return (self.data.packets_seen, len(self.data.packets))

    def rows(self) -> Sequence[Any]:
        return self.data.packets[:]

    @property
    def reached(self) -> Reached:
        return monotonic(), self.data.packets_seen

    def rush_by(self, drawn: Reached | None, height: int) -> bool:
        """Whether every packet of those that were `drawn` was replaced at once: no one reads them,
        and the list, of `height` rows, is drawn once a second."""
        at, seen = drawn or (0.0, 0)
        return monotonic() - at < RUSHING_S and self.data.packets_seen - seen > height

    def note(self) -> str:
        return fmt.count(self.data.packets_seen)

    def empty(self) -> str:
        data = self.data
        if data.capture_error:
            return data.capture_error
        if data.capture is None:
            return self._no_capture()
        if data.packets_seen:
            return KEYS.fill("its packets are earlier: {replay.skip(-10)} goes back")
        if not self.live:
            return "the capture had no packets up to this time"
        if data.capture.filter:
            return KEYS.fill("no packet matches the filter yet: {target.filter} changes it")
        hint = "{target.tab(4)} shows the sockets, {target.filter} sets another filter"
        return KEYS.fill(f"no packets yet: {hint}")

    def _no_capture(self) -> str:
        if self.live:
            hint = "no capture yet: {target.capture} starts one, {target.filter} sets its filter"
            return KEYS.fill(hint)
        return self.data.message or "no capture up to this time of the recording"

    def status(self, shown: int) -> Status:
        data = self.data
        if data.capture_error:
            return f" {data.capture_error}", True
        if data.capture is None:
            return f" {data.message or 'no capture'}", data.phase in ("failed", "gone")
        capture = data.capture
        missed = self._missed(capture)
        parts = [
            capture.message if capture.phase in ("running", "ended") else "",
            f"filter: {capture.filter or 'everything'}",
            self._phase(capture),
            self._count(),
            f"kernel dropped {fmt.count(capture.dropped_kernel)}",
            *missed,
        ]
        return joined(parts), bool(capture.dropped_kernel or missed or capture.phase == "gap")

    def _missed(self, capture: CaptureState) -> list[str]:
        """What podwire itself lost of the packets: on disk, and each consumer of the stream."""
        missed = []
        if capture.dropped_disk:
            missed.append(f"{fmt.many(capture.dropped_disk, 'packet')} not written to disk")
        for consumer, events in self.store.drops.items():
            missed.append(f"{consumer} missed {fmt.many(events, 'event')}")
        return missed

    def _phase(self, capture: CaptureState) -> str:
        phase = f"interrupted: {capture.message}" if capture.phase == "gap" else capture.phase
        if phase == "running" and not self.live:
            phase = "recorded"
        return f"{phase}, list paused" if self.held else phase

    def _count(self) -> str:
        seen, kept = self.data.packets_seen, len(self.data.packets)
        text = fmt.many(seen, "packet")
        if since := read_from(self.data):
            return f"{text}, {since}"
        return f"{text}, the last {fmt.count(kept)} listed" if kept < seen else text
