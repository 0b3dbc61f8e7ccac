"""What this user may do, by SelfSubjectAccessReview, and the smallest Role that gives the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

import yaml

from collectors.cluster.api.connection import Cluster
from collectors.cluster.api.discovery import served_policies
from collectors.cluster.api.foreign_kinds import ForeignKind
from collectors.cluster.api.rest import Json
from collectors.errors import RefusalsSuppressed
from collectors.events import AccessReview, AccessRow
from collectors.frozen import frozen

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RBAC = "rbac.authorization.k8s.io"
ATTRIBUTES = ("verb", "resource", "subresource", "namespace", "group")


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

    @property
    def path(self) -> str:
        """With the subresource: `pods/exec`."""
        return "/".join(part for part in (self.resource, self.subresource) if part)

    def place(self, namespace: str) -> str:
        """The namespace in which it is needed, '' for the whole cluster."""
        return self.namespace or (namespace if self.namespaced else "")

    def rights(self, place: str) -> list[ResourceRight]:
        return [
            ResourceRight(verb, self.resource, self.subresource, place, self.group)
            for verb in self.verbs
        ]


READ = ("get", "list", "watch")
NEEDS = (
    Need("the list of pods", READ, "pods"),
    Need("debug containers", ("patch",), "pods", subresource="ephemeralcontainers"),
    Need("running commands in them", ("get", "create"), "pods", subresource="exec"),
    Need("node pods", ("create", "delete"), "pods"),
    Need("Services", ("list", "watch"), "services"),
    Need("endpoints behind Services", ("list", "watch"), "endpointslices", "discovery.k8s.io"),
    Need("policies", ("list", "watch"), "networkpolicies", "networking.k8s.io"),
    Need("events of probes and controllers", ("list", "watch"), "events"),
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

    @property
    def attributes(self) -> Json:
        """What is asked about, without what is not narrowed."""
        return {name: value for name in ATTRIBUTES if (value := getattr(self, name))}

    @property
    def review(self) -> Json:
        """The SelfSubjectAccessReview that asks for it."""
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": self.attributes},
        }


async def allowed(cluster: Cluster, right: ResourceRight) -> bool:
    """Whether we may. Where the server does not answer reviews: yes, the request will show it."""
    with RefusalsSuppressed():
        return bool((await _status(cluster, right.review)).get("allowed"))
    return True


async def _status(cluster: Cluster, review: Json) -> Json:
    answer = await cluster.rest.request("POST", REVIEWS, body=review, what="ask what is allowed")
    return answer.get("status") or {}


async def review(cluster: Cluster, namespace: str) -> list[AccessRow]:
    """A row for each need, in the order of NEEDS; after them the other policies that are served.

    `namespace` '' asks for all namespaces.
    """
    rows = [_row(cluster, need, namespace) for need in await _needs(cluster)]
    return await asyncio.gather(*rows)


async def _needs(cluster: Cluster) -> list[Need]:
    return [*NEEDS, *await _foreign_needs(cluster)]


async def _foreign_needs(cluster: Cluster) -> list[Need]:
    """None where the API server refuses discovery: what is served cannot be asked for."""
    with RefusalsSuppressed():
        served, _ = await served_policies(cluster.rest)
        return [_need_of(kind.foreign) for kind in served]
    return []


def _need_of(policies: ForeignKind) -> Need:
    return Need(
        f"policies ({policies.kind})",
        ("list", "watch"),
        policies.resource,
        policies.group,
        namespaced=policies.namespaced,
    )


async def _row(cluster: Cluster, need: Need, namespace: str) -> AccessRow:
    place = need.place(namespace)
    missing = await _missing(cluster, need.rights(place))
    return AccessRow(need.use, need.verbs, need.path, need.group, namespace=place, missing=missing)


async def _missing(cluster: Cluster, rights: list[ResourceRight]) -> tuple[str, ...]:
    answers = await asyncio.gather(*(allowed(cluster, right) for right in rights))
    return tuple(right.verb for right, yes in zip(rights, answers, strict=True) if not yes)


async def access(cluster: Cluster, namespace: str) -> AccessReview:
    """The review as an event for the stream."""
    return AccessReview(time.time(), "", namespace, tuple(await review(cluster, namespace)))


def _rules(rows: Iterable[AccessRow]) -> list[Json]:
    """RBAC rules for what is missing; rows of one group and the same verbs become one rule."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in rows:
        if row.missing:
            together.setdefault((row.group, row.missing), []).append(row.resource)
    return [_rule(group, names, verbs) for (group, verbs), names in together.items()]


def _rule(group: str, resources: list[str], verbs: tuple[str, ...]) -> Json:
    return {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}


def _subject(user: str) -> dict[str, str]:
    parts = user.split(":")
    if user.startswith("system:serviceaccount:") and len(parts) == 4:
        return {"kind": "ServiceAccount", "name": parts[3], "namespace": parts[2]}
    return {"kind": "User", "name": user, "apiGroup": RBAC}


def _role(place: str, rules: list[Json], user: str) -> list[Json]:
    """A Role of the namespace `place`, a ClusterRole where that is '', and its binding."""
    kind = "Role" if place else "ClusterRole"
    binding = {
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": "podwire"},
        "subjects": [_subject(user)],
    }
    return [
        {**_head(kind, place), "rules": rules},
        {**_head(f"{kind}Binding", place), **binding},
    ]


def _head(kind: str, namespace: str) -> Json:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": "podwire", **place}}


def missing_role(rows: Sequence[AccessRow], user: str) -> str:
    """YAML for `kubectl apply -f -` that gives exactly what is missing; '' where nothing is.

    What concerns a namespace goes into a Role there, the rest into a ClusterRole.
    """
    documents: list[Json] = []
    for place in _places(rows):
        if rules := _rules(row for row in rows if row.namespace == place):
            documents += _role(place, rules, user)
    return str(yaml.safe_dump_all(documents, sort_keys=False)) if documents else ""


def _places(rows: Iterable[AccessRow]) -> list[str]:
    """Namespaces by name, the whole cluster last."""
    return sorted({row.namespace for row in rows}, key=lambda name: (not name, name))
