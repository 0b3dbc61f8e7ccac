"""Who may do what: RBAC evaluated from the roles and bindings in the store, as the API server
does."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lab.api.store import Object, ObjectStore

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = (AUTHENTICATED,)


@dataclass(frozen=True, slots=True)
class Attributes:
    """One question: may `verb` be done to this resource (or non-resource path)?"""

    verb: str
    group: str = ""
    resource: str = ""  # with subresource: pods/exec
    namespace: str = ""
    name: str = ""
    path: str = ""


class Authorizer:
    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def allows(self, user: User, asked: Attributes) -> tuple[bool, str]:
        """Whether it is allowed, and by what (the reason in a SelfSubjectAccessReview)."""
        if MASTERS in user.groups:
            return True, ""
        for rule, reason in self._rules(user, asked.namespace):
            if _covers(rule, asked):
                return True, reason
        return False, ""

    def rules(self, user: User, namespace: str) -> list[Object]:
        """Every rule that applies to a user in a namespace."""
        if MASTERS in user.groups:
            return [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]
        return [rule for rule, _ in self._rules(user, namespace)]

    def _rules(self, user: User, namespace: str) -> Iterator[tuple[Object, str]]:
        bindings = [("ClusterRoleBinding", b) for b in self.store.items("clusterrolebindings")]
        if namespace:
            bindings += [("RoleBinding", b) for b in self.store.items("rolebindings", namespace)]
        for kind, binding in bindings:
            subject = next((s for s in binding.get("subjects", ()) if _is(s, user)), None)
            if subject is None:
                continue
            reference, name = binding["roleRef"], binding["metadata"]["name"]
            where = f"{name}/{namespace}" if kind == "RoleBinding" else name
            reason = (
                f'RBAC: allowed by {kind} "{where}" of {reference["kind"]} "{reference["name"]}" '
                f'to {subject["kind"]} "{subject["name"]}"'
            )
            for rule in self._role(reference, namespace):
                yield rule, reason

    def _role(self, reference: Object, namespace: str) -> list[Object]:
        if reference["kind"] == "ClusterRole":
            role = self.store.get("clusterroles", "", reference["name"])
        else:
            role = self.store.get("roles", namespace, reference["name"])
        return list((role or {}).get("rules") or ())


def _is(subject: Object, user: User) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    return bool(subject["kind"] == "User" and subject["name"] == user.name)


def _has(values: Collection[str], wanted: str) -> bool:
    return "*" in values or wanted in values


def _covers(rule: Object, asked: Attributes) -> bool:
    if not _has(rule["verbs"], asked.verb):
        return False
    if asked.path:
        return any(_matches_path(url, asked.path) for url in rule.get("nonResourceURLs", ()))
    if not _has(rule.get("apiGroups", ()), asked.group):
        return False
    names: list[str] = rule.get("resourceNames") or []
    return _has_resource(rule.get("resources", ()), asked.resource) and (
        not names or asked.name in names
    )


def _matches_path(url: str, path: str) -> bool:
    return url == path or (url.endswith("*") and path.startswith(url[:-1]))


def _has_resource(resources: Collection[str], resource: str) -> bool:
    """`pods/exec` is covered by itself, by `*` and by `*/exec`."""
    subresource = resource.partition("/")[2]
    return _has(resources, resource) or bool(subresource and f"*/{subresource}" in resources)


def refusal(user: User, asked: Attributes) -> str:
    """Why not, in the words of a 403."""
    if asked.path:
        return f'User "{user.name}" cannot {asked.verb} path "{asked.path}"'
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    return (
        f'User "{user.name}" cannot {asked.verb} resource "{asked.resource}" in API group '
        f'"{asked.group}" {where}'
    )
