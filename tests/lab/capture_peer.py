"""podwire beside netverdict, a program of others that reads captures alone:
python -m tests.lab.capture_peer NETVERDICT FOLDER

NETVERDICT is its command, installed elsewhere (PyPI). FOLDER has a folder a fault with NODE.pcap of
each node, or a folder whose `right` says what is right. Prints a table, and what it adds up to:
what is right, as the fault says of itself, what the peer says with more than low confidence, by rule
and server, and what `podwire check --from` finds of the same files without anything else.
docs/peer.md has it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.faults import all_faults

LOW, CLEAN = "basse", "RAS"
SHOWN = 4  # servers of a rule
HEAD = "| captures | what is right | netverdict | podwire |\n| --- | --- | --- | --- |"
TIMEOUT_S = 300
Said = dict[str, Counter[str]]  # by rule: connections by server


def peer(command: str, capture: Path) -> Said:
    argv = [command, "analyze", str(capture), "--json", "--top", "100000"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    said: Said = defaultdict(Counter)
    report = json.loads(done.stdout)
    for kind in ("flows", "udp", "dns"):
        for one in report[kind]:
            for match in one.get("matches") or ():
                if match["confidence"] != LOW and match["verdict"] != CLEAN:
                    said[match["rule"]][_server(one)] += 1
    return said


def _server(one: Mapping[str, Any]) -> str:
    """The server of a connection, of a conversation of UDP, of a question."""
    text = str(one.get("flow") or one.get("conversation") or "")
    return text.partition("->")[2] or str(one["signals"]["resolver"])


def added(of: Iterable[Said]) -> Said:
    total: Said = defaultdict(Counter)
    for said in of:
        for rule, servers in said.items():
            total[rule].update(servers)
    return total


def peer_text(said: Said) -> str:
    return "<br>".join(
        f"{rule}: {servers.total():,} to "
        + ", ".join(server for server, _ in servers.most_common(SHOWN))
        + (" …" if len(servers) > SHOWN else "")
        for rule, servers in sorted(said.items(), key=lambda pair: -pair[1].total())
    )


def podwire(captures: Iterable[Path]) -> list[dict[str, Any]]:
    files = [text for one in captures for text in ("--from", f"node/{one.stem}={one}")]
    argv = [sys.executable, "-m", "cli.main", "check", *files, "-o", "json", "--fail-on", "never"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def right(folder: Path) -> str:
    """What is wrong there in truth: as the fault of that name says, or the folder's own note."""
    note, fault = folder / "right", all_faults().get(folder.name)
    if note.exists():
        return note.read_text().strip()
    return fault.find if fault is not None else "–"


def row(command: str, folder: Path, totals: Counter[str]) -> str:
    captures = sorted(folder.glob("*.pcap"))
    said = added(peer(command, one) for one in captures)
    found = podwire(captures)
    totals["captures"] += len(captures)
    totals["connections"] += sum(servers.total() for servers in said.values())
    totals["places"] += sum(map(len, said.values()))
    totals["findings"] += len(found)
    texts = [f"`{one['rule']}`: {one['where']}: {one['title']}" for one in found]
    cells = (
        f"{folder.name} ({len(captures)})",
        right(folder),
        peer_text(said) or "–",
        "<br>".join(texts) or "–",
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def rows(command: str, folder: Path) -> Iterator[str]:
    totals = Counter[str]()
    for fault in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield row(command, fault, totals)
    yield (
        f"\nIn {totals['captures']} captures netverdict reports {totals['connections']:,} "
        f"connections, a panel each, of {totals['places']:,} rules and servers; podwire has "
        f"{totals['findings']:,} findings."
    )


def main() -> int:
    command, folder = sys.argv[1:]
    sys.stdout.write(f"{HEAD}\n")
    for line in rows(command, Path(folder)):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
