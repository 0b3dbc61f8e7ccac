"""What earlier consoles left in a cluster, by the journal and by podwire's label; removes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.connection import Cluster, pod_path, quote
from collectors.cluster.attach.attacher import LATE_S, Attacher
from collectors.cluster.attach.container_specs import (
    EXPIRES,
    MANAGED_BY,
    OWNER,
    SESSION,
    owner,
)
from collectors.errors import ClusterError, Forbidden
from collectors.events import LeftBehind, LeftRow
from collectors.frozen import frozen
from collectors.recording.journal import Journal, PendingDelete, runs
from collectors.sanitize import sanitize
from collectors.target import Target

SELECTOR = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())


@frozen
class CleanOutcome:
    """What became of one pod; `stays` where it is still there and ours to remove."""

    context: str
    name: str
    text: str
    stays: bool = False


def abandoned(journal: Journal) -> list[PendingDelete]:
    """The pending deletes of consoles that no longer run."""
    return [entry for entry in journal.pending_deletes() if not runs(entry.session)]


def left_behind(journal: Journal, server: str) -> LeftBehind:
    """Those as an event for the stream; `server` is the cluster that is open."""
    rows = (_left_row(entry, server) for entry in abandoned(journal))
    return LeftBehind(time.time(), "", tuple(rows))


def _left_row(entry: PendingDelete, server: str) -> LeftRow:
    return LeftRow(
        context=sanitize(entry.where.context, 80),
        namespace=sanitize(entry.namespace, 63),
        pod=sanitize(entry.pod, 253),
        node=sanitize(entry.node, 253),
        since=entry.at,
        here=entry.where.server == server,
    )


async def verified(cluster: Cluster, attacher: Attacher) -> LeftBehind:
    """Like `left_behind`, without those of this cluster that are found to be gone."""
    for entry in abandoned(attacher.journal):
        here = entry.where.server == cluster.server
        if here and time.time() - entry.at > LATE_S and not await _exists(cluster, entry):
            await attacher.clean_up(entry)  # the deletion of what is gone closes the entry
    return left_behind(attacher.journal, cluster.server)


async def _exists(cluster: Cluster, entry: PendingDelete) -> bool:
    try:
        await cluster.rest.get(pod_path(entry.namespace, entry.pod), what=f"pod {entry.name}")
    except ClusterError as error:
        return error.status != 404
    return True


async def clean(cluster: Cluster, attacher: Attacher) -> list[CleanOutcome]:
    """Remove what consoles of this user on this machine left in a cluster and nobody uses."""
    outcomes = []
    for entry in abandoned(attacher.journal):
        if entry.where.server == cluster.server:
            left = await attacher.clean_up(entry)
            text = left or f"removed the pod {entry.name} from {entry.node}"
            outcomes.append(CleanOutcome(cluster.context, entry.name, text, stays=bool(left)))
    done = {outcome.name for outcome in outcomes}
    for pod in await _labelled(cluster, attacher.settings.node_namespace):
        metadata = pod.get("metadata") or {}
        name = f"{metadata.get('namespace')}/{metadata.get('name')}"
        if name not in done:
            outcomes.append(await _clean_labelled(cluster, attacher, pod, name))
    return outcomes


async def _clean_labelled(
    cluster: Cluster, attacher: Attacher, pod: Mapping[str, Any], name: str
) -> CleanOutcome:
    metadata, shown = pod["metadata"], sanitize(name, 320)
    if reason := _not_ours_to_remove(metadata.get("annotations") or {}):
        return CleanOutcome(cluster.context, shown, f"left alone: {shown} {reason}")
    node = str((pod.get("spec") or {}).get("nodeName") or "")
    target = Target("node", node, node=node)
    left = await attacher.delete(target, str(metadata["namespace"]), str(metadata["name"]))
    text = left or f"removed the pod {shown} from {sanitize(node)}"
    return CleanOutcome(cluster.context, shown, text, stays=bool(left))


def _not_ours_to_remove(annotations: Mapping[str, Any]) -> str:
    """Why a pod with podwire's label is left alone, '' where it may be removed."""
    who = str(annotations.get(OWNER) or "")
    if who != owner():
        ends = sanitize(annotations.get(EXPIRES) or "its deadline", 40)
        return f"belongs to {sanitize(who or '?', 120)}, ends by {ends}"
    if runs(str(annotations.get(SESSION) or "")):
        return "is in use by a console of yours that runs now"
    return ""


async def _labelled(cluster: Cluster, node_namespace: str) -> list[Mapping[str, Any]]:
    """Pods with podwire's label: of all namespaces, or of those where node pods go."""
    try:
        return await _list_labelled(cluster, "/api/v1/pods", "list podwire's pods")
    except Forbidden:
        pass
    found: list[Mapping[str, Any]] = []
    names = (node_namespace, "default", cluster.namespace, "kube-system")
    for namespace in dict.fromkeys(name for name in names if name):
        path = f"/api/v1/namespaces/{quote(namespace)}/pods"
        try:
            found += await _list_labelled(cluster, path, f"list podwire's pods in {namespace}")
        except ClusterError as error:
            if error.status in (0, 401):
                raise
    return found


async def _list_labelled(cluster: Cluster, path: str, what: str) -> list[Mapping[str, Any]]:
    answer = await cluster.rest.get(path, what=what, labelSelector=SELECTOR)
    return list(answer.get("items") or ())
