"""The detection matrix: every fault of the lab, and what was found of it: python -m tests.lab.detection [FAULT…]

One console, without its screens, is attached to the pods of the shop and to both nodes. Each fault is switched on, and
what is found is compared with what is to be found (`rules` of the fault's file); it is switched off, and all findings must clear.
Writes docs/detection.md and the table of docs/figures.md when all faults were asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cli import check
from cli.check_targets import selection
from cli.main import collect_garbage_rarely
from cli.waiting import until
from collectors.cluster.api.connection import connect
from collectors.events import PodRow
from collectors.findings import Finding
from collectors.stream import Stream
from lab.faults import all_faults
from lab.supervisor import Lab
from session.controller import Controller
from session.store import Store
from tests.support.configured_machines import CONFIGURED, write

FOUND_S, CLEAR_S, EVERY_S = 30.0, 75.0, 1.0  # two rules wait 20 s by their own thresholds
ROOT = Path(__file__).parent.parent.parent
PAGE, FIGURES = ROOT / "docs" / "detection.md", ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- detection: python -m tests.lab.detection -->", "<!-- end -->"
PAIRS = (
    "conntrack-full+dns-slow",
    "packet-loss+service-no-endpoints",
    "slow-reader+connection-refused",
    "wrong-target-port+external-local",
)


def link(rule: str, page: str) -> str:
    """A rule's id, as a link to its place on the page of rules."""
    return f"[`{rule}`]({page}#{rule})"


@dataclass(slots=True)
class Row:
    fault: str
    rule: str = ""
    seconds: float = 0.0
    title: str = ""
    others: list[str] = field(default_factory=list)
    unrelated: list[str] = field(default_factory=list)  # criticals that have nothing to do with it
    cleared: bool = True

    def line(self) -> str:
        found = f"{self._found()} after {self.seconds:.0f} s" if self.rule else "**not found**"
        also = ", ".join(link(name, "rules.md") for name in self.others) or "–"
        wrong = f" **unrelated: {', '.join(self.unrelated)}**" if self.unrelated else ""
        return f"| {self.fault} | {found} | {self.title} | {also}{wrong} | {'yes' if self.cleared else '**no**'} |"

    def _found(self) -> str:
        return " and ".join(link(name, "rules.md") for name in self.rule.split(" and "))

    def short(self) -> str:
        """That of docs/figures.md: without what it says."""
        found = self._found() if self.rule else "**not found**"
        wrong = f" **{', '.join(self.unrelated)}**" if self.unrelated else ""
        left = "" if self.cleared else " **stays**"
        return f"| {self.fault} | {found}{left} | {self.seconds:.0f} s |{wrong} {', '.join(self.others)} |"


