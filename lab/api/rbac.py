"""Who may do what: RBAC evaluated from the roles and bindings in the store, as the API server
does."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lab.api.metadata import name_of
from lab.api.store import Object, ObjectStore

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
RULES_OF_MASTERS: tuple[Object, ...] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


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
        reason = self._reason(user, asked)
        return reason is not None, reason or ""

    def _reason(self, user: User, asked: Attributes) -> str | None:
        rules = self._rules(user, asked.namespace)
        return next((reason for rule, reason in rules if _covers(rule, asked)), None)

    def rules(self, user: User, namespace: str) -> list[Object]:
        """Every rule that applies to a user in a namespace."""
        if MASTERS in user.groups:
            return list(map(dict, RULES_OF_MASTERS))
        return [rule for rule, _ in self._rules(user, namespace)]

    def _rules(self, user: User, namespace: str) -> Iterator[tuple[Object, str]]:
        """Each rule that applies, and the reason that an access review gives for it."""
        for kind, binding in self._bindings(namespace):
            if subject := _subject(binding, user):
                reason = _reason(kind, binding, subject, namespace)
                for rule in self._role(binding["roleRef"], namespace):
                    yield rule, reason

    def _bindings(self, namespace: str) -> Iterator[tuple[str, Object]]:
        for binding in self.store.items("clusterrolebindings"):
            yield "ClusterRoleBinding", binding
        for binding in self.store.items("rolebindings", namespace) if namespace else ():
            yield "RoleBinding", binding

    def _role(self, reference: Object, namespace: str) -> list[Object]:
        of_cluster = reference["kind"] == "ClusterRole"
        place = ("clusterroles", "") if of_cluster else ("roles", namespace)
        role = self.store.get(*place, reference["name"]) or {}
        return list(role.get("rules") or ())


def _reason(kind: str, binding: Object, subject: Object, namespace: str) -> str:
    reference, name = binding["roleRef"], name_of(binding)
    where = f"{name}/{namespace}" if kind == "RoleBinding" else name
    return (
        f'RBAC: allowed by {kind} "{where}" of {reference["kind"]} "{reference["name"]}" '
        f'to {subject["kind"]} "{subject["name"]}"'
    )


def _subject(binding: Object, user: User) -> Object | None:
    """Through which subject a binding is about a user."""
    return next((one for one in binding.get("subjects", ()) if _is(one, user)), None)


def _is(subject: Object, user: User) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    return (subject["kind"], subject["name"]) == ("User", user.name)


def _has(values: Collection[str], wanted: str) -> bool:
    return "*" in values or wanted in values


def _covers(rule: Object, asked: Attributes) -> bool:
    if not _has(rule["verbs"], asked.verb):
        return False
    if asked.path:
        return _covers_path(rule, asked.path)
    names = rule.get("resourceNames") or [asked.name]
    return asked.name in names and _covers_resource(rule, asked)


def _covers_path(rule: Object, path: str) -> bool:
    return any(_matches_path(url, path) for url in rule.get("nonResourceURLs", ()))


def _covers_resource(rule: Object, asked: Attributes) -> bool:
    groups, resources = rule.get("apiGroups", ()), rule.get("resources", ())
    return _has(groups, asked.group) and _has_resource(resources, asked.resource)


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
