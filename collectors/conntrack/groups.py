"""What fills a conntrack table: its entries counted by state, and by who opened what to where.

A table can hold a million entries, so on a node they are counted there, by awk, and only the largest groups are sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from collectors.conntrack.entries import ConntrackEntry
from collectors.events import ConntrackGroup
from collectors.sanitize import sanitize

LARGEST = 500  # groups that are sent and shown

# Counts the lines of `conntrack -L` by protocol, state, opener, what it asked for, who answers, and whether anyone did.
# Ports of openers are left out: they differ in every entry. Constant; runs in gawk, mawk and busybox's awk.
AWK = r"""
{ first = ($1 == "ipv4" || $1 == "ipv6") ? 3 : 1
  state = ($(first + 3) ~ /=/ || $(first + 3) ~ /^\[/) ? "-" : $(first + 3)
  src = dst = dport = back = bport = ""
  for (i = first + 3; i <= NF; i++) {
    if ($i ~ /^src=/) { if (src == "") src = substr($i, 5); else back = substr($i, 5) }
    else if ($i ~ /^dst=/ && dst == "") dst = substr($i, 5)
    else if ($i ~ /^dport=/ && dport == "") dport = substr($i, 7)
    else if ($i ~ /^sport=/) bport = substr($i, 7)
  }
  if (src == "") next
  flags = ($0 ~ /\[ASSURED\]/ ? "A" : "-") ($0 ~ /\[UNREPLIED\]/ ? "U" : "-")
  dport = dport == "" ? 0 : dport; bport = bport == "" ? 0 : bport
  groups[$first " " state " " src " " dst " " dport " " back " " bport " " flags]++
  total++ }
END { print total + 0, "total"; for (group in groups) print groups[group], group }
"""
SUMMARY = 'command -v conntrack >/dev/null || exit 127; conntrack -L 2>/dev/null | awk "$1" | sort -k1,1 -rn | head -n "$2"'


def command(largest: int = LARGEST) -> list[str]:
    """Counts the table where it is; needs NET_ADMIN there, and `conntrack`."""
    return ["sh", "-c", SUMMARY, "podwire-conntrack", AWK, str(largest + 1)]


def parse(text: str) -> tuple[int, tuple[ConntrackGroup, ...]]:
    """(entries in all, the largest groups first). A line that is none is passed over."""
    total, groups = 0, []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1] == "total" and words[0].isdecimal():
            total = int(words[0])
        elif len(words) == 9 and all(words[n].isdecimal() for n in (0, 5, 7)):
            count, protocol, state, source, target, port, back, back_port, flags = words
            groups.append(
                ConntrackGroup(
                    int(count),
                    sanitize(protocol, 12),
                    "" if state == "-" else sanitize(state, 16),
                    sanitize(source, 64),
                    sanitize(target, 64),
                    int(port),
                    sanitize(back, 64),
                    int(back_port),
                    "A" in flags,
                    "U" not in flags,
                )
            )
    return total, tuple(sorted(groups, key=lambda group: -group.count))


def count(
    entries: Iterable[ConntrackEntry], largest: int = LARGEST
) -> tuple[int, tuple[ConntrackGroup, ...]]:
    """The same of entries that are at hand."""
    counted: Counter[tuple[object, ...]] = Counter(
        (
            e.protocol,
            e.state,
            e.source,
            e.target,
            e.target_port,
            e.reply_source,
            e.reply_source_port,
            e.assured,
            e.replied,
        )
        for e in entries
    )
    return counted.total(), of(counted, largest)


def of(counted: Counter[tuple[object, ...]], largest: int) -> tuple[ConntrackGroup, ...]:
    """The largest groups first, from how many entries have what a group tells (its fields behind the count)."""
    return tuple(ConntrackGroup(n, *key) for key, n in counted.most_common(largest))  # type: ignore[arg-type]


def by_state(groups: Sequence[ConntrackGroup]) -> list[tuple[str, int]]:
    """`tcp ESTABLISHED` and how many, the largest first; what nobody answered apart."""
    states: Counter[str] = Counter()
    for group in groups:
        told = "" if group.replied else " unreplied"
        states[f"{group.protocol}{f' {group.state}' if group.state else ''}{told}"] += group.count
    return states.most_common()
