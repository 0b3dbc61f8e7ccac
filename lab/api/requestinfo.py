"""What a request asks for, read from its URL and method as k8s.io/apiserver's RequestInfo does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp.web import Request

from lab.api.resources import Resource

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


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request for objects of a resource: as it came over HTTP, and what it asks for."""

    request: Request
    info: RequestInfo
    resource: Resource

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"


def read(request: Request, path: str) -> RequestInfo:
    group, version, rest = _group_version([part for part in path.split("/") if part])
    if not rest:
        return RequestInfo(path, request.method.lower())
    place = _place(rest)
    return RequestInfo(path, _verb(request, place.name), group, version, *place)


class RequestPlace(NamedTuple):
    """Where in a group and version; the last fields of RequestInfo."""

    namespace: str
    resource: str
    name: str
    subresource: str


def _group_version(parts: list[str]) -> tuple[str, str, list[str]]:
    """Group, version and what follows; nothing follows where the path is not of a resource."""
    if parts[:1] == ["api"] and len(parts) >= 3:
        return "", parts[1], parts[2:]
    if parts[:1] == ["apis"] and len(parts) >= 4:
        return parts[1], parts[2], parts[3:]
    return "", "", []


def _place(parts: list[str]) -> RequestPlace:
    """A namespace is in itself."""
    namespace, parts = _namespace(parts)
    resource, name, subresource = [*parts, "", "", ""][:3]
    if resource == "namespaces" and name:
        namespace = name
    return RequestPlace(namespace, resource, name, subresource)


def _namespace(parts: list[str]) -> tuple[str, list[str]]:
    """`namespaces/web/pods` is pods in web, but `namespaces/web/status` is web's own."""
    if parts[0] != "namespaces" or len(parts) < 3 or parts[2] in ("status", "finalize"):
        return "", parts
    return parts[1], parts[2:]


def _verb(request: Request, name: str) -> str:
    if request.method in ("GET", "HEAD"):
        return "get" if name else _list_or_watch(request)
    if request.method == "DELETE" and not name:
        return "deletecollection"
    return VERBS.get(request.method, request.method.lower())


def _list_or_watch(request: Request) -> str:
    return "watch" if request.query.get("watch") in ("true", "1") else "list"
