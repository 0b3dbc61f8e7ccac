"""Discovery: /version, /api, /apis and the resource lists, made from lab.api.resources."""

from __future__ import annotations

import platform
from functools import cache

from lab.api.metadata import without_empty
from lab.api.resources import EVERY, Resource, singular
from lab.api.store import Object

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
VERSION: Object = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.27.3",
    "compiler": "gc",
    "platform": f"linux/{ARCH}",
}

API_VERSIONS: Object = {
    "kind": "APIVersions",
    "versions": ["v1"],
    "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
}


FIELD_VALIDATION: Object = {
    "name": "fieldValidation",
    "in": "query",
    "schema": {"type": "string"},
}


PATCH: Object = {
    "parameters": [FIELD_VALIDATION],
    "responses": {"200": {"description": "OK"}},
}
OPENAPI: Object = {
    "openapi": "3.0.0",
    "info": {"title": "podwire lab", "version": VERSION["gitVersion"]},
    "components": {"schemas": {}},
}


def _row(resource: Resource) -> Object:
    return {
        "name": resource.plural,
        "singularName": singular(resource),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        **_optional_fields(resource),
    }


def _optional_fields(resource: Resource) -> Object:
    return without_empty(
        {
            "shortNames": list(resource.short),
            "categories": list(resource.categories),
            "storageVersionHash": resource.storage_hash,
        }
    )


@cache
def documents() -> dict[str, Object]:
    """What is answered at each path of discovery."""
    groups = [_group(version) for version in _versions() if "/" in version]
    lists = {f"/{_path(version)}": _resource_list(version) for version in _versions()}
    of_groups = {f"/apis/{group['name']}": _group_document(group) for group in groups}
    return {"/version": VERSION, "/api": API_VERSIONS, **lists, **of_groups, **_group_list(groups)}


def _group_list(groups: list[Object]) -> dict[str, Object]:
    return {"/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}}


def _versions() -> list[str]:
    """Every group and version: `v1`, `apps/v1`."""
    return list(dict.fromkeys(resource.group_version for resource in EVERY))


def _group_document(group: Object) -> Object:
    return {"kind": "APIGroup", "apiVersion": "v1", **group}


def _path(version: str) -> str:
    """Where a group and version is served: `api/v1`, `apis/apps/v1`."""
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _resource_list(version: str) -> Object:
    head = {"apiVersion": "v1"} if "/" in version else {}  # the core group's list has none
    rows = [_row(resource) for resource in EVERY if resource.group_version == version]
    return {"kind": "APIResourceList", **head, "groupVersion": version, "resources": rows}


def _group(version: str) -> Object:
    name, _, number = version.partition("/")
    one = {"groupVersion": version, "version": number}
    return {"name": name, "versions": [one], "preferredVersion": one}


def openapi_index(prefix: str) -> Object:
    """/openapi/v3. `prefix` is the token in the server's path, which clients expect these URLs to
    be without."""
    root = f"{prefix}/openapi/v3"
    paths = map(_path, _versions())
    return {"paths": {p: {"serverRelativeURL": f"{root}/{p}?hash=lab"} for p in paths}}


def openapi(path: str) -> Object | None:
    """The document of one group and version: only that the server validates fields itself, which
    kubectl asks."""
    version = path.removeprefix("apis/").removeprefix("api/")
    stored = [one for one in EVERY if one.stored and one.group_version == version]
    paths = {f"/{path}/{_item_path(one)}": {"patch": _patch_operation(one)} for one in stored}
    return {**OPENAPI, "paths": paths} if paths else None


def _item_path(resource: Resource) -> str:
    where = "namespaces/{namespace}/" if resource.namespaced else ""
    return f"{where}{resource.plural}/{{name}}"


def _patch_operation(resource: Resource) -> Object:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {**PATCH, "x-kubernetes-group-version-kind": kind}