class Bench:
    """A console's store that follows the lab; findings are those that the console itself shows."""

    def __init__(self, store: Store, control: Controller) -> None:
        self.store = store
        self.control = control
        self.latest = 0.0  # ms that the event loop was late
        self._counted = 0.0

    def look(self) -> list[Finding]:
        now = time.time()
        if now - self._counted > 8:
            self._counted = now
            for key in self.store.targets:
                if key.startswith("node/"):
                    self.control.targets.count_conntrack(key)
        return self.store.findings.current

    def cost(self) -> str:
        """How late it was, so that a run of an hour shows whether that grows."""
        flows = sum(len(data.flows.flows) for data in self.store.targets.values())
        latest, self.latest = self.latest, 0.0
        targets = len(self.store.targets)
        return f"event loop late by {latest:.0f} ms at most; {targets} targets, {flows:,} flows"

    async def until(self, ready: Callable[[list[Finding]], bool], seconds: float) -> float | None:
        """Seconds until the findings are as wanted; None where they never were."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            if ready(self.look()):
                return passed
            due = time.monotonic() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.latest = max(self.latest, 1000 * (time.monotonic() - due))
        return None

    def close_others(self, first: set[str]) -> None:
        """Pods that were opened for a fault are gone."""
        for key in set(self.store.targets) - first:
            self.control.targets.close_tab(key)

    async def open_new_pods(self) -> None:
        """Those of the shop that the fault made, as one would who looks at them."""
        pods = [row for row in self.store.rows("pods") if isinstance(row, PodRow)]
        new = [
            row
            for row in pods
            if row.namespace == "shop"
            and row.all_ready
            and f"pod/shop/{row.name}" not in self.store.targets
        ]
        await check.attach(self.control, self.store, new)


@asynccontextmanager
async def bench(lab: Lab) -> AsyncIterator[Bench]:
    store, session = Store(), Stream()
    control = Controller(store, session)
    control.start()
    control.open(await connect(str(lab.kubeconfig)), is_lab=True)
    try:
        await until(lambda: all(k in store.inventory for k in check.KINDS), 15)
        options = argparse.Namespace(target="ns/shop", all_namespaces=False)
        selected = selection(options, store)
        pods = (row for row in store.rows("pods") if isinstance(row, PodRow))
        dns = (
            pod for pod in pods if pod.namespace == "kube-system" and pod.name.startswith("coredns")
        )
        notes = await check.attach(control, store, [*selected.pods, *selected.nodes, *dns])
        assert not notes, notes
        yield Bench(store, control)
    finally:
        await control.close()


async def tried(one: Bench, fault: str) -> Row:
    row, expected = Row(fault), all_faults()[fault]
    await one.control.require_cluster().turn_fault(fault, True)
    try:
        await one.open_new_pods()
        seconds = await one.until(
            lambda found: any(f.rule in expected.rules for f in found), FOUND_S
        )
        await one.until(lambda found: False, 4)  # what else it sets off
        found = one.look()
        if seconds is not None:
            match = next((f for f in found if f.rule in expected.rules), None)
            row.rule, row.seconds = (match.rule if match else expected.rules[0]), seconds
            row.title = f"{match.where}: {match.title}" if match else ""
        row.others = sorted({f.rule for f in found} - {row.rule})
        row.unrelated = sorted(
            {f.rule for f in found if f.severity == "critical"} - {*expected.rules, *expected.also}
        )
        if row.unrelated:
            print("   said:", [(f.rule, f.where, f.title) for f in found], flush=True)
    finally:
        await one.control.require_cluster().turn_fault(fault, False)
    row.cleared = await one.until(lambda found: not found, CLEAR_S) is not None
    if not row.cleared:
        print("   left:", [(f.rule, f.where, f.title) for f in one.look()], flush=True)
    return row


async def configured(one: Bench, name: str) -> Row:
    """What the objects alone show."""
    row, case = Row(name), CONFIGURED[name]
    assert one.control.cluster is not None
    request = one.control.cluster.cluster.rest.request
    await write(request, case.on)
    try:
        seconds = await one.until(lambda found: any(f.rule == case.rule for f in found), FOUND_S)
        found = one.look()
        if seconds is not None:
            match = next((f for f in found if f.rule == case.rule), None)
            row.rule, row.seconds = case.rule, seconds
            row.title = f"{match.where}: {match.title}" if match else ""
        row.others = sorted({f.rule for f in found} - {case.rule})
        row.unrelated = sorted({f.rule for f in found if f.severity == "critical"} - {case.rule})
    finally:
        await write(request, case.off)
    row.cleared = await one.until(lambda found: not found, CLEAR_S) is not None
    return row


async def together(one: Bench, pair: str) -> Row:
    """Two faults at once: each must be found by its own rule."""
    faults, row = pair.split("+"), Row(pair)
    wanted = [all_faults()[fault].rules for fault in faults]
    for fault in faults:
        await one.control.require_cluster().turn_fault(fault, True)
    try:
        seconds = await one.until(
            lambda found: all(any(f.rule in rules_of for f in found) for rules_of in wanted),
            FOUND_S,
        )
        if seconds is not None:
            row.rule, row.seconds = " and ".join(names[0] for names in wanted), seconds
        row.others = sorted(
            {f.rule for f in one.look()} - {name for names in wanted for name in names}
        )
    finally:
        for fault in faults:
            await one.control.require_cluster().turn_fault(fault, False)
    row.cleared = await one.until(lambda found: not found, CLEAR_S) is not None
    return row


SHORT = "| fault | found by | after | also found |\n| --- | --- | --- | --- |"
HEAD = "| fault | found by | as | also | clears |\n| --- | --- | --- | --- | --- |"


async def run(faults: list[str]) -> list[Row]:
    rows = []
    collect_garbage_rarely()  # as the console does
    with Lab() as lab:
        async with bench(lab) as one:
            first = set(one.store.targets)
            quiet = await one.until(lambda found: bool(found), 15)
            if quiet is not None:
                print("the healthy lab:", [(f.rule, f.where, f.title) for f in one.look()])
            print(HEAD)
            for fault in faults:
                how = configured if fault in CONFIGURED else together if "+" in fault else tried
                row = await how(one, fault)
                one.close_others(first)
                rows.append(row)
                print(row.line(), flush=True)
                print(f"{fault}: {one.cost()}", file=sys.stderr, flush=True)
    return rows


def publish(rows: list[Row]) -> None:
    text = "\n".join(row.line() for row in rows)
    PAGE.write_text(
        "# Detection matrix\n\nWhat podwire finds of each fault of its lab; written by `python -m "
        f"tests.lab.detection`. Loss by share, direction and kind of\nsegment, and the place that was said: "
        f"[loss.md](loss.md).\n\n{HEAD}\n{text}\n"
    )
    before, _, rest = FIGURES.read_text().partition(BEGIN)
    short = "\n".join(row.short() for row in rows)
    FIGURES.write_text(f"{before}{BEGIN}\n{SHORT}\n{short}\n{END}{rest.partition(END)[2]}")


def main() -> int:
    wanted = sys.argv[1:] or [*sorted(all_faults()), *PAIRS, *CONFIGURED]
    with tempfile.TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state
        rows = asyncio.run(run(wanted))
    good = [row for row in rows if row.rule and not row.unrelated and row.cleared]
    if not sys.argv[1:]:
        publish(rows)
    print(f"{len(good)} of {len(rows)} found by their own rule, nothing unrelated, and cleared")
    return 0 if len(good) == len(rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
