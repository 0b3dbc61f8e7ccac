"""Parses the text of `ss -tinoOaH` and `ss -uanH`: one socket a line (fields: SIGNATURES 5.9).

A line that cannot be read is passed over: the format differs between versions, and one odd socket must not
hide the others.
"""

from __future__ import annotations

import re

from collectors.safe import safe
from collectors.sockets.rows import SocketRow
from collectors.sockets.ssline import USUAL

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
_new = tuple.__new__  # a named tuple's own looks for defaults: half of the time
_ADDRESSES: dict[str, str] = {}  # as ss writes them, to safe text: a machine speaks to few


def _address(text: str) -> str:
    if len(_ADDRESSES) >= MAX_KNOWN:
        _ADDRESSES.clear()
    known = _ADDRESSES[text] = safe(text.strip("[]"), 64)
    return known


def _endpoint(text: str) -> tuple[str, int]:
    """`10.0.0.1:80`, `[::1]:80`, `*:80`, `10.0.0.1%eth0:80`; port 0 stands for any."""
    address, _, port = text.rpartition(":")
    return _ADDRESSES.get(address) or _address(address), 0 if port == "*" else int(port)


def _number(value: str | None, default: int | None) -> int | None:
    return int(value) if value and value.isdecimal() else default


def _float(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _limited(value: str | None) -> float | None:
    """`200ms(66.7%)` as per cent."""
    return _float(value[value.find("(") + 1 : -2]) if value and value.endswith("%)") else None


def _timer(value: str | None) -> tuple[str, int]:
    """`(on,204ms,2)` as (on, 2)."""
    if not value:
        return "", 0
    kind, _, rest = value.strip("()").partition(",")
    count = rest.rpartition(",")[2]
    return (safe(kind, 16), int(count)) if kind.isidentifier() and count.isdecimal() else ("", 0)


def _details(head: Head, text: str) -> SocketRow:
    """A row with what `ss -io` adds; a field that cannot be read is as one that is not there."""
    fields: dict[str, str] = dict(_FIELD.findall(text))
    get = fields.get
    timer, retries = _timer(get("timer")) if "timer" in fields else ("", 0)
    if "cwnd" not in fields and "rtt" not in fields and "count" not in fields:
        return SocketRow(*head, timer, retries)
    rtt, _, rtt_var = get("rtt", "").partition("/")
    now, _, total = get("retrans", "").partition("/")
    rate = _RATE.search(text)
    return SocketRow(
        *head, timer, retries, _float(rtt), _float(rtt_var), _float(get("minrtt")), _float(get("rto")),
        _number(get("backoff"), 0) or 0, _number(get("mss"), None), _number(get("pmtu"), None),
        _number(get("cwnd"), None), _number(get("unacked"), 0) or 0, _number(now, 0) or 0, _number(total, 0) or 0,
        _number(get("lost"), 0) or 0, float(rate[1]) * _FACTOR[rate[2]] if rate else None,
        _limited(get("rwnd_limited")), _limited(get("sndbuf_limited")), " app_limited" in text,
        _number(get("notsent"), 0) or 0, _number(get("bytes_acked"), 0), _number(get("bytes_received"), 0),
        _number(get("count"), 1) or 1,
    )  # fmt: skip


def parse_line(line: str, protocol: str) -> SocketRow | None:
    """One line of `ss -H`; None where it is not a socket."""
    parts = line.split(None, 5)
    if len(parts) < 5 or parts[0] not in STATES:
        return None
    try:
        head: Head = (protocol, parts[0], *_endpoint(parts[3]), *_endpoint(parts[4]), int(parts[1]), int(parts[2]))
        return _details(head, f" {parts[5]}") if len(parts) > 5 else SocketRow(*head)
    except (ValueError, OverflowError):
        return None


def _usual(protocol: str, fields: tuple[str, ...]) -> SocketRow | None:
    """The groups of a line that is as ss writes it today; None where it is not a socket."""
    (state, received, sent, local, local_port, peer, peer_port, timer, retries, rto, backoff, rtt, rtt_var, mss,
     pmtu, cwnd, acked, got, rate, unit, limited, window, buffer, unacked, now, total, lost, not_sent, least,
     _) = fields  # fmt: skip
    if state not in STATES:
        return None
    known = _ADDRESSES.get
    head: Head = (
        protocol, state, known(local) or _address(local), 0 if local_port == "*" else int(local_port),
        known(peer) or _address(peer), 0 if peer_port == "*" else int(peer_port), int(received), int(sent),
    )  # fmt: skip
    if not cwnd and not rtt:
        return SocketRow(*head, timer, int(retries or 0))
    return _new(SocketRow, (
        *head, timer, int(retries) if retries else 0, float(rtt) if rtt else None,
        float(rtt_var) if rtt_var else None, float(least) if least else None, float(rto) if rto else None,
        int(backoff) if backoff else 0, int(mss) if mss else None, int(pmtu) if pmtu else None,
        int(cwnd) if cwnd else None, int(unacked) if unacked else 0, int(now) if now else 0,
        int(total) if total else 0, int(lost) if lost else 0, float(rate) * _FACTOR[unit] if rate else None,
        float(window) if window else None, float(buffer) if buffer else None, limited != "",
        int(not_sent) if not_sent else 0, int(acked) if acked else 0, int(got) if got else 0, 1,
    ))  # fmt: skip


def parse(text: str, protocol: str) -> tuple[SocketRow, ...]:
    """All sockets of an `ss` output. Without -O (old iproute2) details come on an indented second line."""
    rows: list[SocketRow] = []
    for line in text.replace("\n\t", " ").replace("\n", " \n").splitlines():
        if (usual := USUAL.match(line)) is None:
            continue
        fields = usual.groups("")
        try:
            row = parse_line(fields[-1], protocol) if fields[-1] else _usual(protocol, fields)
        except (ValueError, OverflowError):  # a number of thousands of digits
            continue
        if row is not None:
            rows.append(row)
    return tuple(rows)
