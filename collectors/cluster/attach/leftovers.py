"""What earlier consoles left in a cluster: by the journal, and by podwire's own label; and taking it away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.connection import Cluster, quote
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
class Outcome:
    """What became of one pod; `owed` where it is still ours to remove."""

    context: str
    name: str
    text: str
    owed: bool = False


def abandoned(journal: Journal) -> list[PendingDelete]:
    """What the journal says is owed by consoles that run no more."""
    return [owed for owed in journal.owed() if not runs(owed.session)]


def told(journal: Journal, server: str) -> LeftBehind:
    """Those as an event for the stream; `server` is the cluster that is open."""
    rows = (
        LeftRow(
            sanitize(o.where.context, 80),
            sanitize(o.namespace, 63),
            sanitize(o.pod, 253),
            sanitize(o.node, 253),
            o.at,
            o.where.server == server,
        )
        for o in abandoned(journal)
    )
    return LeftBehind(time.time(), "", tuple(rows))


async def verified(cluster: Cluster, journal: Journal, attacher: Attacher) -> LeftBehind:
    """Like `told`, without those of this cluster that are found to be gone."""
    for owed in abandoned(journal):
        if (
            owed.where.server == cluster.server
            and time.time() - owed.at > LATE_S
            and not await _exists(cluster, owed)
        ):
            await attacher.settle(owed)  # the deletion of what is gone closes the account
    return told(journal, cluster.server)


async def _exists(cluster: Cluster, owed: PendingDelete) -> bool:
    path = f"/api/v1/namespaces/{quote(owed.namespace)}/pods/{quote(owed.pod)}"
    try:
        await cluster.rest.get(path, what=f"pod {owed.name}")
    except ClusterError as error:
        return error.status != 404
    return True


async def clean(cluster: Cluster, attacher: Attacher) -> list[Outcome]:
    """Remove what consoles of this user on this machine left in an open cluster and nobody uses."""
    outcomes = []
    for owed in abandoned(attacher.journal):
        if owed.where.server == cluster.server:
            left = await attacher.settle(owed)
            text = left or f"removed the pod {owed.name} from {owed.node}"
            outcomes.append(Outcome(cluster.context, owed.name, text, owed=bool(left)))
    done = {outcome.name for outcome in outcomes}
    for pod in await _labelled(cluster, attacher.settings.node_namespace):
        metadata = pod.get("metadata") or {}
        name = f"{metadata.get('namespace')}/{metadata.get('name')}"
        if name not in done:
            outcomes.append(await _clean_labelled(cluster, attacher, pod, name))
    return outcomes


async def _clean_labelled(
    cluster: Cluster, attacher: Attacher, pod: Mapping[str, Any], name: str
) -> Outcome:
    metadata, node = pod["metadata"], str((pod.get("spec") or {}).get("nodeName") or "")
    notes = metadata.get("annotations") or {}
    who, shown = str(notes.get(OWNER) or ""), sanitize(name, 320)
    if who != owner():
        ends = sanitize(notes.get(EXPIRES) or "its deadline", 40)
        return Outcome(
            cluster.context,
            shown,
            f"left alone: {shown} belongs to {sanitize(who or '?', 120)}, ends by {ends}",
        )
    if runs(str(notes.get(SESSION) or "")):
        return Outcome(
            cluster.context,
            shown,
            f"left alone: {shown} is in use by a console of yours that runs now",
        )
    target = Target("node", node, node=node)
    left = await attacher.delete(target, str(metadata["namespace"]), str(metadata["name"]))
    return Outcome(
        cluster.context,
        shown,
        left or f"removed the pod {shown} from {sanitize(node)}",
        owed=bool(left),
    )


async def _labelled(cluster: Cluster, node_namespace: str) -> list[Mapping[str, Any]]:
    """Pods with podwire's label: of all namespaces, or of those where node pods go."""
    try:
        everywhere = await cluster.rest.get(
            "/api/v1/pods", what="list podwire's pods", labelSelector=SELECTOR
        )
        return list(everywhere.get("items") or ())
    except Forbidden:
        pass
    found: list[Mapping[str, Any]] = []
    for namespace in dict.fromkeys(
        n for n in (node_namespace, "default", cluster.namespace, "kube-system") if n
    ):
        path = f"/api/v1/namespaces/{quote(namespace)}/pods"
        try:
            answer = await cluster.rest.get(
                path, what=f"list podwire's pods in {namespace}", labelSelector=SELECTOR
            )
        except ClusterError as error:
            if error.status in (0, 401):
                raise
            continue
        found += answer.get("items") or ()
    return found
