"""What changed in a cluster that may be the cause of an incident: rollouts, restarts, evictions,
conditions of nodes, probes that begin to fail. Pure functions of a row before and after."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import NodeRow, PodRow, ProbeRow, Row
from collectors.frozen import frozen

OURS = ("app.kubernetes.io/managed-by", "podwire")  # written, and said, as such


@frozen
class ClusterChange:
    """`kind` is rollout, restart, eviction, pod, node or probe; `where` names the object.
    `routine`: of a pod of a Job that has done what it was to."""

    kind: str
    where: str
    text: str
    bad: bool = False
    routine: bool = False


def changes(before: Row | None, now: Row | None) -> Iterator[ClusterChange]:
    """Of one object; None where it is not there."""
    row = now or before
    if isinstance(row, PodRow) and OURS not in row.labels:
        yield from _of_pod(_pod(before), _pod(now))
    elif isinstance(row, NodeRow):
        yield from _of_node(_node(before), _node(now))
    elif isinstance(now, ProbeRow) and (not isinstance(before, ProbeRow) or _is_new(before, now)):
        yield ClusterChange("probe", f"{now.namespace}/{now.pod}", now.message, bad=True)


def _pod(row: Row | None) -> PodRow | None:
    return row if isinstance(row, PodRow) else None


def _node(row: Row | None) -> NodeRow | None:
    return row if isinstance(row, NodeRow) else None


def _is_new(before: ProbeRow, now: ProbeRow) -> bool:
    """Another message than before: the same one is counted on, every few seconds."""
    return before.message != now.message


def _of_pod(before: PodRow | None, now: PodRow | None) -> Iterator[ClusterChange]:
    if now is None:
        if before is not None:
            yield _pod_change("pod", before, "deleted", routine=_is_done(before))
    elif before is None:
        yield _pod_change("pod", now, f"added on {now.node}" if now.node else "added")
    elif before.uid != now.uid:
        yield _pod_change("pod", now, "replaced by another of its name")
    else:
        yield from _of_living_pod(before, now)


def _of_living_pod(before: PodRow, now: PodRow) -> Iterator[ClusterChange]:
    if now.restarts > before.restarts:
        yield _pod_change("restart", now, _restarted(before, now), bad=True)
    if now.phase == "Evicted" != before.phase:
        yield _pod_change("eviction", now, f"evicted from {now.node}", bad=True)
    elif now.ended and not before.ended:
        bad = now.phase != "Succeeded"
        yield _pod_change("pod", now, f"ended: {now.phase}", bad=bad, routine=_is_done(now))


def _is_done(pod: PodRow) -> bool:
    is_of_job = pod.workload.startswith("Job/")
    return is_of_job and pod.ended and pod.phase in ("Succeeded", "Completed")


def _restarted(before: PodRow, now: PodRow) -> str:
    why = f": {now.message}" if now.message else ""
    return f"restarted ({now.restarts - before.restarts} more, {now.restarts} in total){why}"


def _pod_change(
    kind: str, pod: PodRow, text: str, *, bad: bool = False, routine: bool = False
) -> ClusterChange:
    return ClusterChange(kind, f"{pod.namespace}/{pod.name}", text, bad, routine)


def _of_node(before: NodeRow | None, now: NodeRow | None) -> Iterator[ClusterChange]:
    if before is None and now is not None:
        yield ClusterChange("node", now.name, "joined the cluster")
    elif now is None and before is not None:
        yield ClusterChange("node", before.name, "left the cluster", bad=True)
    elif before is not None and now is not None and before.ready != now.ready:
        yield ClusterChange("node", now.name, _ready_text(now.ready), bad=not now.ready)


def _ready_text(ready: bool) -> str:
    return "Ready again" if ready else "no longer Ready"


def rollout(pods: Iterator[PodRow], now: PodRow) -> ClusterChange | None:
    """Of a pod that was added: whether its workload begins to run another program than all its
    pods so far."""
    if not now.workload or not now.program:
        return None
    others = {p.program for p in pods if p.workload == now.workload and p.uid != now.uid}
    if not others or now.program in others:
        return None
    where = f"{now.namespace}/{now.workload.rpartition('/')[2]}"
    return ClusterChange("rollout", where, f"{now.workload}: rollout started, first pod {now.name}")
