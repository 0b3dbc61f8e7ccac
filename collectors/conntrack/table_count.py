"""A count of a conntrack table, on demand or again and again: in a container by its own
`conntrack`, on this machine over netlink."""

from __future__ import annotations

import asyncio
import time

from collectors.command_runner import Runner, run
from collectors.conntrack import groups, netlink_count
from collectors.errors import PodwireError
from collectors.events import ConntrackTable
from collectors.sanitize import sanitize
from collectors.stream import Stream

EVERY_S, SELDOM_S = 20.0, 300.0
SHARE = 20  # of the time that one count needs: a large table is counted more seldom
SECONDS = 30.0  # a million entries are read in a few
NO_TABLE = "Nothing was counted: `conntrack` is not there, or may not read the table (NET_ADMIN)."


async def there(runner: Runner, key: str) -> ConntrackTable:
    """Of the network namespace that a runner's commands see; a failure is in `error`."""
    try:
        result = await run(runner, groups.command(), timeout=SECONDS)
    except PodwireError as error:
        return ConntrackTable(time.time(), key, 0, (), error=str(error))
    text = result.out.decode("utf-8", "replace")
    total, found = groups.parse(text)
    failed = "" if " total" in text and not result.code else result.err or NO_TABLE
    return ConntrackTable(time.time(), key, total, found, error=failed)


async def here(key: str) -> ConntrackTable:
    """Of this machine."""
    try:
        total, found = await asyncio.to_thread(netlink_count.dump)
    except OSError as error:
        detail = sanitize(error.strerror or error, 80)
        why = f"The table could not be read over netlink: {detail}. Only root may."
        return ConntrackTable(time.time(), key, 0, (), source="netlink", error=why)
    return ConntrackTable(time.time(), key, total, found, source="netlink")


async def follow(runner: Runner, session: Stream, key: str) -> None:
    """Count what a runner's commands see again and again, until cancelled; where it cannot be
    counted, seldom, and only a count that is asked for says why."""
    while True:
        began = time.monotonic()
        table = await there(runner, key)
        if not table.error:
            session.publish(table)
        needed = time.monotonic() - began
        wait = SELDOM_S if table.error else min(SELDOM_S, max(EVERY_S, SHARE * needed))
        await asyncio.sleep(wait)
