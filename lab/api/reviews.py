"""Questions about oneself: SelfSubjectAccessReview, SelfSubjectRulesReview, SelfSubjectReview."""

from __future__ import annotations

from lab.api.rbac import Attributes, Authorizer, User
from lab.api.status import ApiError
from lab.api.store import Object, now


def answer(kind: str, body: Object, user: User, authorizer: Authorizer) -> Object:
    """The review of that kind with its status filled in."""
    if kind == "SelfSubjectReview":
        status: Object = {"userInfo": {"username": user.name, "groups": list(user.groups)}}
        return _review(kind, "authentication.k8s.io/v1", {}, status, {"creationTimestamp": now()})
    spec = body.get("spec") or {}
    if kind == "SelfSubjectRulesReview":
        namespace = spec.get("namespace")
        if not namespace:
            raise ApiError(400, "BadRequest", "no namespace on request")
        rules = authorizer.rules(user, namespace)
        status = {
            "resourceRules": [r for r in rules if "resources" in r],
            "nonResourceRules": [r for r in rules if "nonResourceURLs" in r],
            "incomplete": False,
        }
        return _review(kind, "authorization.k8s.io/v1", {"spec": {}}, status, {})
    allowed, reason = authorizer.allows(user, _attributes(spec))
    status = {"allowed": allowed, **({"reason": reason} if reason else {})}
    return _review(kind, "authorization.k8s.io/v1", {"spec": spec}, status, {})


def _review(kind: str, version: str, spec: Object, status: Object, metadata: Object) -> Object:
    return {"kind": kind, "apiVersion": version, "metadata": metadata, **spec, "status": status}


def _attributes(spec: Object) -> Attributes:
    path = spec.get("nonResourceAttributes")
    if path:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    asked = spec.get("resourceAttributes")
    if not asked:
        said = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise ApiError(422, "Invalid", said, {})
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource += f"/{asked['subresource']}"
    return Attributes(
        asked.get("verb", ""),
        asked.get("group", ""),
        resource,
        asked.get("namespace", ""),
        asked.get("name", ""),
    )
