"""What this user may do, by SelfSubjectAccessReview, and the smallest Role that gives the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from collectors.cluster.api.connection import Cluster
from collectors.cluster.api.discovery import served_policies
from collectors.errors import ClusterError
from collectors.events import AccessReview, AccessRow
from collectors.frozen import frozen

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@frozen
class Need:
    """A right and what it is for.

    `namespaced` needs can be given by a Role of the namespace, or of the one named.
    """

    use: str
    verbs: tuple[str, ...]
    resource: str
    group: str = ""
    subresource: str = ""
    namespaced: bool = True
    namespace: str = ""


READ = ("get", "list", "watch")
NEEDS = (
    Need("the list of pods", READ, "pods"),
    Need("debug containers", ("patch",), "pods", subresource="ephemeralcontainers"),
    Need("running commands in them", ("get", "create"), "pods", subresource="exec"),
    Need("node pods", ("create", "delete"), "pods"),
    Need("Services", ("list", "watch"), "services"),
    Need("endpoints behind Services", ("list", "watch"), "endpointslices", "discovery.k8s.io"),
    Need("policies", ("list", "watch"), "networkpolicies", "networking.k8s.io"),
    Need("what probes and controllers say", ("list", "watch"), "events"),
    Need("Ingresses", ("list", "watch"), "ingresses", "networking.k8s.io"),
    Need("settings of kube-proxy and the CNI", ("get",), "configmaps", namespace="kube-system"),
    Need("nodes", READ, "nodes", namespaced=False),
    Need("the list of namespaces", ("list", "watch"), "namespaces", namespaced=False),
)


@frozen
class ResourceRight:
    """One verb on one resource, as RBAC names them. `namespace` '' asks for all of them."""

    verb: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    group: str = ""


async def allowed(cluster: Cluster, right: ResourceRight) -> bool:
    """Whether we may. Where the server does not answer reviews: yes, the request will show it."""
    attributes = {
        "verb": right.verb,
        "resource": right.resource,
        "subresource": right.subresource,
        "namespace": right.namespace,
        "group": right.group,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    try:
        answer = await cluster.rest.request("POST", REVIEWS, body=body, what="ask what is allowed")
    except ClusterError as error:
        if error.status in (0, 401):
            raise
        return True
    return bool((answer.get("status") or {}).get("allowed"))


async def review(cluster: Cluster, namespace: str) -> list[AccessRow]:
    """A row for each need, in the order of NEEDS; after them the other policies that are served.

    `namespace` '' asks for all namespaces.
    """
    needs = (*NEEDS, *await _foreign_needs(cluster))
    return list(await asyncio.gather(*(_row(cluster, need, namespace) for need in needs)))


async def _foreign_needs(cluster: Cluster) -> list[Need]:
    """None where the API server refuses discovery: what is served cannot be asked for."""
    try:
        served, _ = await served_policies(cluster.rest)
    except ClusterError as error:
        if error.status in (0, 401):
            raise
        return []
    return [
        Need(
            f"policies ({kind.foreign.kind})",
            ("list", "watch"),
            kind.foreign.resource,
            kind.foreign.group,
            namespaced=kind.foreign.namespaced,
        )
        for kind in served
    ]


async def _row(cluster: Cluster, need: Need, namespace: str) -> AccessRow:
    where = need.namespace or (namespace if need.namespaced else "")
    rights = [
        ResourceRight(verb, need.resource, need.subresource, where, need.group)
        for verb in need.verbs
    ]
    answers = await asyncio.gather(*(allowed(cluster, right) for right in rights))
    return AccessRow(
        use=need.use,
        verbs=need.verbs,
        resource="/".join(part for part in (need.resource, need.subresource) if part),
        group=need.group,
        namespace=where,
        missing=tuple(verb for verb, yes in zip(need.verbs, answers, strict=True) if not yes),
    )


async def access(cluster: Cluster, namespace: str) -> AccessReview:
    """The review as an event for the stream."""
    return AccessReview(time.time(), "", namespace, tuple(await review(cluster, namespace)))


def _rules(rows: Iterable[AccessRow]) -> list[dict[str, Any]]:
    """RBAC rules for what is missing; rows of one group and the same verbs become one rule."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in rows:
        if row.missing:
            together.setdefault((row.group, row.missing), []).append(row.resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
        for (group, verbs), resources in together.items()
    ]


def _subject(user: str) -> dict[str, str]:
    parts = user.split(":")
    if user.startswith("system:serviceaccount:") and len(parts) == 4:
        return {"kind": "ServiceAccount", "name": parts[3], "namespace": parts[2]}
    return {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}


def _role(
    kind: str, rules: Sequence[dict[str, Any]], user: str, namespace: str
) -> list[dict[str, Any]]:
    place = {"namespace": namespace} if kind == "Role" else {}
    metadata = {"name": "podwire", **place}
    api = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": api, "kind": kind, "metadata": metadata, "rules": list(rules)},
        {
            "apiVersion": api,
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "podwire"},
            "subjects": [_subject(user)],
        },
    ]


def missing_role(rows: Sequence[AccessRow], user: str) -> str:
    """YAML for `kubectl apply -f -` that gives exactly what is missing; '' where nothing is.

    What concerns a namespace goes into a Role there, the rest into a ClusterRole.
    """
    documents: list[dict[str, Any]] = []
    for place in sorted({row.namespace for row in rows}, key=lambda name: (not name, name)):
        if rules := _rules(row for row in rows if row.namespace == place):
            documents += _role("Role" if place else "ClusterRole", rules, user, place)
    return str(yaml.safe_dump_all(documents, sort_keys=False)) if documents else ""
