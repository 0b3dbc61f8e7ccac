"""Answers an exec on a synthetic node: the frames of a sampler, with figures that grow as those of
a busy node.

A sampler is recognised by its shape, `sh -c PROGRAM NAME TICKS PAUSE EVERY SLOW MANY AWK SETTINGS
FILE...`; a frame holds the files that it asks for. Frames begin at lines that start with the record
separator (0x1E). Everything else fails, politely.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
from collections.abc import AsyncIterator, Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

MAXIMUM = 262_144
SOCKETS = ("ss tcp\nLISTEN 0 128 0.0.0.0:10250 0.0.0.0:* ino:1 sk:1 <->\n", "ss udp\n")
CAPABILITIES = ("caps\nCapEff:\t00000000000030c0\n",)


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
    rest = _without_env(list(argv))
    if rest[:2] == ["sh", "-c"] and rest[3:4] == ["sh"]:
        return ["sh", "-c", *rest[4:]]
    return rest


def _without_env(argv: list[str]) -> list[str]:
    if argv[:1] != ["env"]:
        return argv
    return list(itertools.dropwhile(lambda word: "=" in word, argv[1:]))


def is_sampler(argv: Sequence[str]) -> bool:
    is_shell = len(argv) > 11 and argv[:2] == ["sh", "-c"]
    return is_shell and all(map(str.isdigit, (*argv[4:9], argv[10])))


def counters(text: str, tick: int, seed: int) -> str:
    """A /proc/net table of header and value lines, each counter grown at a pace of its own."""
    lines = text.splitlines()
    lines[1::2] = [_grown(line, tick, seed) for line in lines[1::2]]
    return "\n".join(lines) + "\n"


def _grown(line: str, tick: int, seed: int) -> str:
    """A line of values, after so many ticks."""
    title, _, values = line.partition(":")
    grown = []
    for column, value in enumerate(map(int, values.split())):
        pace = 0 if _is_steady(title, column, value) else _pace(f"{seed}/{title}/{column}")
        grown.append(value + pace * tick)
    return f"{title}: {' '.join(map(str, grown))}"


def _pace(counter: str) -> int:
    return crc32(counter.encode()) % 97


def _is_steady(title: str, column: int, value: int) -> bool:
    """Not a counter: settings of TCP, and what is unset."""
    return value < 0 or (title == "Tcp" and column < 4)


def content(path: str, tick: int, seed: int) -> str:
    if path.endswith("nf_conntrack_count"):
        return f"{int(MAXIMUM * (0.3 + 0.2 * math.sin((tick + seed % 60) / 10)))}\n"
    if path.endswith("nf_conntrack_max"):
        return f"{MAXIMUM}\n"
    if path in ("/proc/net/snmp", "/proc/net/netstat"):
        return counters(template(path), tick, seed)
    return template(path)


def frame(tick: int, files: Sequence[str], sockets: bool, seed: int) -> bytes:
    first = tick == 0
    parts = [
        f"frame {tick}\n",
        f"uptime\n{100_000 + seed % 9_000 + tick:.2f}\n",
        f"netns\nnet:[{4_026_000_000 + seed % 999_999}]\n",
        f"{'all ' if first else ''}files\n{_shown(files, tick, seed)}",
        *(SOCKETS if sockets else ()),
        *(CAPABILITIES if first else ()),
        "end\n",
    ]
    return "".join(f"\x1e{part}" for part in parts).encode()


def _shown(files: Sequence[str], tick: int, seed: int) -> str:
    """As `head` prints several files."""
    known = filter(template, files)
    return "\n".join(f"==> {path} <==\n{content(path, tick, seed)}" for path in known)


async def answer(argv: Sequence[str], node: str) -> AsyncIterator[tuple[int, bytes]]:
    """(channel, data) of each piece of output. The exit code comes last, as channel 3."""
    argv = plain(argv)
    if not is_sampler(argv):
        yield 2, _refusal(argv, node)
        yield 3, b"1"
        return
    ticks, pause, every, settings = (int(argv[place]) for place in (4, 5, 6, 10))
    seed = crc32(node.encode())
    for tick in range(ticks):
        yield 1, frame(tick, argv[11 if tick == 0 else 11 + settings :], tick % every == 0, seed)
        await asyncio.sleep(pause)
    yield 3, b"0"


def _refusal(argv: Sequence[str], node: str) -> bytes:
    word = re.sub(r"[^ -~]", "?", argv[0]) if argv else ""
    return f"{word}: nothing runs on {node}: it is a synthetic node of the lab\n".encode()
