"""What a request asks for, read from its URL and method as k8s.io/apiserver's RequestInfo does."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """`resource` is empty for a path that is not of a resource (`/version`)."""

    path: str
    verb: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def whole(self) -> str:
        """`pods/exec`, `pods`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def read(request: web.Request, path: str) -> RequestInfo:
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(path, request.method.lower())
    namespace, resource, name, subresource = _place(rest)
    return RequestInfo(
        path=path,
        verb=_verb(request, name),
        group=group,
        version=version,
        namespace=namespace,
        resource=resource,
        name=name,
        subresource=subresource,
    )


def _place(parts: list[str]) -> tuple[str, str, str, str]:
    """Namespace, resource, name and subresource; a namespace is in itself."""
    namespace = ""
    in_namespace = parts[0] == "namespaces" and len(parts) >= 3
    if in_namespace and parts[2] not in ("status", "finalize"):
        namespace, parts = parts[1], parts[2:]
    resource, name, subresource = [*parts, "", "", ""][:3]
    if resource == "namespaces" and name:
        namespace = name
    return namespace, resource, name, subresource


def _verb(request: web.Request, name: str) -> str:
    if request.method in ("GET", "HEAD"):
        if name:
            return "get"
        return "watch" if request.query.get("watch") in ("true", "1") else "list"
    if request.method == "DELETE" and not name:
        return "deletecollection"
    return VERBS.get(request.method, request.method.lower())
