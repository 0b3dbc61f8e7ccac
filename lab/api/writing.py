"""create, update, patch and delete of every resource, with the admission that podwire's users run
into."""

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
CHANGEABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations`"
)


class Writer:
    """`schedule` names the node for a pod that has none; `address` gives a Service its cluster
    IP."""

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
                raise status.bad_request(
                    "the namespace of the provided object does not match the namespace sent on "
                    "the request"
                )
            self._check_namespace(info.namespace)
        defaults.check_name(resource.kind, item)
        for given in ("uid", "resourceVersion", "creationTimestamp", "selfLink", "managedFields"):
            metadata.pop(given, None)
        made = self.make(resource, item, dry_run(request))
        return self.reader.answer(request, resource, made, 201)

    def make(self, resource: Resource, item: Object, dry: bool = False) -> Object:
        """Admit a new object and store it; ApiError where it is refused."""
        metadata = item["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if self.store.get(resource.plural, namespace, name) is not None:
            raise status.exists(resource, name)
        item = self.filled(resource, item)
        if "spec" in item:
            item["metadata"]["generation"] = 1
        self._admit_new(resource, item)
        return item if dry else self.store.put(resource.plural, item)

    def filled(self, resource: Resource, item: Object) -> Object:
        """`item` with the defaults of its kind."""
        return FILL.get(resource.plural, dict)(item)

    def _check_namespace(self, name: str) -> None:
        found = self.store.get("namespaces", "", name)
        if found is None:
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
            said = "Forbidden: cannot be set on create"
            raise status.invalid("Pod", name, "spec.ephemeralContainers", said)
        self.check_security(item)
        spec.setdefault("nodeName", self._schedule())
        item["status"] = {"phase": "Pending", "qosClass": "BestEffort"}

    def check_security(self, pod: Object) -> None:
        """PodSecurity of the namespace; 403 with every violation."""
        namespace = self.store.get("namespaces", "", pod["metadata"]["namespace"]) or {
            "metadata": {}
        }
        level = namespace["metadata"].get("labels", {}).get(podsecurity.ENFORCE, "privileged")
        if why := podsecurity.violation(level, pod["spec"]):
            raise status.forbidden(BY_KIND["Pod"], pod["metadata"]["name"], why)

    def _give_address(self, item: Object) -> None:
        spec, name = item["spec"], item["metadata"]["name"]
        if not spec["ports"] and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
            raise status.invalid("Service", name, "spec.ports", "Required value")
        if spec["type"] == "ExternalName":
            return
        spec.setdefault("clusterIP", self._address())
        spec["clusterIPs"] = [spec["clusterIP"]]
        if spec["type"] in ("NodePort", "LoadBalancer"):
            in_use = {
                p.get("nodePort")
                for s in self.store.items("services")
                for p in s["spec"].get("ports", ())
            }
            free = (port for port in range(30000, 32768) if port not in in_use)
            for port in spec["ports"]:
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
        wanted = {k: v for k, v in wanted.items() if k not in ("kind", "apiVersion")}
        asked, had = wanted.get("metadata", {}), current["metadata"]
        if asked.get("resourceVersion") and asked["resourceVersion"] != had["resourceVersion"]:
            raise status.conflict(resource, info.name)
        fixed = {
            k: had[k]
            for k in ("uid", "name", "namespace", "creationTimestamp", "resourceVersion")
            if k in had
        }
        wanted["metadata"] = {**asked, **fixed}
        if info.subresource == "ephemeralcontainers":
            wanted = ephemeral.updated(
                current, wanted.get("spec", {}).get("ephemeralContainers") or []
            )
            if wanted["spec"] != current["spec"]:
                self.check_security(wanted)
        elif resource.plural == "pods":
            self._check_pod_change(current, wanted)
        else:
            wanted = self.filled(resource, wanted)
        if resource.plural != "pods" and wanted.get("spec") != current.get("spec"):
            wanted["metadata"]["generation"] = had.get("generation", 1) + 1
        if wanted == current or dry_run(request):
            return self.reader.answer(request, resource, wanted)
        return self.reader.answer(request, resource, self.store.put(resource.plural, wanted))

    def _check_pod_change(self, current: Object, wanted: Object) -> None:
        before, after = copy.deepcopy(current["spec"]), copy.deepcopy(wanted.get("spec") or {})
        for spec in (before, after):
            for field in ("activeDeadlineSeconds", "tolerations"):
                spec.pop(field, None)
            for container in spec.get("containers", ()):
                container.pop("image", None)
        if before != after:
            said = (
                f"Forbidden: pod updates may not change fields other than {CHANGEABLE} (only "
                "additions to existing "
                "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if "
                "it was previously "
                f"negative)\n{ephemeral.difference_of(before, after)}"
            )
            raise status.invalid("Pod", current["metadata"]["name"], "spec", said)
        wanted["status"] = current["status"]

    # --- delete

    async def delete(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        item = self.reader.found(info, resource)
        options = await _body(request) if request.can_read_body else {}
        uid = (options.get("preconditions") or {}).get("uid")
        if uid and uid != item["metadata"]["uid"]:
            said = (
                f'Operation cannot be fulfilled on {resource.qualified()} "{info.name}": '
                "Precondition failed: UID in "
                f"precondition: {uid}, UID in object meta: {item['metadata']['uid']}"
            )
            raise status.ApiError(409, "Conflict", said, status.details(resource, info.name))
        if options.get("dryRun") or dry_run(request):
            return self.reader.answer(request, resource, item)
        if resource.plural == "pods":
            return self.reader.answer(request, resource, self.terminate(item, options, request))
        gone = (
            self.store.remove(resource.plural, item["metadata"].get("namespace", ""), info.name)
            or item
        )
        if resource.plural == "namespaces":
            self._empty(info.name)
            return self.reader.answer(request, resource, gone)
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {**status.details(resource, info.name), "uid": gone["metadata"]["uid"]},
        }
        return web.json_response(body)

    def terminate(self, pod: Object, options: Object, request: web.Request | None = None) -> Object:
        """Begin a pod's graceful end; its kubelet finishes it. With no grace, or never run, it is
        gone at once."""
        metadata = pod["metadata"]
        grace = options.get("gracePeriodSeconds")
        if grace is None and request is not None and request.query.get("gracePeriodSeconds"):
            grace = int(request.query["gracePeriodSeconds"])
        if grace is None:
            grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
        grace = min(grace, metadata.get("deletionGracePeriodSeconds", grace))

        def mark(item: Object) -> None:
            ends = datetime.now(UTC) + timedelta(seconds=grace)
            item["metadata"]["deletionTimestamp"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
            item["metadata"]["deletionGracePeriodSeconds"] = grace
            item["metadata"]["generation"] = item["metadata"].get("generation", 1) + 1

        marked = self.store.edit("pods", metadata["namespace"], metadata["name"], mark) or pod
        if grace == 0:
            return self.store.remove("pods", metadata["namespace"], metadata["name"]) or marked
        return marked

    def _empty(self, namespace: str) -> None:
        for resource in (one for one in BY_KIND.values() if one.namespaced):
            for item in list(self.store.items(resource.plural, namespace)):
                self.store.remove(resource.plural, namespace, item["metadata"]["name"])

    async def delete_many(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        matches = selector_of(request, resource)
        found = [i for i in self.store.items(resource.plural, info.namespace) if matches(i)]
        for item in found:
            if resource.plural == "pods":
                self.terminate(item, {}, request)
            else:
                self.store.remove(
                    resource.plural, item["metadata"].get("namespace", ""), item["metadata"]["name"]
                )
        body = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.group_version,
            "metadata": {"resourceVersion": str(self.store.version)},
            "items": found,
        }
        return web.json_response(body)


def dry_run(request: web.Request) -> bool:
    return request.query.get("dryRun") == "All"


async def _body(request: web.Request) -> Any:
    if request.content_type == protobuf.CONTENT_TYPE:
        try:
            return protobuf.decode(await request.read())
        except protobuf.Unreadable as error:
            raise status.ApiError(
                415, "UnsupportedMediaType", f"the body of the request: {error}", {}
            ) from None
    try:
        return await request.json()
    except ValueError as error:
        raise status.bad_request(f"the object provided is unrecognized: {error}") from None


async def read_body(request: web.Request, resource: Resource) -> Object:
    if request.content_type not in (
        "application/json",
        "application/octet-stream",
        protobuf.CONTENT_TYPE,
    ):
        said = (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, "
            f"{protobuf.CONTENT_TYPE}"
        )
        raise status.ApiError(415, "UnsupportedMediaType", said, {})
    item = await _body(request)
    if not isinstance(item, dict):
        raise status.bad_request("the object provided is unrecognized: it is not an object")
    if item.get("kind", resource.kind) != resource.kind:
        said = (
            f"{item['kind']} in version {json.dumps(item.get('apiVersion'))} cannot be "
            f"handled as a {resource.kind}"
        )
        raise status.bad_request(said)
    return {k: v for k, v in item.items() if k not in ("kind", "apiVersion")}
