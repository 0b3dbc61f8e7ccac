"""What fills a conntrack table: its entries counted by state, source, destination and reply source.

A table can hold a million entries: on a node awk counts them there, and only the largest groups are
sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from collectors.conntrack.entries import ConntrackEntry
from collectors.events import ConntrackGroup
from collectors.sanitize import sanitize

LARGEST = 500  # groups that are sent and shown

# Counts the lines of `conntrack -L` by protocol, state, source, destination and its port, reply
# source and its port, and flags. Source ports are left out: they differ in every entry. Constant;
# runs in gawk, mawk and busybox's awk.
AWK = r"""
{ first = ($1 == "ipv4" || $1 == "ipv6") ? 3 : 1
  state = ($(first + 3) ~ /=/ || $(first + 3) ~ /^\[/) ? "-" : $(first + 3)
  src = dst = dport = reply = rport = ""
  for (i = first + 3; i <= NF; i++) {
    if ($i ~ /^src=/) { if (src == "") src = substr($i, 5); else reply = substr($i, 5) }
    else if ($i ~ /^dst=/ && dst == "") dst = substr($i, 5)
    else if ($i ~ /^dport=/ && dport == "") dport = substr($i, 7)
    else if ($i ~ /^sport=/) rport = substr($i, 7)
  }
  if (src == "") next
  flags = ($0 ~ /\[ASSURED\]/ ? "A" : "-") ($0 ~ /\[UNREPLIED\]/ ? "U" : "-")
  dport = dport == "" ? 0 : dport; rport = rport == "" ? 0 : rport
  groups[$first " " state " " src " " dst " " dport " " reply " " rport " " flags]++
  total++ }
END { print total + 0, "total"; for (group in groups) print groups[group], group }
"""
SUMMARY = (
    "command -v conntrack >/dev/null || exit 127; "
    'conntrack -L 2>/dev/null | awk "$1" | sort -k1,1 -rn | head -n "$2"'
)


def command(largest: int = LARGEST) -> list[str]:
    """Counts the table where it is; needs NET_ADMIN there, and `conntrack`."""
    return ["sh", "-c", SUMMARY, "podwire-conntrack", AWK, str(largest + 1)]


def parse(text: str) -> tuple[int, tuple[ConntrackGroup, ...]]:
    """(entries in all, the largest groups first). A line that is none is skipped."""
    lines = [line.split() for line in text.splitlines()]
    totals = [int(words[0]) for words in lines if _is_total(words)]
    groups = [_group(words) for words in lines if _is_group(words)]
    total = totals[-1] if totals else 0
    return total, tuple(sorted(groups, key=lambda group: -group.count))


def _is_total(words: list[str]) -> bool:
    return len(words) == 2 and words[1] == "total" and words[0].isdecimal()


def _is_group(words: list[str]) -> bool:
    return len(words) == 9 and all(words[number].isdecimal() for number in (0, 5, 7))


def _group(words: list[str]) -> ConntrackGroup:
    count, protocol, state, source, destination, port, reply_source, reply_port, flags = words
    return ConntrackGroup(
        count=int(count),
        protocol=sanitize(protocol, 12),
        state="" if state == "-" else sanitize(state, 16),
        source=sanitize(source, 64),
        destination=sanitize(destination, 64),
        port=int(port),
        reply_source=sanitize(reply_source, 64),
        reply_port=int(reply_port),
        assured="A" in flags,
        replied="U" not in flags,
    )


def count(
    entries: Iterable[ConntrackEntry], largest: int = LARGEST
) -> tuple[int, tuple[ConntrackGroup, ...]]:
    """The same, of decoded entries."""
    counted: Counter[tuple[object, ...]] = Counter(
        (
            e.protocol,
            e.state,
            e.source,
            e.destination,
            e.destination_port,
            e.reply_source,
            e.reply_source_port,
            e.assured,
            e.replied,
        )
        for e in entries
    )
    return counted.total(), of(counted, largest)


def of(counted: Counter[tuple[object, ...]], largest: int) -> tuple[ConntrackGroup, ...]:
    """The largest groups first, from how many entries share a group's fields (those after
    `count`)."""
    return tuple(ConntrackGroup(n, *key) for key, n in counted.most_common(largest))  # type: ignore[arg-type]


def by_state(groups: Sequence[ConntrackGroup]) -> list[tuple[str, int]]:
    """`tcp ESTABLISHED` and how many, the largest first; those without a reply apart."""
    states: Counter[str] = Counter()
    for group in groups:
        words = (group.protocol, group.state, "" if group.replied else "unreplied")
        states[" ".join(word for word in words if word)] += group.count
    return states.most_common()
