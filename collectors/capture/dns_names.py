"""What DNS messages are made of (RFC 1035): names, types, codes, and the one question that most of
them have. Bounded in labels and pointers."""

from __future__ import annotations

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
MAX_LABELS = 128
LONGEST_NAME = 255  # octets, RFC 1035 2.3.4
MAX_QUESTIONS_KNOWN = 20_000
LEAST = 17  # bytes of a header and of a question of the root
Question = tuple[str, str]  # name in lower case, type
NEW: Question = ("", "")  # one that was not read before
_known: dict[bytes, Question | None] = {}  # a cluster asks for few names, again and again


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


def word(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def plain_question(data: bytes, start: int, end: int) -> Question | None:
    """Of a message from `start` up to `end` that has one plain question, without what follows it.
    None where there is no such question: dns.parse reads more."""
    if end < start + LEAST:
        return None
    behind = data.find(b"\0", start + 12, end) + 5
    if word(data, start + 4) != 1 or behind < start + LEAST or behind > end:
        return None
    text = data[start + 12 : behind]
    found = _known.get(text, NEW)
    if found is NEW:
        if len(_known) >= MAX_QUESTIONS_KNOWN:
            _known.clear()
        found = _known[text] = _read_question(text)
    return found


def _read_question(text: bytes) -> Question | None:
    try:
        name, behind = read_name(text, 0)
    except IndexError:
        return None
    if behind != len(text) - 4:
        return None
    return name.lower(), type_name(int.from_bytes(text[-4:-2], "big"))
