"""create, update, patch and delete of every resource, with the admission that users run into."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from lab.api import defaults, ephemeral, patches, podsecurity, protobuf, status
from lab.api.reading import ReadHandler, selector_of, whole
from lab.api.requestinfo import RequestInfo
from lab.api.resources import BY_KIND, Resource
from lab.api.store import Object, ObjectStore

FILL: dict[str, Callable[[Object], Object]] = {
    "pods": defaults.pod,
    "services": defaults.service,
    "networkpolicies": defaults.policy,
    "deployments": defaults.workload,
    "replicasets": defaults.workload,
    "daemonsets": defaults.workload,
}
SET_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "selfLink", "managedFields")
KEPT_ON_CHANGE = ("uid", "name", "namespace", "creationTimestamp", "resourceVersion")
READABLE = ("application/json", "application/octet-stream", protobuf.CONTENT_TYPE)
NODE_PORTS = range(30000, 32768)
POD_CHANGES = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
    "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
    "(allow it to be set to 1 if it was previously negative)\n"
)
OTHER_NAMESPACE = (
    "the namespace of the provided object does not match the namespace sent on the request"
)


class Writer:
    """`schedule` names the node for a pod that has none; `address` a free cluster IP."""

    def __init__(
        self,
        store: ObjectStore,
        reader: ReadHandler,
        schedule: Callable[[], str],
        address: Callable[[], str],
    ) -> None:
        self.store = store
        self.reader = reader
        self._schedule = schedule
        self._address = address

    # --- create

    async def create(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        item = await read_body(request, resource)
        metadata = item.setdefault("metadata", {})
        if resource.namespaced:
            if metadata.setdefault("namespace", info.namespace) != info.namespace:
                raise status.bad_request(OTHER_NAMESPACE)
            self._check_namespace(info.namespace)
        defaults.check_name(resource.kind, item)
        for given in SET_BY_SERVER:
            metadata.pop(given, None)
        made = self.make(resource, item, dry_run(request))
        return self.reader.answer(request, resource, made, 201)

    def make(self, resource: Resource, item: Object, dry: bool = False) -> Object:
        """Admit a new object and store it; ApiError where it is refused."""
        metadata = item["metadata"]
        namespace = metadata.get("namespace", "")
        if self.store.get(resource.plural, namespace, metadata["name"]) is not None:
            raise status.exists(resource, metadata["name"])
        item = self.filled(resource, item)
        if "spec" in item:
            item["metadata"]["generation"] = 1
        self._admit_new(resource, item)
        return item if dry else self.store.put(resource.plural, item)

    def filled(self, resource: Resource, item: Object) -> Object:
        """`item` with the defaults of its kind."""
        return FILL.get(resource.plural, dict)(item)

    def _check_namespace(self, name: str) -> None:
        if self.store.get("namespaces", "", name) is None:
            raise status.not_found(BY_KIND["Namespace"], name)

    def _admit_new(self, resource: Resource, item: Object) -> None:
        name = item["metadata"]["name"]
        if resource.plural == "pods":
            self._admit_pod(item)
        elif resource.plural == "services":
            self._give_address(item)
        elif resource.plural == "namespaces":
            item["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
            item.update(spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})

    def _admit_pod(self, item: Object) -> None:
        name, spec = item["metadata"]["name"], item["spec"]
        if not spec.get("containers"):
            raise status.invalid("Pod", name, "spec.containers", "Required value")
        if spec.get("ephemeralContainers"):
            message = "Forbidden: cannot be set on create"
            raise status.invalid("Pod", name, "spec.ephemeralContainers", message)
        self.check_security(item)
        spec.setdefault("nodeName", self._schedule())
        item["status"] = {"phase": "Pending", "qosClass": "BestEffort"}

    def check_security(self, pod: Object) -> None:
        """PodSecurity of the namespace; 403 with every violation."""
        namespace = self.store.get("namespaces", "", pod["metadata"]["namespace"])
        level = (
            (namespace or {"metadata": {}})["metadata"]
            .get("labels", {})
            .get(podsecurity.ENFORCE, "privileged")
        )
        if why := podsecurity.violation(level, pod["spec"]):
            raise status.forbidden(BY_KIND["Pod"], pod["metadata"]["name"], why)

    def _give_address(self, item: Object) -> None:
        spec, name = item["spec"], item["metadata"]["name"]
        if spec["type"] == "ExternalName":
            return
        if not spec["ports"] and spec.get("clusterIP") != "None":
            raise status.invalid("Service", name, "spec.ports", "Required value")
        spec.setdefault("clusterIP", self._address())
        spec["clusterIPs"] = [spec["clusterIP"]]
        if spec["type"] in ("NodePort", "LoadBalancer"):
            self._give_node_ports(spec["ports"])

    def _give_node_ports(self, ports: list[Object]) -> None:
        services = self.store.items("services")
        used = {p.get("nodePort") for s in services for p in s["spec"].get("ports", ())}
        free = (port for port in NODE_PORTS if port not in used)
        for port in ports:
            port["nodePort"] = port.get("nodePort") or next(free)

    # --- change

    async def update(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        current = self.reader.found(info, resource)
        return self._replace(request, info, resource, current, await read_body(request, resource))

    async def patch(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        current = self.reader.found(info, resource)
        wanted = patches.apply(request.content_type, whole(resource, current), await _body(request))
        return self._replace(request, info, resource, current, wanted)

    def _replace(
        self,
        request: web.Request,
        info: RequestInfo,
        resource: Resource,
        current: Object,
        wanted: Object,
    ) -> web.Response:
        wanted = without_kind(wanted)
        given, had = wanted.get("metadata", {}), current["metadata"]
        if given.get("resourceVersion") and given["resourceVersion"] != had["resourceVersion"]:
            raise status.conflict(resource, info.name)
        kept = {k: had[k] for k in KEPT_ON_CHANGE if k in had}
        wanted["metadata"] = {**given, **kept}
        wanted = self._admit_change(info, resource, current, wanted)
        if wanted == current or dry_run(request):
            return self.reader.answer(request, resource, wanted)
        return self.reader.answer(request, resource, self.store.put(resource.plural, wanted))

    def _admit_change(
        self, info: RequestInfo, resource: Resource, current: Object, wanted: Object
    ) -> Object:
        if info.subresource == "ephemeralcontainers":
            return self._with_ephemeral(current, wanted)
        if resource.plural == "pods":
            _check_pod_change(current, wanted)
            return wanted
        wanted = self.filled(resource, wanted)
        if wanted.get("spec") != current.get("spec"):
            wanted["metadata"]["generation"] = current["metadata"].get("generation", 1) + 1
        return wanted

    def _with_ephemeral(self, current: Object, wanted: Object) -> Object:
        containers = wanted.get("spec", {}).get("ephemeralContainers") or []
        changed = ephemeral.updated(current, containers)
        if changed["spec"] != current["spec"]:
            self.check_security(changed)
        return changed

    # --- delete

    async def delete(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        item = self.reader.found(info, resource)
        options = await _body(request) if request.can_read_body else {}
        _check_precondition(options, resource, item)
        if options.get("dryRun") or dry_run(request):
            return self.reader.answer(request, resource, item)
        if resource.plural == "pods":
            if options.get("gracePeriodSeconds") is None:
                options = dict(request.query)
            ending = self.terminate(item, options)
            return self.reader.answer(request, resource, ending)
        gone = self._remove(resource, item) or item
        if resource.plural == "namespaces":
            self._empty(info.name)
            return self.reader.answer(request, resource, gone)
        return web.json_response(_deleted(resource, gone))

    def _remove(self, resource: Resource, item: Object) -> Object | None:
        metadata = item["metadata"]
        return self.store.remove(resource.plural, metadata.get("namespace", ""), metadata["name"])

    def terminate(self, pod: Object, options: Object) -> Object:
        """Begin a pod's graceful end, which its kubelet finishes; with no grace it is gone at once.

        Of `options` (DeleteOptions, or a query) only gracePeriodSeconds counts.
        """
        metadata = pod["metadata"]
        grace = _grace(pod, options)

        def begin(item: Object) -> None:
            ends = datetime.now(UTC) + timedelta(seconds=grace)
            item["metadata"]["deletionTimestamp"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
            item["metadata"]["deletionGracePeriodSeconds"] = grace
            item["metadata"]["generation"] = item["metadata"].get("generation", 1) + 1

        ending = self.store.edit("pods", metadata["namespace"], metadata["name"], begin) or pod
        if grace > 0:
            return ending
        return self.store.remove("pods", metadata["namespace"], metadata["name"]) or ending

    def _empty(self, namespace: str) -> None:
        for resource in BY_KIND.values():
            if resource.namespaced:
                for item in list(self.store.items(resource.plural, namespace)):
                    self._remove(resource, item)

    async def delete_many(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        matches = selector_of(request, resource)
        found = [i for i in self.store.items(resource.plural, info.namespace) if matches(i)]
        for item in found:
            if resource.plural == "pods":
                self.terminate(item, dict(request.query))
            else:
                self._remove(resource, item)
        body = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.group_version,
            "metadata": {"resourceVersion": str(self.store.version)},
            "items": found,
        }
        return web.json_response(body)


def _check_pod_change(current: Object, wanted: Object) -> None:
    """ApiError 422 where an update changes what a running pod cannot change; the status stays."""
    before, after = _unchangeable(current["spec"]), _unchangeable(wanted.get("spec") or {})
    if before != after:
        message = POD_CHANGES + ephemeral.difference_of(before, after)
        raise status.invalid("Pod", current["metadata"]["name"], "spec", message)
    wanted["status"] = current["status"]


def _unchangeable(spec: Object) -> Object:
    """A pod's spec without the fields that an update may change."""
    rest = copy.deepcopy(spec)
    for field in ("activeDeadlineSeconds", "tolerations"):
        rest.pop(field, None)
    for container in rest.get("containers", ()):
        container.pop("image", None)
    return rest


