"""Flows as lines of JSON: written by the compiled core where it is there, else of their objects."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from collectors.capture import jsonl
from collectors.capture.flow_expiry import Flow


def plain_flow_line(flow: Flow, name: str = "") -> bytes:
    """`name` is the file's, where there are several."""
    found = jsonl.flow_object(flow)
    return jsonl.encoded({"file": name, **found} if name else found)


def flow_line(flow: Flow, name: str = "") -> bytes:
    return fast_flow_line(flow, name) or plain_flow_line(flow, name)


def _never(flow: Flow, name: str) -> bytes | None:
    """Where nothing is compiled."""
    return None


fast_flow_line: Callable[[Flow, str], bytes | None] = _never
with contextlib.suppress(ImportError):
    from collectors.capture import fast_flow_lines

    fast_flow_line = fast_flow_lines.flow_line
