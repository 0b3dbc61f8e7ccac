"""Rules that drop or reject, with the packets that each has counted: iptables-save -c, nft.

Only reads. A rule of nftables without `counter` counts nothing and is left out. Where there is
none, or they may not be read (NET_ADMIN), it is tried again seldom.
"""

from __future__ import annotations

import asyncio
import re
import time

from collectors.command_runner import Runner, run
from collectors.errors import PodwireError
from collectors.events import FilterRule, FilterRules
from collectors.sanitize import sanitize
from collectors.stream import Stream

EVERY_S, SELDOM_S = 5.0, 60.0
SHARE = 20  # of the time that one reading needs: large tables are read more seldom
SECONDS = 30.0
MOST = 300  # rules

# A line for each rule: backend, table, chain, hook, the rule as it is printed; by tabs.
PROGRAM = r"""
has() { command -v "$1" >/dev/null 2>&1; }
saved() {
  "$2" -c 2>/dev/null | awk -v b="$1" -v most="$most" '
    /^\*/ { t = substr($1, 2) }
    / -j (DROP|REJECT( --reject-with [a-z0-9-]+)?)$/ && n++ < most {
      printf "%s\t%s\t%s\t%s\t%s\n", b, t, $3, tolower($3), $0 }'
}
most=$1 legacy=iptables-legacy-save nft=iptables-nft-save
if has iptables-save; then
  if iptables-save --version 2>/dev/null | grep -q nf_tables; then has "$nft" || nft=iptables-save
  else has "$legacy" || legacy=iptables-save; fi
fi
if has "$legacy" && grep -q . /proc/net/ip_tables_names 2>/dev/null; then
  saved iptables-legacy "$legacy"
fi
mine=1
if has "$nft"; then saved iptables-nft "$nft"; mine=0; fi
if has nft; then
  nft list ruleset 2>/dev/null | awk -v all="$mine" -v most="$most" '
    /^table/ { t = $2 " " $3
      own = all + 0 || $0 !~ /^table ip6? (filter|nat|mangle|raw|security) / }
    /^\tchain/ { c = $2; h = "" }
    /^\t\ttype .* hook/ { h = $4 }
    /counter packets .*(drop|reject)/ && own && n++ < most {
      printf "nft\t%s\t%s\t%s\t%s\n", t, c, h, $0 }'
fi
"""
HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_SAVED = re.compile(r"\[(\d{1,19}):\d+\] -A \S+ (.*)")
_COUNTER = re.compile(r"counter packets (\d{1,19}) bytes \d+")


def command() -> list[str]:
    return ["sh", "-c", PROGRAM, "podwire-filters", str(MOST)]


def parse(text: str) -> tuple[FilterRule, ...]:
    """A rule a line; a line that is none is skipped."""
    return tuple(filter(None, map(_rule, text.splitlines())))


def _rule(line: str) -> FilterRule | None:
    fields = line.split("\t", 4)
    if len(fields) != 5:
        return None
    backend, table, chain, hook, raw = fields
    counted = _of_nft(raw) if backend == "nft" else _of_iptables(raw)
    if counted is None:
        return None
    packets, rule = counted
    return FilterRule(
        backend=sanitize(backend, 20),
        table=sanitize(table, 80),
        chain=sanitize(chain, 80),
        hook=hook if hook in HOOKS else "",
        text=sanitize(rule, 300),
        packets=packets,
    )


def _of_iptables(raw: str) -> tuple[int, str] | None:
    found = _SAVED.match(raw)
    return (int(found[1]), found[2]) if found else None


def _of_nft(raw: str) -> tuple[int, str] | None:
    found = _COUNTER.search(raw)
    return (int(found[1]), _COUNTER.sub("counter", raw).strip()) if found else None


async def read(runner: Runner, key: str) -> FilterRules:
    """PodwireError where nothing could be run."""
    result = await run(runner, command(), timeout=SECONDS)
    return FilterRules(time.time(), key, parse(result.out.decode("utf-8", "replace")))


async def follow(runner: Runner, session: Stream, key: str) -> None:
    """Read again and again, until cancelled."""
    while True:
        began = time.monotonic()
        is_any = await _published(runner, session, key)
        needed = time.monotonic() - began
        await asyncio.sleep(max(EVERY_S, SHARE * needed) if is_any else SELDOM_S)


async def _published(runner: Runner, session: Stream, key: str) -> bool:
    """Whether there are such rules, as far as they may be read."""
    try:
        found = await read(runner, key)
    except PodwireError:  # the sampler beside it says that it is cut off
        return False
    session.publish(found)
    return bool(found.rows)
