"""Questions about workloads: each of their pods is asked, and one answer is made of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.events import PodRow, ServiceRow
from collectors.frozen import frozen
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import RESULTS, PathStep, PathVerdict
from diagnosis.reachability.end_names import End
from diagnosis.reachability.service_backends import selected
from diagnosis.reachability.verdicts import Outcome, combined

MOST_PAIRS = 2_000  # of pods that are asked
NAMED = 3


@frozen
class Pairs:
    """The pods of both ends that are asked; `left_out` of them are not."""

    sources: tuple[End, ...]
    destinations: tuple[End, ...]
    left_out: int = 0

    def each(self) -> Iterator[tuple[End, End]]:
        """None of a workload's pods with itself, where there are more."""
        found = [(one, other) for one in self.sources for other in self.destinations]
        others = [(one, other) for one, other in found if one.row is not other.row]
        yield from others or found


def pairs(cluster: ClusterState, source: End, destination: End) -> Pairs:
    """An end that is no workload is itself."""
    sources, destinations = _each(source), _each(destination)
    several = len(sources) * len(destinations)
    most = max(MOST_PAIRS // _endpoints(cluster, destination), 1)
    if several <= most:
        return Pairs(sources, destinations)
    side = max(int(most**0.5), most // max(len(destinations), 1))
    sources = sources[: max(side, 1)]
    destinations = destinations[: max(most // len(sources), 1)]
    return Pairs(sources, destinations, several - len(sources) * len(destinations))


def _endpoints(cluster: ClusterState, destination: End) -> int:
    row = destination.row
    return max(len(selected(cluster, row)), 1) if isinstance(row, ServiceRow) else 1


def _each(end: End) -> tuple[End, ...]:
    if len(end.pods) < 2:
        return (end,)
    return tuple(End(end.text, pod, end.dns_name) for pod in end.pods)


@frozen
class PairAnswer:
    source: End
    destination: End
    answer: PathVerdict

    @property
    def key(self) -> tuple[object, ...]:
        """Alike are those that are decided alike."""
        answer, decision = self.answer, self.answer.decided_by
        if decision and decision.policy:
            by: object = (decision.policy, decision.rule, decision.side, decision.kind)
        else:
            by = len([step for step in answer.path if step.result == "stops"])
        return answer.verdict, answer.partly, by

    def name(self, varying: Varying) -> str:
        if varying.sources and varying.destinations:
            return f"{_pod(self.source)} → {_pod(self.destination)}"
        return _pod(self.source if varying.sources else self.destination)


@frozen
class Varying:
    """Which of the ends are several."""

    sources: bool
    destinations: bool

    @classmethod
    def of(cls, found: Sequence[PairAnswer]) -> Varying:
        first = found[0]
        return cls(
            any(one.source != first.source for one in found),
            any(one.destination != first.destination for one in found),
        )

    def extent(self, total: int) -> str:
        both = self.sources and self.destinations
        return f"{total} pairs of pods" if both else f"{total} pods"

    def share(self, good: int, total: int) -> str:
        both = self.sources and self.destinations
        word = "between" if both else "from" if self.sources else "to"
        return f"{word} {good} of {self.extent(total)}"


def merged(asked: Pairs, found: Sequence[PairAnswer]) -> PathVerdict:
    """Allowed where it is between each; `partly` where it is between some."""
    if len(found) == 1:
        return found[0].answer
    varying = Varying.of(found)
    whole, because = _outcome(asked, found)
    good = sum(one.answer.allowed for one in found)
    some = 0 < good < len(found) or any(one.answer.partly for one in found)
    deciding = next((one for one in found if one.answer.verdict == whole), found[0])
    return PathVerdict(
        verdict=whole,
        partly=some and whole == "denied",
        decided_by=deciding.answer.decided_by,
        path=tuple(_steps(found, varying)),
        unknown_because=because,
        share=varying.share(good, len(found)) if good else _share_of_one(found),
    )


def _share_of_one(found: Sequence[PairAnswer]) -> str:
    return next((one.answer.share for one in found if one.answer.share), "")


def _outcome(asked: Pairs, found: Sequence[PairAnswer]) -> tuple[Outcome, tuple[str, ...]]:
    whole = combined(*(one.answer.verdict for one in found))
    if whole == "allowed" and asked.left_out:
        reason = f"{asked.left_out} more pairs of pods were not asked: name a pod of each end"
        return "unknown", (reason,)
    if whole != "unknown":
        return whole, ()
    return whole, tuple(dict.fromkeys(r for one in found for r in one.answer.unknown_because))


def _steps(found: Sequence[PairAnswer], varying: Varying) -> Iterator[PathStep]:
    """Of each group a heading, and the path of its first."""
    groups: dict[tuple[object, ...], list[PairAnswer]] = {}
    for one in found:
        groups.setdefault(one.key, []).append(one)
    whole = varying.extent(len(found))
    for group in groups.values():
        result = RESULTS[group[0].answer.verdict]
        of = f"{len(group)} of " if len(groups) > 1 else ""
        yield PathStep(f"{of}{whole}", result, f"{_names(group, varying)}; of the first:")
        yield from group[0].answer.path


def _names(group: Sequence[PairAnswer], varying: Varying) -> str:
    names = [one.name(varying) for one in group[:NAMED]]
    more = len(group) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _pod(end: End) -> str:
    return f"{end.row.namespace}/{end.row.name}" if isinstance(end.row, PodRow) else end.text
