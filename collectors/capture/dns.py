"""DNS messages (RFC 1035) as far as one line needs: question, answers, outcome. Bounded, never raises."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from collectors.safe import safe

TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 64: "SVCB", 65: "HTTPS"}  # fmt: skip  # noqa: E501
CODES = {0: "NOERROR", 1: "FormErr", 2: "ServFail", 3: "NXDomain", 4: "NotImp", 5: "Refused"}
MAX_ANSWERS = 3
MAX_LABELS = 64


@dataclass(frozen=True, slots=True)
class Summary:
    text: str
    failed: bool


def read_name(data: bytes, offset: int) -> tuple[str, int]:
    """A name and the offset behind it. IndexError where the message ends early or loops."""
    labels: list[str] = []
    behind = -1
    for _ in range(MAX_LABELS):
        size = data[offset]
        if size >= 0xC0:
            if behind < 0:
                behind = offset + 2
            offset = (size & 0x3F) << 8 | data[offset + 1]
        elif size == 0:
            return ".".join(labels) + ".", behind if behind >= 0 else offset + 1
        else:
            if offset + 1 + size > len(data):
                raise IndexError
            labels.append(data[offset + 1 : offset + 1 + size].decode("ascii", "backslashreplace"))
            offset += 1 + size
    raise IndexError


def summary(data: bytes) -> Summary | None:
    """A DNS message in tcpdump's manner: `24031+ A? backend.shop. ` or `24031 2/0/0 A 10.0.0.1`."""
    try:
        identity, flags, questions, answers, authority, additional = struct.unpack_from("!6H", data)
    except struct.error:
        return None
    try:
        name, offset = read_name(data, 12) if questions else ("", 12)
        (kind,) = struct.unpack_from("!H", data, offset) if questions else (0,)
    except (IndexError, struct.error):
        return Summary(f"DNS {identity} [question cut short]", False)
    shown = safe(name, 120)
    if not flags & 0x8000:
        return Summary(f"DNS {identity}+ {TYPES.get(kind, f'TYPE{kind}')}? {shown}", False)
    code = flags & 15
    outcome = "" if code == 0 else f" {CODES.get(code, f'rcode {code}')}"
    records = _answers(data, offset + 4, min(answers, MAX_ANSWERS)) if questions else []
    told = f" {', '.join(records)}" if records else ""
    more = ", …" if answers > MAX_ANSWERS else ""
    asked = f"{TYPES.get(kind, f'TYPE{kind}')} {shown}"
    text = f"DNS {identity}{outcome} {answers}/{authority}/{additional}{told}{more} for {asked}"
    return Summary(text, code not in (0, 3))


def _answers(data: bytes, offset: int, count: int) -> list[str]:
    found: list[str] = []
    try:
        for _ in range(count):
            _, offset = read_name(data, offset)
            kind, _, _, size = struct.unpack_from("!HHIH", data, offset)
            found.append(_record(kind, data[offset + 10 : offset + 10 + size], data, offset + 10))
            offset += 10 + size
    except (IndexError, struct.error, ValueError):
        found.append("[cut short]")
    return found


def _record(kind: int, value: bytes, data: bytes, offset: int) -> str:
    if kind == 1:
        return f"A {IPv4Address(value)}"
    if kind == 28:
        return f"AAAA {IPv6Address(value)}"
    if kind in (2, 5, 12):
        return f"{TYPES[kind]} {safe(read_name(data, offset)[0], 120)}"
    return TYPES.get(kind, f"TYPE{kind}")
