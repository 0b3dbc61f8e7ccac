"""`conntrack -L` as text, and every entry of a dump: what the counters of the table are compared
with."""

from __future__ import annotations

from collectors import netlink
from collectors.conntrack.entries import (
    CT_NEW,
    CTNETLINK,
    NETLINK_NETFILTER,
    NFGENMSG,
    REQUEST,
    ConntrackEntry,
    decoded,
)
from collectors.sanitize import sanitize


def parse_line(line: str) -> ConntrackEntry | None:
    """A line of `conntrack -L` (with or without -o extended); None where it is none."""
    words = line.split()
    if len(words) > 4 and words[0] in ("ipv4", "ipv6"):
        words = words[2:]
    if len(words) < 5 or not words[1].isdecimal() or not words[2].isdecimal():
        return None
    try:
        return _entry(words)
    except (KeyError, ValueError, IndexError):
        return None


def _entry(words: list[str]) -> ConntrackEntry:
    has_state = "=" not in words[3] and not words[3].startswith("[")
    values = _values(words[3:])
    (source, reply_source), (destination, reply_destination) = values["src"][:2], values["dst"][:2]
    source_ports = values.get("sport", ["0", "0"])
    destination_ports = values.get("dport", ["0", "0"])
    return ConntrackEntry(
        protocol=sanitize(words[0], 12),
        state=sanitize(words[3], 16) if has_state else "",
        source=sanitize(source, 64),
        source_port=int(source_ports[0]),
        destination=sanitize(destination, 64),
        destination_port=int(destination_ports[0]),
        reply_source=sanitize(reply_source, 64),
        reply_source_port=int(source_ports[1]),
        reply_destination=sanitize(reply_destination, 64),
        reply_destination_port=int(destination_ports[1]),
        timeout=int(words[2]),
        assured="[ASSURED]" in words,
        replied="[UNREPLIED]" not in words,
    )


def _values(words: list[str]) -> dict[str, list[str]]:
    """`src=… dst=…` of the original tuple and, second, of the reply tuple."""
    values: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            values.setdefault(name, []).append(value)
    return values


def parse(text: str) -> list[ConntrackEntry]:
    """Lines that are no entries are skipped."""
    return [entry for line in text.splitlines() if (entry := parse_line(line)) is not None]


def decode(data: bytes, entries: list[ConntrackEntry]) -> bool:
    """Append the entries of a piece of a dump; whether it was the last. OSError where the kernel
    refuses."""
    return netlink.walk(data, CTNETLINK | CT_NEW, _appending(entries))


def _appending(entries: list[ConntrackEntry]) -> netlink.Receive:
    def append(data: bytes, start: int, end: int) -> None:
        if (found := decoded(data, start + NFGENMSG, end)) is not None:
            entries.append(found)

    return append


def dump() -> list[ConntrackEntry]:
    """Every entry of this network namespace; netlink_count counts them without making any. OSError
    as in netlink.dump."""
    entries: list[ConntrackEntry] = []
    netlink.dump(NETLINK_NETFILTER, REQUEST, CTNETLINK | CT_NEW, _appending(entries))
    return entries
