"""DNS messages (RFC 1035): header, questions, answers. Bounded in names, pointers and records;
never raises."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from collectors.capture.dns_names import read_name, type_name
from collectors.capture.layers import Dns, Question, Record

MAX_QUESTIONS = 8
MAX_RECORDS = 32
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")


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
