"""The loss table: where packets were dropped in the lab, how many and which, and what was said: python -m tests.lab.loss
[PLACE…]. PLACE is sender, receiver, pod or underlay.

A client on node1 asks the Service backend; what its connections to the backend of node2 lose is dropped with `numgen random
mod 100 < N` at one place, in one direction, of one kind of segment. Writes the table into docs/loss.md when all places were
asked for.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collectors.capture.flows import FlowTable
from collectors.events import PodRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.tracker import Tracker
from lab.supervisor import Lab
from session.snapshot_builder import snapshot
from session.target_data import FLOWS_KEPT
from tests.lab.detection import Bench, bench

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "loss.md"
PERCENT = (5, 10, 20, 30, 50)
PLACES = ("sender", "receiver", "pod", "underlay")
KINDS = ("SYN", "requests", "answers", "large")
FOUND_S, QUIET_S = 30.0, 4.0
# of IPv4 and TCP as the node forwards them
MATCHES = {
    "SYN": "ip saddr {client} tcp dport 8080 tcp flags & (syn | ack) == syn",
    "requests": "ip saddr {client} tcp dport 8080 ip length > 60",
    "answers": "ip daddr {client} tcp sport 8080 ip length > 60",
    "large": "ip daddr {client} tcp sport 8080 ip length > 1000",
}
# of the same in VXLAN, from the outer UDP header on: inner length at bit 256, addresses at 336 and 368, ports at 400 and
# 416, flags at 504
INNER = {
    "SYN": "@th,336,32 {number} @th,416,16 8080 @th,504,8 & 0x12 == 0x02",
    "requests": "@th,336,32 {number} @th,416,16 8080 @th,256,16 > 60",
    "answers": "@th,368,32 {number} @th,400,16 8080 @th,256,16 > 60",
    "large": "@th,368,32 {number} @th,400,16 8080 @th,256,16 > 1000",
}
TABLE = "podwire_loss"
HEAD = """| dropped at | of | 5 % | 10 % | 20 % | 30 % | 50 % |
| --- | --- | --- | --- | --- | --- | --- |"""


@dataclass(slots=True)
class Cell:
    place: str
    kind: str
    percent: int
    seconds: float = 0.0
    verdict: str = "unknown"  # right, wrong, unknown
    said: str = ""

    def text(self) -> str:
        if self.verdict == "unknown":
            return "unknown"
        shown = self.said if self.verdict == "right" else f"**wrong: {self.said}**"
        return f"{shown}, {self.seconds:.0f} s"


class Namespaces:
    """The lab's nodes and pods, by their processes."""

    def __init__(self, lab: Lab) -> None:
        parents = {int(pid): _parent(pid) for pid in os.listdir("/proc") if pid.isdigit()}
        own = set(_descendants(lab._process.pid, parents))
        self._outside = min(own - {lab._process.pid})
        held = (pid for pid in own if _command(pid)[:2] == ["sleep", "infinity"])
        self._by_name = {self._inside(pid, "hostname").strip(): pid for pid in held}

    def _inside(self, pid: int, *command: str, text: str = "") -> str:
        enter = ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", "--"]
        done = subprocess.run(
            [*enter, *command], input=text, capture_output=True, text=True, check=True
        )
        return done.stdout

    def nft(self, name: str, text: str) -> None:
        pid = self._by_name[name] if name else self._outside
        self._inside(pid, "nft", "-f", "-", text=text)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        enter = ["nsenter", f"--target={self._by_name[name]}", "--net", "--mount", "--uts", "--"]
        return subprocess.Popen([*enter, *command], stdout=subprocess.DEVNULL)


