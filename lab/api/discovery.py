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
    found: dict[str, Object] = {
        "/version": VERSION,
        "/api": {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [
                {"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}
            ],
        },
    }
    groups = []
    for version in versions:
        rows = [_row(r) for r in EVERY if r.group_version == version]
        listed: Object = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version,
            "resources": rows,
        }
        if "/" not in version:
            del listed["apiVersion"]
            found[f"/api/{version}"] = listed
            continue
        found[f"/apis/{version}"] = listed
        name, _, number = version.partition("/")
        one = {"groupVersion": version, "version": number}
        group = {"name": name, "versions": [one], "preferredVersion": one}
        groups.append(group)
        found[f"/apis/{name}"] = {"kind": "APIGroup", "apiVersion": "v1", **group}
    found["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return found


def openapi_index(prefix: str) -> Object:
    """/openapi/v3. `prefix` is the token in the server's path, which clients expect these URLs to
    be without."""
    paths = {}
    for version in dict.fromkeys(r.group_version for r in EVERY):
        path = f"apis/{version}" if "/" in version else f"api/{version}"
        paths[path] = {"serverRelativeURL": f"{prefix}/openapi/v3/{path}?hash=lab"}
    return {"paths": paths}


def openapi(path: str) -> Object | None:
    """The document of one group and version: only that the server validates fields itself, which
    kubectl asks."""
    version = path.removeprefix("apis/").removeprefix("api/")
    found = {}
    for resource in EVERY:
        if resource.group_version == version and resource.stored:
            where = "namespaces/{namespace}/" if resource.namespaced else ""
            kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
            parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
            responses = {"200": {"description": "OK"}}
            patch = {
                "parameters": [parameter],
                "responses": responses,
                "x-kubernetes-group-version-kind": kind,
            }
            found[f"/{path}/{where}{resource.plural}/{{name}}"] = {"patch": patch}
    if not found:
        return None
    info = {"title": "podwire lab", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": found, "components": {"schemas": {}}}
