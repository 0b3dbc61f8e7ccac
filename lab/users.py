"""The lab's users and roles: an administrator, a viewer, and one who may do just what podwire
needs.

`view` is what a real cluster gives in a namespace, without what the lab has no resource for.
"""

from __future__ import annotations

from lab.api.rbac import AUTHENTICATED, MASTERS, User
from lab.api.store import Object

ADMIN = User("lab-admin", (MASTERS, AUTHENTICATED))
USERS = {
    "lab": ADMIN,
    "viewer": User("viewer"),
    "debugger": User("debugger"),
}  # by context of the kubeconfig
READ = ["get", "list", "watch"]


def _rule(verbs: list[str], group: str, resources: str) -> Object:
    """`resources` are separated by spaces."""
    return {"verbs": verbs, "apiGroups": [group], "resources": resources.split()}


def _paths(urls: str) -> Object:
    return {"verbs": ["get"], "nonResourceURLs": urls.split()}


VIEW = [
    _rule(READ, "", "configmaps pods serviceaccounts services services/status"),
    _rule(READ, "", "namespaces/status pods/log pods/status"),
    _rule(READ, "", "namespaces"),
    _rule(READ, "", "events"),
    _rule(READ, "discovery.k8s.io", "endpointslices"),
    _rule(
        READ,
        "apps",
        "daemonsets daemonsets/status deployments deployments/status replicasets",
    ),
    _rule(READ, "networking.k8s.io", "networkpolicies ingresses"),
]
# what podwire asks for: see docs/access.md
DEBUGGER = [
    _rule(READ, "", "pods namespaces nodes services"),
    _rule(["get"], "", "pods/log"),
    _rule(["get", "patch", "update"], "", "pods/ephemeralcontainers"),
    _rule(["create", "get"], "", "pods/exec"),
    _rule(["create", "delete"], "", "pods"),
    _rule(READ, "discovery.k8s.io", "endpointslices"),
    _rule(READ, "networking.k8s.io", "networkpolicies ingresses"),
    _rule(READ, "", "events"),
    _rule(["get"], "", "configmaps"),
]
BASIC = [
    _rule(["create"], "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
    _rule(["create"], "authentication.k8s.io", "selfsubjectreviews"),
]
PUBLIC = _paths("/healthz /livez /readyz /version /version/")
DISCOVERY = _paths(
    "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/",
)
ROLES = {
    "cluster-admin": [_rule(["*"], "*", "*"), {"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "view": VIEW,
    "podwire": DEBUGGER,
    "system:basic-user": BASIC,
    "system:discovery": [DISCOVERY],
    "system:public-info-viewer": [PUBLIC],
}
BINDINGS = (
    ("cluster-admin", "cluster-admin", "Group", MASTERS),
    ("viewer", "view", "User", "viewer"),
    ("debugger", "podwire", "User", "debugger"),
    ("system:basic-user", "system:basic-user", "Group", AUTHENTICATED),
    ("system:discovery", "system:discovery", "Group", AUTHENTICATED),
    ("system:public-info-viewer", "system:public-info-viewer", "Group", AUTHENTICATED),
)
API_GROUP = "rbac.authorization.k8s.io"


def role_objects() -> list[tuple[str, Object]]:
    """(resource, object) of every ClusterRole and ClusterRoleBinding of the lab."""
    roles = [("clusterroles", _role(*row)) for row in ROLES.items()]
    return roles + [("clusterrolebindings", _binding(*row)) for row in BINDINGS]


def _role(name: str, rules: list[Object]) -> Object:
    return {"metadata": {"name": name}, "rules": rules}


def _binding(name: str, role: str, kind: str, subject: str) -> Object:
    return {
        "metadata": {"name": name},
        "subjects": [{"kind": kind, "apiGroup": API_GROUP, "name": subject}],
        "roleRef": {"apiGroup": API_GROUP, "kind": "ClusterRole", "name": role},
    }
