"""Columns of the cluster's lists, and which pods are unhealthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collectors.events import PodRow, Row
from tui import format as fmt
from tui.pod_sparklines import PodSparklines
from tui.widgets.columns import Cell, Column

GOOD_PHASES = ("Running", "Succeeded", "Completed")
STARTING = ("Pending", "ContainerCreating", "Terminating")


def _all_ready(row: PodRow) -> bool:
    ready, _, containers = row.ready.partition("/")
    return ready == containers


def is_unhealthy(row: Row) -> bool:
    """A pod that does not run, or has a container that is not ready. Completed Jobs are healthy."""
    if not isinstance(row, PodRow):
        return False
    if row.phase != "Running":
        return row.phase not in GOOD_PHASES
    return not _all_ready(row)


def _phase(row: PodRow) -> Cell:
    if row.phase not in GOOD_PHASES:
        return row.phase, "warn" if row.phase in STARTING else "bad"
    return row.phase, "warn" if row.phase == "Running" and not _all_ready(row) else ""


def _ready(row: PodRow) -> Cell:
    return row.ready, "" if _all_ready(row) else "warn"


POD_STATE = (
    Column("NAMESPACE", 20, lambda r: (r.namespace, "dim"), rank=1),
    Column("POD", 0, lambda r: r.name, tail=6),
    Column("READY", 5, _ready, right=True),
    Column("STATUS", 17, _phase),
)
POD_PLACE = (
    Column("IP", 39, lambda r: r.ip or fmt.NONE, rank=3),
    Column("NODE", 40, lambda r: r.node or fmt.NONE, rank=2),
)
NODE_COLUMNS = (
    Column("NODE", 0, lambda r: r.name),
    Column("READY", 6, lambda r: ("yes", "good") if r.ready else ("no", "bad")),
    Column("ADDRESS", 16, lambda r: r.address),
    Column("ZONE", 14, lambda r: r.zone or fmt.NONE, rank=1),
    Column("OS", 8, lambda r: r.os, rank=3),
    Column("ARCH", 8, lambda r: r.arch, rank=2),
)
SERVICE_COLUMNS = (
    Column("NAMESPACE", 14, lambda r: (r.namespace, "dim"), rank=2),
    Column("SERVICE", 0, lambda r: r.name),
    Column("TYPE", 12, lambda r: r.type, rank=1),
    Column("ADDRESS", 16, lambda r: ", ".join(r.ips) or "headless"),
    Column("PORTS", 22, lambda r: ", ".join(r.ports)),
)
NAMESPACE_COLUMNS = (
    Column("NAMESPACE", 0, lambda r: r[0] or "all"),
    Column("PODS", 5, lambda r: (str(r[1]), "dim"), right=True),
)


def _age(now: Callable[[], float]) -> Column:
    def cell(row: PodRow) -> Cell:
        return fmt.age(now() - row.created), "dim"

    return Column("AGE", 5, cell, right=True, rank=5)


def _of_pods(now: Callable[[], float], over_time: PodSparklines) -> Iterator[Column]:
    yield from POD_STATE
    yield Column("RESTARTS", 8, over_time.restarts, right=True, rank=4)
    if over_time.has_watched:
        yield Column("RETRANS/S", 9, over_time.retransmits, right=True, rank=4)
    yield from POD_PLACE
    yield _age(now)


def columns(
    view: str, namespace: str | None, now: Callable[[], float], over_time: PodSparklines
) -> tuple[Column, ...]:
    """`view` is pods, nodes or services. In one namespace its column is left out: the header
    says it."""
    if view == "pods":
        every = tuple(_of_pods(now, over_time))
    else:
        every = {"nodes": NODE_COLUMNS, "services": SERVICE_COLUMNS}[view]
    return every[1:] if namespace and every[0].title == "NAMESPACE" else every
