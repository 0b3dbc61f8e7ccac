"""Discovery: /version, /api, /apis and the resource lists, made from lab.api.resources."""

from __future__ import annotations

import platform

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


def _row(resource: Resource) -> Object:
    row: Object = {
        "name": resource.plural,
        "singularName": singular(resource),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        row["shortNames"] = list(resource.short)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.storage_hash:
        row["storageVersionHash"] = resource.storage_hash
    return row


def documents() -> dict[str, Object]:
    """What is answered at each path of discovery."""
    versions = list(dict.fromkeys(r.group_version for r in EVERY))
    groups = [_group(version) for version in versions if "/" in version]
    lists = {f"/{_path(version)}": _resource_list(version) for version in versions}
    return {
        "/version": VERSION,
        "/api": API_VERSIONS,
        **lists,
        **{f"/apis/{g['name']}": {"kind": "APIGroup", "apiVersion": "v1", **g} for g in groups},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }


def _path(version: str) -> str:
    """Where a group and version is served: `api/v1`, `apis/apps/v1`."""
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _resource_list(version: str) -> Object:
    listed: Object = {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": [_row(r) for r in EVERY if r.group_version == version],
    }
    if "/" not in version:
        del listed["apiVersion"]  # the core group's list has none
    return listed


def _group(version: str) -> Object:
    name, _, number = version.partition("/")
    one = {"groupVersion": version, "version": number}
    return {"name": name, "versions": [one], "preferredVersion": one}


def openapi_index(prefix: str) -> Object:
    """/openapi/v3. `prefix` is the token in the server's path, which clients expect these URLs to
    be without."""
    paths = {}
    for version in dict.fromkeys(r.group_version for r in EVERY):
        path = _path(version)
        paths[path] = {"serverRelativeURL": f"{prefix}/openapi/v3/{path}?hash=lab"}
    return {"paths": paths}


def openapi(path: str) -> Object | None:
    """The document of one group and version: only that the server validates fields itself, which
    kubectl asks."""
    version = path.removeprefix("apis/").removeprefix("api/")
    found = {
        f"/{path}/{_item_path(resource)}": {"patch": _patch_operation(resource)}
        for resource in EVERY
        if resource.group_version == version and resource.stored
    }
    if not found:
        return None
    info = {"title": "podwire lab", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": found, "components": {"schemas": {}}}


def _item_path(resource: Resource) -> str:
    where = "namespaces/{namespace}/" if resource.namespaced else ""
    return f"{where}{resource.plural}/{{name}}"


def _patch_operation(resource: Resource) -> Object:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {
        "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-group-version-kind": kind,
    }