def _grace(pod: Object, options: Object) -> int:
    """A second deletion may shorten the grace period, never extend it."""
    grace = options.get("gracePeriodSeconds")
    if grace in (None, ""):
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
    return int(min(int(grace), pod["metadata"].get("deletionGracePeriodSeconds", int(grace))))


def _check_precondition(options: Object, resource: Resource, item: Object) -> None:
    uid, name = item["metadata"]["uid"], item["metadata"]["name"]
    expected = (options.get("preconditions") or {}).get("uid")
    if not expected or expected == uid:
        return
    message = (
        f'Operation cannot be fulfilled on {resource.qualified()} "{name}": Precondition failed: '
        f"UID in precondition: {expected}, UID in object meta: {uid}"
    )
    raise status.ApiError(409, "Conflict", message, status.details(resource, name))


def _deleted(resource: Resource, item: Object) -> Object:
    metadata = item["metadata"]
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**status.details(resource, metadata["name"]), "uid": metadata["uid"]},
    }


# --- bodies


def without_kind(item: Object) -> Object:
    """As the store keeps objects: kind and apiVersion are those of the resource."""
    return {k: v for k, v in item.items() if k not in ("kind", "apiVersion")}


def dry_run(request: web.Request) -> bool:
    return request.query.get("dryRun") == "All"


async def _body(request: web.Request) -> Any:
    if request.content_type == protobuf.CONTENT_TYPE:
        return await _protobuf_body(request)
    try:
        return await request.json()
    except ValueError as error:
        raise status.bad_request(f"the object provided is unrecognized: {error}") from None


async def _protobuf_body(request: web.Request) -> Any:
    try:
        return protobuf.decode(await request.read())
    except protobuf.Unreadable as error:
        message = f"the body of the request: {error}"
        raise status.ApiError(415, "UnsupportedMediaType", message, {}) from None


async def read_body(request: web.Request, resource: Resource) -> Object:
    if request.content_type not in READABLE:
        message = (
            "the body of the request was in an unknown format - accepted media types include: "
            f"application/json, {protobuf.CONTENT_TYPE}"
        )
        raise status.ApiError(415, "UnsupportedMediaType", message, {})
    item = await _body(request)
    if not isinstance(item, dict):
        raise status.bad_request("the object provided is unrecognized: it is not an object")
    if item.get("kind", resource.kind) != resource.kind:
        raise status.bad_request(
            f"{item['kind']} in version {json.dumps(item.get('apiVersion'))} "
            f"cannot be handled as a {resource.kind}"
        )
    return without_kind(item)
