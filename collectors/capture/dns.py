"""DNS messages (RFC 1035): header, questions, answers. Bounded in names, pointers and records;
never raises."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from collectors.capture.layers import Dns, Question, Record
from collectors.sanitize import sanitize

TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    13: "HINFO",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    39: "DNAME",
    41: "OPT",
    43: "DS",
    46: "RRSIG",
    47: "NSEC",
    48: "DNSKEY",
    50: "NSEC3",
    52: "TLSA",
    64: "SVCB",
    65: "HTTPS",
    250: "TSIG",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    257: "CAA",
}
CODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
}
NXDOMAIN = 3
MAX_QUESTIONS = 8
MAX_RECORDS = 32
MAX_LABELS = 128
LONGEST_NAME = 255  # octets, RFC 1035 2.3.4
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")


def type_name(number: int) -> str:
    return TYPES.get(number, f"TYPE{number}")


def code_name(number: int) -> str:
    return CODES.get(number, f"RCODE{number}")


def read_name(data: bytes, offset: int) -> tuple[str, int]:
    """A name, without its last dot ('.' for the root), and the offset behind it. IndexError where
    it ends early, loops or is too long."""
    labels: list[str] = []
    behind, size = -1, 0
    for _ in range(MAX_LABELS):
        count = data[offset]
        if count >= 0xC0:
            if behind < 0:
                behind = offset + 2
            offset = (count & 0x3F) << 8 | data[offset + 1]
        elif count == 0:
            return sanitize(
                ".".join(labels) or ".", LONGEST_NAME * 2
            ), behind if behind >= 0 else offset + 1
        elif count >= 0x40 or offset + 1 + count > len(data):
            raise IndexError
        else:
            size += count + 1
            if size > LONGEST_NAME:
                raise IndexError
            labels.append(data[offset + 1 : offset + 1 + count].decode("ascii", "backslashreplace"))
            offset += 1 + count
    raise IndexError


def parse(data: bytes) -> Dns | None:
    """A DNS message; None where the bytes cannot be one. What is cut short keeps what came before,
    and says so."""
    if len(data) < 12:
        return None
    identity, flags, *counts = _HEADER.unpack_from(data)
    questions, answers, authority, additional = counts
    found = Dns(
        id=identity,
        response=bool(flags & 0x8000),
        opcode=flags >> 11 & 15,
        rcode=flags & 15,
        authoritative=bool(flags & 0x400),
        truncated=bool(flags & 0x200),
        recursion_desired=bool(flags & 0x100),
        recursion_available=bool(flags & 0x80),
        counts=(questions, answers, authority, additional),
    )
    offset = 12
    try:
        asked: list[Question] = []
        for _ in range(min(questions, MAX_QUESTIONS)):
            name, offset = read_name(data, offset)
            (kind,) = struct.unpack_from("!H", data, offset)
            offset += 4
            asked.append(Question(name, type_name(kind)))
            found.questions = tuple(asked)
    except (IndexError, struct.error):
        found.problem = "question cut short"
        return found
    if questions <= MAX_QUESTIONS:
        _read_answers(found, data, offset)
    return found


_QUESTIONS: dict[
    bytes, tuple[str, str] | None
] = {}  # a cluster asks for few names, again and again
MAX_QUESTIONS_KNOWN = 20_000


def glance(data: bytes, offset: int) -> tuple[int, int, int, tuple[str, str]] | None:
    """(id, flags, answers, (name in lower case, type)) of a message with one plain question,
    without the rest of it. None where there is no such question: `parse` reads more."""
    if len(data) < offset + 17:
        return None
    identity, flags, questions, answers, _, _ = _HEADER.unpack_from(data, offset)
    end = data.find(b"\0", offset + 12) + 5
    if questions != 1 or end < offset + 17 or end > len(data):
        return None
    text = data[offset + 12 : end]
    if text not in _QUESTIONS:
        if len(_QUESTIONS) >= MAX_QUESTIONS_KNOWN:
            _QUESTIONS.clear()
        _QUESTIONS[text] = _plain_question(text)
    question = _QUESTIONS[text]
    return None if question is None else (identity, flags, answers, question)


def _plain_question(text: bytes) -> tuple[str, str] | None:
    try:
        name, behind = read_name(text, 0)
    except IndexError:
        return None
    if behind != len(text) - 4:
        return None
    return name.lower(), type_name(int.from_bytes(text[-4:-2], "big"))


def _read_answers(found: Dns, data: bytes, offset: int) -> None:
    records: list[Record] = []
    try:
        for _ in range(min(found.counts[1], MAX_RECORDS)):
            name, offset = read_name(data, offset)
            kind, _, ttl, size = _RECORD.unpack_from(data, offset)
            offset += 10
            if offset + size > len(data):
                raise IndexError
            records.append(Record(name, type_name(kind), ttl, _value(kind, data, offset, size)))
            offset += size
    except (IndexError, struct.error, ValueError):
        found.problem = "answers cut short"
    found.answers = tuple(records)


def _value(kind: int, data: bytes, offset: int, size: int) -> str:
    value = data[offset : offset + size]
    if kind == 1 and size == 4:
        return str(IPv4Address(value))
    if kind == 28 and size == 16:
        return str(IPv6Address(value))
    if kind in (2, 5, 12, 39):
        return read_name(data, offset)[0]
    if kind == 15:
        return f"{struct.unpack_from('!H', data, offset)[0]} {read_name(data, offset + 2)[0]}"
    if kind == 33:
        priority, weight, port = struct.unpack_from("!HHH", data, offset)
        return f"{priority} {weight} {port} {read_name(data, offset + 6)[0]}"
    return ""
