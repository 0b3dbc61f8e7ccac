"""The part of the Kubernetes API that podwire uses, answered from the lab's store over HTTP on loopback."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from lab.api import defaults, execstream
from lab.api.selectors import field_selector, label_selector
from lab.api.status import ApiError, errors_as_status, invalid, not_found, unauthorized
from lab.api.store import Expired, Object, Store, now
from lab.faults import FaultSwitch
from lab.kubelet import Kubelet
from lab.network import LabError

USER = "lab-admin"
FORBIDDEN_IN_EPHEMERAL = (
    "ports", "resources", "resizePolicy", "restartPolicy", "lifecycle",
    "livenessProbe", "readinessProbe", "startupProbe",
)  # fmt: skip
# resource: (group/version prefix, kind, namespaced, short names)
RESOURCES: dict[str, tuple[str, str, bool, list[str]]] = {
    "pods": ("/api/v1", "Pod", True, ["po"]),
    "nodes": ("/api/v1", "Node", False, ["no"]),
    "namespaces": ("/api/v1", "Namespace", False, ["ns"]),
    "services": ("/api/v1", "Service", True, ["svc"]),
    "endpointslices": ("/apis/discovery.k8s.io/v1", "EndpointSlice", True, []),
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiServer:
    def __init__(self, store: Store, kubelet: Kubelet, faults: FaultSwitch, token: str) -> None:
        self.store = store
        self.kubelet = kubelet
        self.faults = faults
        self._token = token
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def application(self) -> web.Application:
        """The API, by bearer token at the root, and below `/TOKEN`: kubectl sends no token over plain HTTP."""
        app = web.Application(middlewares=[errors_as_status, self._authenticated])
        app.add_subapp(f"/{self._token}", self._routes(web.Application(middlewares=[errors_as_status])))
        return self._routes(app)

    def _routes(self, app: web.Application) -> web.Application:
        route = app.router.add_route
        for resource, (prefix, _, namespaced, _) in RESOURCES.items():
            route("GET", f"{prefix}/{resource}", self._list(resource))
            one = f"{prefix}/namespaces/{{namespace}}/{resource}" if namespaced else f"{prefix}/{resource}"
            if namespaced:
                route("GET", one, self._list(resource))
            route("GET", f"{one}/{{name}}", self._get(resource))
        pods = "/api/v1/namespaces/{namespace}/pods"
        route("POST", pods, self._create_pod)
        route("DELETE", pods + "/{name}", self._delete_pod)
        route("PATCH", pods + "/{name}/ephemeralcontainers", self._patch_ephemeral)
        route("GET", pods + "/{name}/exec", self._exec)
        route("POST", pods + "/{name}/exec", self._exec)
        route("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._access_review)
        route("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", self._self_review)
        route("GET", "/lab/faults", self._faults)
        route("POST", "/lab/faults", self._turn_fault)
        self._add_discovery(route)
        return app

    async def close(self) -> None:
        self._stopping.set()
        for task in self._tasks:
            task.cancel()

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(f"/{self._token}/"):
            return await handler(request)
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise unauthorized()
        return await handler(request)

    # --- reading

    def _list(self, resource: str) -> Handler:
        prefix, kind, _, _ = RESOURCES[resource]

        async def handler(request: web.Request) -> web.StreamResponse:
            namespace = request.match_info.get("namespace", "")
            matches = _selector(request)
            if request.query.get("watch") in ("true", "1"):
                return await self._watch(request, resource, namespace, matches)
            items = [self._full(resource, i, bare=True) for i in self.store.items(resource, namespace) if matches(i)]
            page, metadata = _page(items, request, self.store.version)
            version = prefix.removeprefix("/apis/").removeprefix("/api/")
            body = {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": page}
            return web.json_response(body)

        return handler

    def _full(self, resource: str, item: Object, bare: bool = False) -> Object:
        if bare:
            return item
        prefix, kind, _, _ = RESOURCES[resource]
        return {"kind": kind, "apiVersion": prefix.removeprefix("/apis/").removeprefix("/api/"), **item}

    def _get(self, resource: str) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            return web.json_response(self._full(resource, self._found(request, resource)))

        return handler

    def _found(self, request: web.Request, resource: str = "pods") -> Object:
        name = request.match_info["name"]
        item = self.store.get(resource, request.match_info.get("namespace", ""), name)
        if item is None:
            raise not_found(resource, name)
        return item

    async def _watch(
        self, request: web.Request, resource: str, namespace: str, matches: Callable[[Object], bool]
    ) -> web.StreamResponse:
        """One JSON line a change, until the client leaves or `timeoutSeconds` pass."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since = int(request.query.get("resourceVersion") or 0)
        if since == 0:
            since = self.store.version
            for item in self.store.items(resource, namespace):
                if matches(item):
                    await self._send_event(response, "ADDED", resource, item)
        limit = float(request.query.get("timeoutSeconds") or 1800)
        try:
            async with asyncio.timeout(limit):
                async for change in self.store.watch(resource, since):
                    where = change.item["metadata"].get("namespace", "")
                    if (not namespace or where == namespace) and matches(change.item):
                        await self._send_event(response, change.kind, resource, change.item)
        except TimeoutError:
            pass
        except Expired as error:
            status = ApiError(410, "Expired", str(error)).body
            await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
        return response

    async def _send_event(self, response: web.StreamResponse, kind: str, resource: str, item: Object) -> None:
        line = json.dumps({"type": kind, "object": self._full(resource, item)})
        await response.write(line.encode() + b"\n")

    # --- writing

    async def _create_pod(self, request: web.Request) -> web.StreamResponse:
        pod = await request.json()
        pod.pop("kind", None)
        pod.pop("apiVersion", None)
        namespace = request.match_info["namespace"]
        name = pod["metadata"]["name"]
        if self.store.get("namespaces", "", namespace) is None:
            raise not_found("namespaces", namespace)
        if self.store.get("pods", namespace, name) is not None:
            raise ApiError(409, "AlreadyExists", f'pods "{name}" already exists', {"name": name, "kind": "pods"})
        if pod["spec"].get("nodeName") not in self.kubelet.nodes:
            raise invalid("Pod", name, "spec.nodeName", "Forbidden: the lab only runs pods on a node of its own")
        pod["metadata"]["namespace"] = namespace
        pod["status"] = {"phase": "Pending"}
        if _dry_run(request):
            return web.json_response(self._full("pods", pod), status=201)
        stored = self.store.put("pods", defaults.pod(pod))
        self._spawn(self.kubelet.run_new_pod((namespace, name)))
        return web.json_response(self._full("pods", stored), status=201)

    async def _delete_pod(self, request: web.Request) -> web.StreamResponse:
        pod = self._found(request)
        await self.kubelet.delete_pod((pod["metadata"]["namespace"], pod["metadata"]["name"]))
        return web.json_response(self._full("pods", pod))

    async def _patch_ephemeral(self, request: web.Request) -> web.StreamResponse:
        """Strategic merge by container name: new ones are appended, known ones may not change."""
        pod = self._found(request)
        name = pod["metadata"]["name"]
        if request.content_type != "application/strategic-merge-patch+json":
            raise ApiError(415, "UnsupportedMediaType", "the lab takes a strategic merge patch here")
        patch = await request.json()
        present = {c["name"]: c for c in pod["spec"].get("ephemeralContainers", ())}
        added = []
        for container in patch.get("spec", {}).get("ephemeralContainers", ()):
            if container["name"] in present:
                if {**present[container["name"]], **container} != present[container["name"]]:
                    said = f'existing ephemeral containers "{container["name"]}" may not be changed'
                    raise invalid("Pod", name, "spec.ephemeralContainers", f"Forbidden: {said}")
                continue
            _check_ephemeral(pod, container)
            added.append(defaults.container(container))

        def append(item: Object) -> None:
            item["spec"].setdefault("ephemeralContainers", []).extend(added)

        if _dry_run(request):
            item = json.loads(json.dumps(pod))
            append(item)
            return web.json_response(self._full("pods", item))
        namespace = pod["metadata"]["namespace"]
        stored = self.store.edit("pods", namespace, name, append)
        for container in added:
            self._spawn(self.kubelet.add_ephemeral((namespace, name), container))
        return web.json_response(self._full("pods", stored or pod))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        pod = self._found(request)
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        containers = [c["name"] for c in pod["spec"]["containers"]]
        containers += [c["name"] for c in pod["spec"].get("ephemeralContainers", ())]
        container = request.query.get("container") or containers[0]
        if container not in containers:
            message = f"container {container} is not valid for pod {name}"
            raise ApiError(400, "BadRequest", message)
        offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        if not set(offered) & set(execstream.PROTOCOLS):
            return web.Response(status=403, text="unable to upgrade: unable to negotiate protocol")
        argv = request.query.getall("command", [])
        try:
            inside = self.kubelet.exec_argv((namespace, name), container, argv)
        except LabError:
            text = f'container not found ("{container}")'
            raise ApiError(500, "InternalError", f"Internal error occurred: {text}") from None
        started = partial(self.kubelet.running_exec, (namespace, name), container)
        return await execstream.serve(request, argv, inside, started)

    # --- reviews, discovery, the lab's own switchboard

    async def _access_review(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return web.json_response({**body, "metadata": {}, "status": {"allowed": True}}, status=201)

    async def _self_review(self, request: web.Request) -> web.StreamResponse:
        user = {"username": USER, "groups": ["system:masters", "system:authenticated"]}
        body = {
            "kind": "SelfSubjectReview",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"creationTimestamp": now()},
            "status": {"userInfo": user},
        }
        return web.json_response(body, status=201)

    async def _faults(self, request: web.Request) -> web.StreamResponse:
        rows = [
            {"name": f.name, "title": f.title, "what": f.what, "expect": f.expect, "on": f.name in self.faults.active}
            for f in self.faults.known.values()
        ]
        return web.json_response({"faults": rows})

    async def _turn_fault(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        try:
            await self.faults.turn(str(body.get("name")), bool(body.get("on")))
        except LabError as error:
            raise ApiError(400, "BadRequest", str(error)) from None
        return await self._faults(request)

    def _add_discovery(self, route: Callable[..., Any]) -> None:
        version = {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64"}
        groups = sorted({p.removeprefix("/apis/") for p, *_ in RESOURCES.values() if p.startswith("/apis/")})
        listed = [
            {"name": g.split("/")[0], "versions": [v := {"groupVersion": g, "version": "v1"}], "preferredVersion": v}
            for g in groups
        ]
        answers: dict[str, Any] = {
            "/version": version,
            "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed},
            "/api/v1": _resource_list("/api/v1"),
            **{f"/apis/{g}": _resource_list(f"/apis/{g}") for g in groups},
        }
        for path, body in answers.items():
            route("GET", path, _constant(body))


def _constant(body: Any) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return handler


def _resource_list(prefix: str) -> Object:
    rows: list[Object] = [
        {
            "name": name,
            "singularName": kind.lower(),
            "namespaced": namespaced,
            "kind": kind,
            "verbs": ["get", "list", "watch"] + (["create", "delete"] if name == "pods" else []),
            "shortNames": short,
        }
        for name, (where, kind, namespaced, short) in RESOURCES.items()
        if where == prefix
    ]
    if prefix == "/api/v1":
        rows += [
            {"name": "pods/ephemeralcontainers", "namespaced": True, "kind": "Pod", "verbs": ["patch"]},
            {"name": "pods/exec", "namespaced": True, "kind": "PodExecOptions", "verbs": ["create", "get"]},
        ]
    version = prefix.removeprefix("/apis/").removeprefix("/api/")
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}


def _selector(request: web.Request) -> Callable[[Object], bool]:
    labels = label_selector(request.query.get("labelSelector", ""))
    fields = field_selector(request.query.get("fieldSelector", ""))
    return lambda item: labels(item) and fields(item)


def _dry_run(request: web.Request) -> bool:
    return request.query.get("dryRun") == "All"


def _page(items: list[Object], request: web.Request, version: int) -> tuple[list[Object], Object]:
    """The part of a list that `limit` and `continue` ask for, and the list's metadata."""
    limit = int(request.query.get("limit") or 0)
    start = 0
    if token := request.query.get("continue"):
        try:
            state = json.loads(base64.urlsafe_b64decode(token + "=="))
            start, version = int(state["start"]), int(state["rv"])
        except (ValueError, KeyError):
            raise ApiError(400, "BadRequest", "continue key is not valid") from None
    metadata: Object = {"resourceVersion": str(version)}
    if limit and start + limit < len(items):
        state = json.dumps({"rv": version, "start": start + limit}).encode()
        metadata["continue"] = base64.urlsafe_b64encode(state).decode().rstrip("=")
        metadata["remainingItemCount"] = len(items) - start - limit
    return items[start : start + limit] if limit else items[start:], metadata


def _check_ephemeral(pod: Object, container: Object) -> None:
    name = pod["metadata"]["name"]
    for bad in FORBIDDEN_IN_EPHEMERAL:
        if container.get(bad):
            field = f"spec.ephemeralContainers[0].{bad}"
            raise invalid("Pod", name, field, "Forbidden: cannot be set for an Ephemeral Container")
    taken = [c["name"] for c in pod["spec"]["containers"]]
    if container["name"] in taken:
        raise invalid("Pod", name, "spec.ephemeralContainers[0].name", f'Duplicate value: "{container["name"]}"')
    target = container.get("targetContainerName")
    if target and target not in taken:
        field = "spec.ephemeralContainers[0].targetContainerName"
        raise invalid("Pod", name, field, f'Not found: "{target}"')
