"""Parses the text of `ss -tinoOaH` and `ss -uanH`: one socket per line
(fields: docs/reference/sockets.md).

A line that cannot be read is skipped: the format differs between versions, and one odd socket must
not hide the others.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from collectors.sanitize import sanitize
from collectors.sockets import ss_columns
from collectors.sockets.rows import SocketRow

STATES = frozenset(
    [
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "UNCONN",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ]
)
_FACTOR = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_RATE = re.compile(r" delivery_rate ([\d.]+)([KMGT]?)bps")
_FIELD = re.compile(r" ([a-z_]+):(\S+)")
Head = tuple[str, str, str, int, str, int, int, int]
MAX_KNOWN = 50_000
_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+[^\]\s]*\](?=:)")
AT_ONCE = 100_000  # characters; little enough to stay in the processor's cache
FEW = 4  # lines alike are read name by name
MAX_LAYOUTS = 4096
_LAYOUTS: dict[tuple[str, bytes], ss_columns.Layout | None] = {}
Address = Callable[[str], str]  # as ss writes it, to safe text


@lru_cache(MAX_KNOWN)
def _address(text: str) -> str:
    """A machine speaks to few."""
    return sanitize(text.strip("[]"), 64)


def _endpoint(text: str, name: Address) -> tuple[str, int]:
    """`10.0.0.1:80`, `[::1]:80`, `*:80`, `10.0.0.1%eth0:80`; port 0 stands for any."""
    address, _, port = text.rpartition(":")
    return name(address), 0 if port == "*" else int(port)


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() else None


def _count(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0


def _float(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _limited(value: str | None) -> float | None:
    """`200ms(66.7%)` as per cent."""
    return _float(value[value.find("(") + 1 : -2]) if value and value.endswith("%)") else None


def _delivery_rate(text: str) -> float | None:
    """`delivery_rate 1.5Mbps` in bits/s."""
    rate = _RATE.search(text)
    return float(rate[1]) * _FACTOR[rate[2]] if rate else None


def _timer(value: str | None) -> tuple[str, int]:
    """`(on,204ms,2)` as (on, 2)."""
    if not value:
        return "", 0
    kind, _, rest = value.strip("()").partition(",")
    count = rest.rpartition(",")[2]
    if not (kind.isidentifier() and count.isdecimal()):
        return "", 0
    return sanitize(kind, 16), int(count)


def _details(head: Head, text: str) -> SocketRow:
    """A row with what `ss -io` adds; a field that cannot be read is as one that is not there."""
    fields: dict[str, str] = dict(_FIELD.findall(text))
    get = fields.get
    timer, retries = _timer(get("timer")) if "timer" in fields else ("", 0)
    if "cwnd" not in fields and "rtt" not in fields and "count" not in fields:
        return SocketRow(*head, timer, retries)
    rtt, _, rtt_var = get("rtt", "").partition("/")
    outstanding, _, total = get("retrans", "").partition("/")
    return SocketRow(
        *head,
        timer=timer,
        timer_retries=retries,
        rtt=_float(rtt),
        rtt_var=_float(rtt_var),
        min_rtt=_float(get("minrtt")),
        rto=_float(get("rto")),
        backoff=_count(get("backoff")),
        mss=_number(get("mss")),
        pmtu=_number(get("pmtu")),
        cwnd=_number(get("cwnd")),
        unacked=_count(get("unacked")),
        retrans=_count(outstanding),
        retrans_total=_count(total),
        lost=_count(get("lost")),
        delivery_rate=_delivery_rate(text),
        rwnd_limited=_limited(get("rwnd_limited")),
        sndbuf_limited=_limited(get("sndbuf_limited")),
        app_limited=" app_limited" in text,
        not_sent=_count(get("notsent")),
        bytes_acked=_count(get("bytes_acked")),
        bytes_received=_count(get("bytes_received")),
        alike=_count(get("count")) or 1,
    )


def parse_line(line: str, protocol: str, address: Address = _address) -> SocketRow | None:
    """One line of `ss -H`; None where it is not a socket."""
    parts = line.split(None, 5)
    if len(parts) < 5 or parts[0] not in STATES:
        return None
    try:
        head: Head = (
            protocol,
            parts[0],
            *_endpoint(parts[3], address),
            *_endpoint(parts[4], address),
            int(parts[1]),
            int(parts[2]),
        )
        return _details(head, f" {parts[5]}") if len(parts) > 5 else SocketRow(*head)
    except (ValueError, OverflowError):
        return None


def parse(text: str, protocol: str) -> tuple[SocketRow, ...]:
    """All sockets of an `ss` output, in its order. Old iproute2 (no -O) prints details on an
    indented second line."""
    text = text.replace("\n\t", " ")
    rows: list[SocketRow] = []
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + AT_ONCE) + 1 or len(text)
        rows += _parsed(text[begin:end], protocol)
        begin = end
    return tuple(rows)


def _parsed(text: str, protocol: str) -> Iterable[SocketRow]:
    text, address = _numbered(text)
    data = text.encode(errors="replace")
    lines = data.split(b"\n")
    alike: dict[bytes, list[int]] = {}
    for place, shape in enumerate(ss_columns.shapes(data)):
        alike.setdefault(shape, []).append(place)
    rows: list[SocketRow | None] = [None] * len(lines)
    for shape, places in alike.items():
        found = _rows(shape, [lines[place] for place in places], protocol, address)
        for place, row in zip(places, found, strict=True):
            rows[place] = row
    return [row for row in rows if row is not None]


def _numbered(text: str) -> tuple[str, Address]:
    """Addresses in brackets (IPv6, and IPv4 in it) replaced by numbers that are no addresses
    (`0.7`); and what gives their names."""
    if "[" not in text:
        return text, _address
    numbers: dict[str, str] = {}
    text = _BRACKETS.sub(lambda found: numbers.setdefault(found[0], f"0.{len(numbers)}"), text)
    names = {number: _address(name) for name, number in numbers.items()}
    return text, lambda text: names.get(text) or _address(text)


def _rows(
    shape: bytes, lines: list[bytes], protocol: str, address: Address
) -> list[SocketRow | None]:
    """Lines that differ in their digits only; where one does not fit, each is read name by name."""
    if len(lines) >= FEW and (layout := _layout(shape, lines[0], protocol)):
        with contextlib.suppress(ValueError, OverflowError):
            return list(ss_columns.rows(lines, layout, address))
    return [parse_line(line.decode(), protocol, address) for line in lines]


def _layout(shape: bytes, line: bytes, protocol: str) -> ss_columns.Layout | None:
    key = (protocol, shape)
    if key not in _LAYOUTS:
        if len(_LAYOUTS) >= MAX_LAYOUTS:
            _LAYOUTS.clear()
        _LAYOUTS[key] = ss_columns.learn(line.decode(), lambda text: parse_line(text, protocol))
    return _LAYOUTS[key]