def _parent(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _descendants(root: int, parents: dict[int, int]) -> Iterator[int]:
    yield root
    for pid, parent in parents.items():
        if parent == root:
            yield from _descendants(pid, parents)


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


class LossTable:
    """One lab, one client, one cell after another."""

    def __init__(self, one: Bench, spaces: Namespaces) -> None:
        self.one, self.spaces = one, spaces
        rows = one.store.rows("pods")
        self.pods = {(r.workload, r.node): r for r in rows if isinstance(r, PodRow)}
        self.client = self.pods["Deployment/frontend", "node1"]
        self.server = self.pods["Deployment/backend", "node2"]

    async def cell(self, cell: Cell) -> None:
        where, family, chains, matches = self._rule(cell.place)
        number = int.from_bytes(bytes(map(int, self.client.ip.split("."))), "big")
        match = matches[cell.kind].format(client=self.client.ip, number=number)
        rule = f"{match} numgen random mod 100 < {cell.percent} counter drop"
        text = "".join(
            f"chain {name} {{ type filter hook {hook} priority 10; {rule}; }}\n"
            for name, hook in chains
        )
        self.spaces.nft(where, f"table {family} {TABLE} {{\n{text}}}\n")
        self._forget()
        try:
            await self._found(cell)
        finally:
            self.spaces.nft(where, f"delete table {family} {TABLE}\n")
            await asyncio.sleep(QUIET_S)

    def _rule(self, place: str) -> tuple[str, str, tuple[tuple[str, str], ...], dict[str, str]]:
        """Which namespace, family, (chain, hook)s and matches."""
        if place == "underlay":
            return "", "bridge", (("forward", "forward"),), INNER
        if place == "pod":
            return self.server.name, "inet", (("in", "input"), ("out", "output")), MATCHES
        node = "node1" if place == "sender" else "node2"
        return node, "inet", (("forward", "forward"),), MATCHES

    def _forget(self) -> None:
        """What was seen before."""
        for data in self.one.store.targets.values():
            data.flows = FlowTable(FLOWS_KEPT, hops=True)

    async def _found(self, cell: Cell) -> None:
        tracker, began = Tracker(), time.monotonic()
        while (passed := time.monotonic() - began) < FOUND_S:
            await asyncio.sleep(1.0)
            now = time.time()
            tracker.update(rules.findings(snapshot(self.one.store, now)), now)
            placed = [
                one for one in tracker.current if one.rule in ("packet_loss", "endpoint_failing")
            ]
            known = [one for one in placed if one.subject.detail != "and behind it"]
            if known:
                right = all(self._is_right(cell, finding) for finding in known)
                cell.verdict, cell.seconds = ("right" if right else "wrong"), passed
                cell.said = "; ".join(_short(finding) for finding in known)
                return
        cell.said = "; ".join(f"{f.rule} {f.where}" for f in tracker.current)

    def _is_right(self, cell: Cell, finding: Finding) -> bool:
        subject, back = finding.subject, cell.kind in ("answers", "large")
        between = ("node2", "→ node1") if back else ("node1", "→ node2")
        wanted = {
            "sender": ("node1", ""),
            "receiver": ("node2", ""),
            "underlay": between,
            "pod": (self.server.name, ""),
        }[cell.place]
        return (subject.name, subject.detail) == wanted


def _short(finding: Finding) -> str:
    """`node1: 33 %`, or that all of it is lost."""
    words = finding.title.split(" % ")
    share = f"{words[0].split()[-1]} %" if len(words) > 1 else "all"
    where = "backend" if finding.subject.kind == "pod" else finding.where
    return f"{where}: {share}"


async def run(places: list[str]) -> list[Cell]:
    cells = [Cell(at, kind, share) for at in places for kind in KINDS for share in PERCENT]
    with Lab() as lab:
        async with bench(lab) as one:
            table = LossTable(one, Namespaces(lab))
            client = table.spaces.start(
                table.client.name,
                *(sys.executable, "-I", "-S", str(ROOT / "lab" / "workload.py")),
                *("keepalive", "backend", "80", "40"),
            )
            try:
                await asyncio.sleep(10)
                print("healthy:", [finding.title for finding in one.look()], flush=True)
                for cell in cells:
                    await table.cell(cell)
                    print(
                        cell.place, cell.kind, cell.percent, cell.verdict, cell.text(), flush=True
                    )
            finally:
                client.terminate()
                client.wait()
    return cells


def lines(cells: list[Cell]) -> Iterator[str]:
    names = {
        "sender": "the sender's node (node1)",
        "receiver": "the receiver's node (node2)",
        "pod": "the server's pod",
        "underlay": "the underlay, between the nodes",
    }
    yield HEAD
    for place, kind in dict.fromkeys((cell.place, cell.kind) for cell in cells):
        texts = [cell.text() for cell in cells if (cell.place, cell.kind) == (place, kind)]
        yield f"| {names[place]} | {kind} | {' | '.join(texts)} |"
    right = sum(cell.verdict == "right" for cell in cells)
    wrong = sum(cell.verdict == "wrong" for cell in cells)
    yield ""
    yield f"{right} of {len(cells)} places are right, {wrong} wrong, the others unknown."


def main() -> int:
    places = sys.argv[1:] or list(PLACES)
    with tempfile.TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state
        cells = asyncio.run(run(places))
    text = "\n".join(lines(cells))
    print(text)
    if not sys.argv[1:]:
        PAGE.write_text(f"{PAGE.read_text().partition(HEAD)[0]}{text}\n")
    return 0 if not any(cell.verdict == "wrong" for cell in cells) else 1


if __name__ == "__main__":
    raise SystemExit(main())
