"""podwire beside netverdict, a program of others that reads captures alone:
python -m tests.lab.capture_peer NETVERDICT FOLDER

NETVERDICT is its command, installed elsewhere (PyPI). FOLDER has a folder a fault with NODE.pcap of
each node. Prints a table: what the peer says with more than low confidence, by rule and server, and
what `podwire check --from` finds of the same files without anything else.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

LOW, CLEAN = "basse", "clean"
SHOWN = 4  # servers of a rule
HEAD = "| capture | netverdict | podwire |\n| --- | --- | --- |"
TIMEOUT_S = 300
Said = dict[str, Counter[str]]  # by rule: connections by server


def peer(command: str, capture: Path) -> Said:
    argv = [command, "analyze", str(capture), "--json", "--top", "100000"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    said: Said = defaultdict(Counter)
    for flow in json.loads(done.stdout)["flows"]:
        server = flow["flow"].partition("->")[2]
        for match in flow.get("matches") or ():
            if match["confidence"] != LOW and match["rule"] != CLEAN:
                said[match["rule"]][server] += 1
    return said


def added(of: Iterable[Said]) -> Said:
    total: Said = defaultdict(Counter)
    for said in of:
        for rule, servers in said.items():
            total[rule].update(servers)
    return total


def peer_text(said: Said) -> str:
    return "<br>".join(
        f"{rule}: {servers.total()} connections to "
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


def rows(command: str, folder: Path) -> Iterator[str]:
    for fault in sorted(path for path in folder.iterdir() if path.is_dir()):
        captures = sorted(fault.glob("*.pcap"))
        said = peer_text(added(peer(command, one) for one in captures))
        found = [f"{one['rule']}: {one['where']}: {one['title']}" for one in podwire(captures)]
        yield f"| {fault.name} | {said or '–'} | {'<br>'.join(found) or '–'} |"


def main() -> int:
    command, folder = sys.argv[1:]
    sys.stdout.write(f"{HEAD}\n")
    for row in rows(command, Path(folder)):
        sys.stdout.write(row.replace("\n", " ") + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
