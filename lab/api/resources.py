"""Which resources the lab's API has: names, kinds, verbs, as a real API server lists them in
discovery."""

from __future__ import annotations

from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
NO_COLLECTION = tuple(v for v in ALL_VERBS if v != "deletecollection")


@dataclass(frozen=True, slots=True)
class Resource:
    """A row of discovery. `plural` is the name in URLs, as in `pods` or `pods/exec` for a
    subresource."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    categories: tuple[str, ...] = ()
    storage_hash: str = ""
    empty: str = "{}"  # the JSON of what a bookmark of this kind holds besides kind and metadata

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored(self) -> bool:
        """Whether objects of it are kept (others are reviews and subresources)."""
        return "list" in self.verbs

    def qualified(self) -> str:
        """`daemonsets.apps`, `pods`: as messages of the API server name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _sub(plural: str, kind: str, *verbs: str) -> Resource:
    return Resource("", "v1", plural, kind, verbs=verbs)


CORE = (
    Resource("", "v1", "configmaps", "ConfigMap", short=("cm",), storage_hash="qFsyl6wFWjQ="),
    Resource("", "v1", "events", "Event", short=("ev",), storage_hash="r2yiGXH7wu8="),
    Resource(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        short=("ns",),
        verbs=NO_COLLECTION,
        storage_hash="Q3oi5N2YM8M=",
        empty='{"spec":{},"status":{}}',
    ),
    Resource(
        "",
        "v1",
        "nodes",
        "Node",
        namespaced=False,
        short=("no",),
        storage_hash="XwShjMxG9Fs=",
        empty='{"spec":{},"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":0}}}}',
    ),
    Resource(
        "",
        "v1",
        "pods",
        "Pod",
        short=("po",),
        categories=("all",),
        storage_hash="xPOwRZ+Yhw8=",
        empty='{"spec":{"containers":null},"status":{}}',
    ),
    _sub("pods/ephemeralcontainers", "Pod", "get", "patch", "update"),
    _sub("pods/exec", "PodExecOptions", "create", "get"),
    _sub("pods/log", "Pod", "get"),
    Resource(
        "", "v1", "serviceaccounts", "ServiceAccount", short=("sa",), storage_hash="pbx9ZvyFpBE="
    ),
    Resource(
        "",
        "v1",
        "services",
        "Service",
        short=("svc",),
        categories=("all",),
        storage_hash="0/CO1lhkEBI=",
        empty='{"spec":{},"status":{"loadBalancer":{}}}',
    ),
)
NAMED = (
    Resource("apps", "v1", "daemonsets", "DaemonSet", short=("ds",), categories=("all",)),
    Resource("apps", "v1", "deployments", "Deployment", short=("deploy",), categories=("all",)),
    Resource("apps", "v1", "replicasets", "ReplicaSet", short=("rs",), categories=("all",)),
    Resource(
        "authentication.k8s.io",
        "v1",
        "selfsubjectreviews",
        "SelfSubjectReview",
        False,
        verbs=("create",),
    ),
    Resource(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        False,
        verbs=("create",),
    ),
    Resource(
        "authorization.k8s.io",
        "v1",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        False,
        verbs=("create",),
    ),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", short=("ing",)),
    Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False),
    Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"),
)
EVERY = CORE + NAMED
BY_PATH = {(r.group, r.version, r.plural): r for r in EVERY}
BY_KIND = {r.kind: r for r in EVERY if r.stored}
STORED = {r.plural: r for r in EVERY if r.stored}


def singular(resource: Resource) -> str:
    if "/" in resource.plural:
        return ""
    return resource.kind.lower()
