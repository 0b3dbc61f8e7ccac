"""How many packet-filter rules a network namespace holds, by backend, and the seconds to read them.

kube-proxy's iptables mode is slow at thousands of Services (docs/reference/failures.md #15), and
rules of two backends must not be mixed (#16). Only reads. iptables-legacy runs where the kernel
already has its tables: running it would create them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from collectors.command_runner import Runner, run
from collectors.errors import PodwireError
from collectors.events import RuleCount, RuleTables
from collectors.sanitize import sanitize
from collectors.stream import Stream

EVERY_S = 300.0  # reading the rules of a large cluster needs seconds
SECONDS = 60.0
BACKENDS = ("iptables-legacy", "iptables-nft", "nft", "ipvs")

# A line for each backend: its name, rules, those of Services, and /proc/uptime before and after.
PROGRAM = r"""
has() { command -v "$1" >/dev/null 2>&1; }
up() { read -r now rest < /proc/uptime; echo "$now"; }
table() {
  from=$(up)
  found=$("$2" 2>/dev/null |
    awk '/^-A/ { n++ } /^-A KUBE-SERVICES .*-j KUBE-SVC/ { s++ } END { print n + 0, s + 0 }')
  echo "$1 $found $from $(up)"
}
legacy=iptables-legacy-save nft=iptables-nft-save
if has iptables-save; then
  if iptables-save --version 2>/dev/null | grep -q nf_tables; then has "$nft" || nft=iptables-save
  else has "$legacy" || legacy=iptables-save; fi
fi
if has "$legacy" && grep -q . /proc/net/ip_tables_names 2>/dev/null; then
  table iptables-legacy "$legacy"
fi
if has "$nft"; then table iptables-nft "$nft"; fi
if has nft; then
  from=$(up)
  found=$(nft list ruleset 2>/dev/null | awk '
    /^table/ { kube = ($3 == "kube-proxy")
      mine = ($0 !~ /^table ip6? (filter|nat|mangle|raw|security) /) }
    { rule = !/^\t\t(type|elements|policy|flags|size|timeout|comment|map|set)/ }
    /^\t\t[a-z@]/ && mine && rule { n++ }
    kube { s += gsub(/ : goto service-/, "&") } END { print n + 0, s + 0 }')
  echo "nft $found $from $(up)"
fi
if [ -r /proc/net/ip_vs ]; then
  from=$(up)
  found=$(awk '/->/ { n++ } /^(TCP|UDP|SCTP|FWM)/ { s++ } END { print n + 0, s + 0 }' \
    /proc/net/ip_vs)
  echo "ipvs $found $from $(up)"
fi
"""


def command() -> list[str]:
    return ["sh", "-c", PROGRAM, "podwire-rules"]


def parse(text: str) -> tuple[RuleCount, ...]:
    """A line per backend; one that is none is skipped."""
    rows = []
    for line in text.splitlines():
        words = line.split()
        if len(words) != 5 or words[0] not in BACKENDS:
            continue
        try:
            rules, services = int(words[1]), int(words[2])
            seconds = max(0.0, float(words[4]) - float(words[3]))
        except ValueError:
            continue
        rows.append(RuleCount(words[0], rules, services, seconds))
    return tuple(rows)


async def counted(runner: Runner, key: str) -> RuleTables:
    """PodwireError where nothing could be run."""
    result = await run(runner, command(), timeout=SECONDS)
    rows = parse(result.out.decode("utf-8", "replace"))
    return RuleTables(time.time(), key, rows, "" if rows else sanitize(result.err, 200))


async def follow(runner: Runner, session: Stream, key: str) -> None:
    """Count again and again, until cancelled; where it cannot be done, the next time."""
    while True:
        with contextlib.suppress(PodwireError):  # the sampler beside it says that it is cut off
            session.publish(await counted(runner, key))
        await asyncio.sleep(EVERY_S)
