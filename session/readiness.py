"""How often pods became ready and unready: a pod's object says only what it is now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from collectors.events import InventoryChange, PodRow, Row
from diagnosis.readiness_flips import ReadinessFlips

WITHIN_S = 120.0
KEPT = 60  # changes of a pod
MOST_PODS = 2_000


class ReadinessHistory:
    """Of pods that changed since the session began."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, str], deque[tuple[float, bool]]] = {}  # when, to ready

    def add(self, event: InventoryChange, before: Row | None) -> None:
        """`before` is what was known of the same object."""
        pod = event.row
        if not isinstance(pod, PodRow):
            return
        if not isinstance(before, PodRow) or event.verb == "DELETED" or _is_another(before, pod):
            self._changes.pop((pod.namespace, pod.name), None)
        elif before.all_ready != pod.all_ready:
            self._flipped(pod, event.at)

    def _flipped(self, pod: PodRow, at: float) -> None:
        key = (pod.namespace, pod.name)
        if len(self._changes) >= MOST_PODS:
            self._forget_before(at - WITHIN_S)
        if key in self._changes or len(self._changes) < MOST_PODS:
            self._changes.setdefault(key, deque(maxlen=KEPT)).append((at, pod.all_ready))

    def _forget_before(self, at: float) -> None:
        self._changes = {key: known for key, known in self._changes.items() if known[-1][0] >= at}

    def flips(self, at: float) -> Iterator[ReadinessFlips]:
        self._forget_before(at - WITHIN_S)
        for (namespace, name), known in self._changes.items():
            recent = [one for one, _ in known if at - one <= WITHIN_S]
            if len(recent) > 1:
                lost = max(one for one, to_ready in known if not to_ready)
                yield ReadinessFlips(namespace, name, len(recent), recent[-1] - recent[0], lost)


def _is_another(before: PodRow, pod: PodRow) -> bool:
    """Another pod of that name, or its container was restarted: unready meanwhile, for a reason."""
    return (before.uid, before.restarts) != (pod.uid, pod.restarts)
