"""Each guided session against its fault, in tmux: it must end in the right finding and, after the fault is off, say that
it is gone. python -m tests.e2e.guided [SYMPTOM…]"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from dataclasses import dataclass

from lab.supervisor import Lab
from tests.support.lab_client import client_of
from tests.support.terminal import PROGRAM, Tmux

READY, ENDED = r"WHAT IS WRONG", r"r runs it again"


@dataclass(frozen=True, slots=True)
class Case:
    """`place` is the symptom's line in the list, `says` what the conclusion must say."""

    symptom: str
    place: int
    fault: str
    goal: str
    says: str


CASES = (
    Case("connect", 0, "wrong-target-port", "backend.shop:80", r"targetPort 8081 is not a port"),
    Case(
        "timeout",
        1,
        "policy-drops",
        "backend.shop:80",
        r"The policy drops connections|The path is closed",
    ),
    Case("slow", 2, "dns-slow", "backend.shop:80", r"DNS answers arrive after [\d,]+ ms"),
    Case("reset", 3, "connection-reset", "backend.shop:80", r"reset after the request has come"),
    Case("name", 4, "dns-servfail", "backend.shop:80", r"answers SERVFAIL"),
    Case("nodes", 5, "missing-route", "backend.shop:80", r"has no route to the pods of"),
    Case(
        "large",
        6,
        "mtu-black-hole",
        "backend.shop:80",
        r"an MTU black hole|the overlay carries 1300",
    ),
    Case("load", 7, "port-exhaustion", "", r"of the local ports towards .* are in use"),
)


def turn(lab: Lab, fault: str, state: bool) -> None:
    async def switch() -> None:
        async with client_of(lab) as client:
            await client.fault(fault, state)

    asyncio.run(switch())


def attached(terminal: Tmux, lab: Lab) -> None:
    """A console on the frontend of node1."""
    terminal.line(f"KUBECONFIG={lab.kubeconfig} {PROGRAM} --yes -n shop")
    terminal.until(r"frontend", 30)
    terminal.type("/frontend node1")
    time.sleep(0.8)
    terminal.keys("Enter")
    time.sleep(0.6)
    terminal.keys("Enter")
    terminal.until(r"1 packets [\d,]{2,}", 30)


def one(terminal: Tmux, lab: Lab, case: Case) -> str:
    """'' where it went as it must, else what was seen."""
    turn(lab, case.fault, True)
    on = True
    try:
        time.sleep(6)
        terminal.keys("e")
        terminal.until(READY)
        terminal.keys(*("j" for _ in range(case.place)))
        terminal.keys("Enter")
        if case.goal:
            time.sleep(0.8)
            terminal.keys("C-u")
            time.sleep(0.4)
            terminal.type(case.goal)
            time.sleep(0.4)
            terminal.keys("Enter")
        terminal.until(ENDED, 60)
        time.sleep(1.5)
        first = terminal.screen()
        turn(lab, case.fault, False)
        on = False
        if not re.search(case.says, re.sub(r"\s+", " ", first)):
            return first
        time.sleep(22)
        terminal.keys("r")
        time.sleep(2)
        terminal.until(ENDED, 60)
        time.sleep(1.5)
        again = terminal.screen()
        below = again.rpartition("────────")[2]
        return "" if "Not found: " in below and "Before: " in below else again
    finally:
        if on:
            turn(lab, case.fault, False)
        terminal.escape()
        terminal.escape()
        terminal.until(r"1 packets")


def main() -> int:
    wanted = [case for case in CASES if not sys.argv[1:] or case.symptom in sys.argv[1:]]
    bad = 0
    with Lab() as lab, tempfile.TemporaryDirectory() as state:
        terminal = Tmux(120, 40)
        try:
            terminal.line(f"export XDG_STATE_HOME={state}")
            attached(terminal, lab)
            for case in wanted:
                seen = one(terminal, lab, case)
                bad += bool(seen)
                print(
                    f"{case.symptom:<8} {case.fault:<20} {'NOT as it must:' if seen else 'found, and gone after'}",
                    flush=True,
                )
                if seen:
                    print(seen, flush=True)
        finally:
            terminal.keys("q")
            time.sleep(0.5)
            terminal.keys("y")
            time.sleep(3)
            terminal.close()
    print(f"{len(wanted) - bad} of {len(wanted)} guided sessions")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
