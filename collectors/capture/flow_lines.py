"""Flows as lines of JSON: written by the compiled core where it is there, else of their objects."""

from __future__ import annotations

from collections.abc import Callable

from collectors.capture.flow_expiry import Flow
from collectors.capture.flow_objects import plain_flow_line as plain_flow_line

LINES_AT_ONCE = 100
Write = Callable[[bytes | memoryview], object]


class PlainFlowLines:
    """Lines that `write` is given many at a time; what it is given is valid until it returns."""

    def __init__(self, write: Write, name: str = "") -> None:
        self._write = write
        self._name = name
        self._lines: list[bytes] = []

    def add(self, flow: Flow) -> None:
        self._lines.append(plain_flow_line(flow, self._name))
        if len(self._lines) >= LINES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._write(b"".join(lines))


def flow_line(flow: Flow, name: str = "") -> bytes:
    """One line alone."""
    written: list[bytes] = []
    lines = FlowLines(lambda data: written.append(bytes(data)), name)
    lines.add(flow)
    lines.flush()
    return b"".join(written)


try:
    from collectors.capture.fast_flow_lines import FlowLines as FlowLines
except ImportError:  # it was not built
    FlowLines = PlainFlowLines  # type: ignore[misc,assignment]
