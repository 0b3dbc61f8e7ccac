"""Which figures of a target are drawn beside a finding: the counters that its rule reads, where
they moved, or those of what it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from collectors.findings import Finding
from collectors.kernel.derived_figures import FIGURES
from collectors.target import name_in
from diagnosis.incident.model import ReportGraph
from session.finding_location import target_key
from session.history import History, Point, Table
from session.series import of_counter
from session.store import Store
from session.target_data import TargetData

MOST = 2  # graphs of a finding
POINTS = 300  # of a graph: more than its width shows
OF_INPUTS: Mapping[str, tuple[str, ...]] = {
    "conntrack": ("conntrack",),
    "sockets": ("opened", "failed"),
    "capture": ("retransmits", "failed"),
    "interfaces": ("drops",),
    "DNS": ("opened", "failed"),
}
_NAME = re.compile(r"[\w./-]+")


def graphs(store: Store, finding: Finding, began: float, ended: float) -> Iterator[ReportGraph]:
    """At most two; none where nothing of its target is known, or nothing moved."""
    data = _data(store, finding)
    if data is None:
        return
    for name in [name for name in _names(finding) if _moved(data.history, name)][:MOST]:
        points = data.history.points(name, began, ended)
        yield _graph(name, name_in(data.key), thinned(points))


@cache
def _inputs() -> Mapping[str, tuple[str, ...]]:
    from diagnosis.rules import table  # imports slowly

    return {row.rule.id: row.rule.inputs for row in table()}


def _names(finding: Finding) -> list[str]:
    """As the history names them: counters first."""
    inputs = _inputs().get(finding.rule, ())
    derived = [f"={name}" for one in inputs for name in OF_INPUTS.get(one, ())]
    counters = [one for one in inputs if one not in OF_INPUTS and " " not in one]
    return list(dict.fromkeys([*counters, *derived]))


def _moved(history: History, name: str) -> bool:
    return _has_moved(history.fine, name) or _has_moved(history.coarse, name)


def _has_moved(table: Table, name: str) -> bool:
    return any(value > 0 for value in table.columns.get(name, ()))


def _data(store: Store, finding: Finding) -> TargetData | None:
    """The target that is its subject, else one that its evidence names, else the only one."""
    known = [data for data in store.targets.values() if data.history.names()]
    if not known:
        return None
    named = {name for one in finding.evidence for name in _NAME.findall(f"{one.scope} {one.text}")}
    best = max(known, key=lambda data: _score(data, finding, named))
    return best if len(known) == 1 or _score(best, finding, named) else None


def _score(data: TargetData, finding: Finding, named: set[str]) -> int:
    return 2 * (data.key == target_key(finding.subject)) + (name_in(data.key) in named)


def _graph(name: str, where: str, points: Sequence[Point]) -> ReportGraph:
    if name.startswith("="):
        figure = FIGURES[name[1:]]
        title = figure.name.replace("_", " ")
        return ReportGraph(title, figure.unit, where, figure.meaning, points)
    info = of_counter(name)
    return ReportGraph(info.title, info.unit, where, info.meaning, points)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most POINTS: of each stretch the largest value, or the gap that is in it."""
    size = -(-len(points) // POINTS) or 1
    return [_largest(points[start : start + size]) for start in range(0, len(points), size)]


def _largest(some: Sequence[Point]) -> Point:
    return max(some, key=lambda point: (point[1] is None, point[1] or 0.0))
