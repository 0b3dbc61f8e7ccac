"""What earlier consoles left in a cluster, by the journal and by podwire's label; removes it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.cluster.api.connection import Cluster, quote
from collectors.cluster.api.fields import annotations_of, listed_at, mapping_at
from collectors.cluster.attach.attacher import LATE_S, Attacher
from collectors.cluster.attach.container_specs import (
    EXPIRES,
    MANAGED_BY,
    OWNER,
    SESSION,
    owner,
)
from collectors.cluster.attach.planner import usual_namespaces
from collectors.errors import Forbidden, RefusalsSuppressed
from collectors.events import LeftBehind, LeftRow
from collectors.frozen import frozen
from collectors.recording.journal import Journal, PendingDelete, runs
from collectors.sanitize import sanitize
from collectors.target import node_target

Object = Mapping[str, Any]
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
    for entry in _abandoned_here(cluster, attacher.journal):
        if time.time() - entry.at > LATE_S and not await attacher.exists(entry):
            await attacher.clean_up(entry)  # the deletion of what is gone closes the entry
    return left_behind(attacher.journal, cluster.server)


def _abandoned_here(cluster: Cluster, journal: Journal) -> list[PendingDelete]:
    return [entry for entry in abandoned(journal) if entry.where.server == cluster.server]


async def clean(cluster: Cluster, attacher: Attacher) -> list[CleanOutcome]:
    """Remove what consoles of this user on this machine left in a cluster and nobody uses."""
    outcomes = await _clean_journalled(cluster, attacher)
    done = {outcome.name for outcome in outcomes}
    for pod in await _labelled(cluster, attacher.settings.node_namespace):
        if _full_name(pod) not in done:
            outcomes.append(await _clean_labelled(cluster, attacher, pod))
    return outcomes


async def _clean_journalled(cluster: Cluster, attacher: Attacher) -> list[CleanOutcome]:
    outcomes = []
    for entry in _abandoned_here(cluster, attacher.journal):
        left = await attacher.clean_up(entry)
        outcomes.append(_outcome(cluster, entry.name, entry.node, left))
    return outcomes


async def _clean_labelled(cluster: Cluster, attacher: Attacher, pod: Object) -> CleanOutcome:
    shown = sanitize(_full_name(pod), 320)
    if reason := _not_ours_to_remove(annotations_of(pod)):
        return CleanOutcome(cluster.context, shown, f"left alone: {shown} {reason}")
    node = str(mapping_at(pod, "spec").get("nodeName") or "")
    left = await _delete(attacher, pod["metadata"], node)
    return _outcome(cluster, shown, sanitize(node), left)


async def _delete(attacher: Attacher, metadata: Object, node: str) -> str:
    namespace, name = str(metadata["namespace"]), str(metadata["name"])
    return await attacher.delete(node_target(node), namespace, name)


def _outcome(cluster: Cluster, name: str, node: str, left: str) -> CleanOutcome:
    """`left` says why the pod is still there, '' where it is not."""
    text = left or f"removed the pod {name} from {node}"
    return CleanOutcome(cluster.context, name, text, stays=bool(left))


def _full_name(pod: Object) -> str:
    metadata = mapping_at(pod, "metadata")
    return f"{metadata.get('namespace')}/{metadata.get('name')}"


def _not_ours_to_remove(annotations: Object) -> str:
    """Why a pod with podwire's label is left alone, '' where it may be removed."""
    who = _text(annotations, OWNER)
    if who != owner():
        return f"belongs to {sanitize(who or '?', 120)}, ends by {_deadline(annotations)}"
    if runs(_text(annotations, SESSION)):
        return "is in use by a console of yours that runs now"
    return ""


def _text(annotations: Object, key: str) -> str:
    return str(annotations.get(key) or "")


def _deadline(annotations: Object) -> str:
    return sanitize(annotations.get(EXPIRES) or "its deadline", 40)


async def _labelled(cluster: Cluster, node_namespace: str) -> Sequence[Object]:
    """Pods with podwire's label: of all namespaces, or of those where node pods go."""
    try:
        return await _list_labelled(cluster, "/api/v1/pods", "list podwire's pods")
    except Forbidden:
        namespaces = usual_namespaces(node_namespace, "default", cluster.namespace)
        return await _labelled_in(cluster, namespaces)


async def _labelled_in(cluster: Cluster, namespaces: list[str]) -> list[Object]:
    """Of those that may be listed."""
    found: list[Object] = []
    for name in namespaces:
        path = f"/api/v1/namespaces/{quote(name)}/pods"
        with RefusalsSuppressed():
            found += await _list_labelled(cluster, path, f"list podwire's pods in {name}")
    return found


async def _list_labelled(cluster: Cluster, path: str, what: str) -> Sequence[Object]:
    answer = await cluster.rest.get(path, what=what, labelSelector=SELECTOR)
    return listed_at(answer, "items", what)
