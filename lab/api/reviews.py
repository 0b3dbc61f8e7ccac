"""Questions about oneself: SelfSubjectAccessReview, SelfSubjectRulesReview, SelfSubjectReview."""

from __future__ import annotations

from lab.api.rbac import Attributes, Authorizer, User
from lab.api.status import ApiError
from lab.api.store import Object, now

ONE_IS_NEEDED = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


def answer(kind: str, body: Object, user: User, authorizer: Authorizer) -> Object:
    """The review of that kind with its status filled in."""
    spec = body.get("spec") or {}
    if kind == "SelfSubjectReview":
        return _subject_review(user)
    if kind == "SelfSubjectRulesReview":
        return _rules_review(spec.get("namespace"), user, authorizer)
    return _access_review(spec, user, authorizer)


def _subject_review(user: User) -> Object:
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": now()},
        "status": {"userInfo": {"username": user.name, "groups": list(user.groups)}},
    }


def _rules_review(namespace: str | None, user: User, authorizer: Authorizer) -> Object:
    if not namespace:
        raise ApiError(400, "BadRequest", "no namespace on request")
    rules = authorizer.rules(user, namespace)
    status = {
        "resourceRules": [r for r in rules if "resources" in r],
        "nonResourceRules": [r for r in rules if "nonResourceURLs" in r],
        "incomplete": False,
    }
    return _review("SelfSubjectRulesReview", {}, status)


def _access_review(spec: Object, user: User, authorizer: Authorizer) -> Object:
    allowed, reason = authorizer.allows(user, _attributes(spec))
    why = {"reason": reason} if reason else {}
    return _review("SelfSubjectAccessReview", spec, {"allowed": allowed, **why})


def _review(kind: str, spec: Object, status: Object) -> Object:
    head = {"kind": kind, "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
    return {**head, "spec": spec, "status": status}


def _attributes(spec: Object) -> Attributes:
    if path := spec.get("nonResourceAttributes"):
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    if asked := spec.get("resourceAttributes"):
        return _of_resource(asked)
    raise ApiError(422, "Invalid", ONE_IS_NEEDED, {})


def _of_resource(asked: Object) -> Attributes:
    named = {name: asked.get(name, "") for name in ("verb", "group", "namespace", "name")}
    return Attributes(resource=_with_subresource(asked), **named)


def _with_subresource(asked: Object) -> str:
    return "/".join(filter(None, (asked.get("resource", ""), asked.get("subresource"))))
