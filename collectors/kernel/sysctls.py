"""Every setting of a network namespace's kernel that decides how packets travel, read once for a
comparison."""

from __future__ import annotations

from collectors.command_runner import Runner, run
from collectors.sanitize import sanitize

MOST = 4_000
# Settings of single interfaces and neighbour tables would drown the rest; counters and keys are no
# settings.
PROGRAM = r"""
cd /proc/sys || exit 1
for f in net/core/* net/ipv4/* net/ipv4/conf/all/* net/ipv4/conf/default/* \
  net/ipv4/neigh/default/* net/ipv4/vs/* net/ipv6/conf/all/* net/ipv6/neigh/default/* \
  net/ipv6/route/* net/netfilter/* net/bridge/* net/unix/* \
  fs/file-max vm/min_free_kbytes kernel/pid_max; do
  case $f in *key*|*secret*|*_count|*available*|*/flush|*state*) continue;; esac
  [ -f "$f" ] && read -r value < "$f" 2>/dev/null && echo "$f $value"
done
exit 0
"""


def command() -> list[str]:
    return ["sh", "-c", PROGRAM, "podwire-settings"]


def parse(text: str) -> dict[str, str]:
    """Setting (`net.ipv4.ip_forward`) to value."""
    found = {}
    for line in text.splitlines()[:MOST]:
        path, _, value = line.partition(" ")
        if path.startswith(("net/", "fs/", "vm/", "kernel/")):
            found[sanitize(path.replace("/", "."), 120)] = sanitize(" ".join(value.split()), 120)
    return found


async def read(runner: Runner) -> dict[str, str]:
    """PodwireError where nothing could be run."""
    result = await run(runner, command(), timeout=10)
    return parse(result.out.decode("utf-8", "replace"))
