"""Answers an exec on a synthetic node: the frames of a sampler, with figures that grow as those of
a busy node.

A sampler is recognised by its shape, `sh -c PROGRAM NAME TICKS PAUSE EVERY SLOW MANY AWK SETTINGS
FILE...`; a frame holds the files that it asks for. Frames begin at lines that start with the record
separator (0x1E). Everything else fails, politely.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

MAXIMUM = 262_144


@cache
def template(path: str) -> str:
    """The file as it is in the lab's own namespace: the same format and fields as anywhere on this
    kernel."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def plain(argv: Sequence[str]) -> list[str]:
    """A command without what is in front of it: `env NAME=VALUE`, and a `sh -c` that chooses the
    shell for the rest."""
    rest = list(argv)
    if rest[:1] == ["env"]:
        rest = rest[1:]
        while rest and "=" in rest[0]:
            rest = rest[1:]
    if rest[:2] == ["sh", "-c"] and rest[3:4] == ["sh"]:
        rest = ["sh", "-c", *rest[4:]]
    return rest


def is_sampler(argv: Sequence[str]) -> bool:
    return (
        len(argv) > 11
        and argv[:2] == ["sh", "-c"]
        and all(a.isdigit() for a in (*argv[4:9], argv[10]))
    )


def counters(text: str, tick: int, seed: int) -> str:
    """A /proc/net table of header and value lines, each counter grown at a pace of its own."""
    lines = text.splitlines()
    for row in range(1, len(lines), 2):
        title, _, values = lines[row].partition(":")
        grown = []
        for column, value in enumerate(values.split()):
            pace = crc32(f"{seed}/{title}/{column}".encode()) % 97
            steady = int(value) < 0 or (title == "Tcp" and column < 4)
            grown.append(value if steady else str(int(value) + pace * tick))
        lines[row] = f"{title}: {' '.join(grown)}"
    return "\n".join(lines) + "\n"


def content(path: str, tick: int, seed: int) -> str:
    if path.endswith("nf_conntrack_count"):
        return f"{int(MAXIMUM * (0.3 + 0.2 * math.sin((tick + seed % 60) / 10)))}\n"
    if path.endswith("nf_conntrack_max"):
        return f"{MAXIMUM}\n"
    if path in ("/proc/net/snmp", "/proc/net/netstat"):
        return counters(template(path), tick, seed)
    return template(path)


def frame(tick: int, files: Sequence[str], sockets: bool, seed: int) -> bytes:
    parts = [
        f"frame {tick}\n",
        f"uptime\n{100_000 + seed % 9_000 + tick:.2f}\n",
        f"netns\nnet:[{4_026_000_000 + seed % 999_999}]\n",
    ]
    shown = "\n".join(
        f"==> {path} <==\n{content(path, tick, seed)}" for path in files if template(path)
    )
    parts.append(f"{'all ' if tick == 0 else ''}files\n{shown}")
    if sockets:
        row = "LISTEN 0 128 0.0.0.0:10250 0.0.0.0:* ino:1 sk:1 <->\n"
        parts += [f"ss tcp\n{row}", "ss udp\n"]
    if tick == 0:
        parts.append("caps\nCapEff:\t00000000000030c0\n")
    parts.append("end\n")
    return "".join(f"\x1e{part}" for part in parts).encode()


async def answer(argv: Sequence[str], node: str) -> AsyncIterator[tuple[int, bytes]]:
    """(channel, data) of each piece of output. The exit code comes last, as channel 3."""
    argv = plain(argv)
    if not is_sampler(argv):
        word = re.sub(r"[^ -~]", "?", argv[0]) if argv else ""
        yield 2, f"{word}: nothing runs on {node}: it is a synthetic node of the lab\n".encode()
        yield 3, b"1"
        return
    ticks, pause, every, settings = (int(argv[place]) for place in (4, 5, 6, 10))
    seed = crc32(node.encode())
    for tick in range(ticks):
        yield 1, frame(tick, argv[11 if tick == 0 else 11 + settings :], tick % every == 0, seed)
        await asyncio.sleep(pause)
    yield 3, b"0"
