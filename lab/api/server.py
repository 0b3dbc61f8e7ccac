"""The Kubernetes API of the lab over HTTP on loopback: authenticates, authorizes, dispatches."""

from __future__ import annotations

import uuid
from functools import partial

from aiohttp import web

from lab import synthetic_stream
from lab.api import discovery, execstream, requestinfo, reviews, status
from lab.api.hooks import Hooks
from lab.api.labroutes import LabRoutes, Restart
from lab.api.logs import Log, serve_log
from lab.api.rbac import Attributes, Authorizer, User, refusal
from lab.api.reading import ReadHandler
from lab.api.requestinfo import RequestInfo
from lab.api.resources import BY_PATH, Resource
from lab.api.store import Object, ObjectStore
from lab.api.watch import serve_watch
from lab.api.writing import Writer, read_body
from lab.faultswitch import FaultSwitch
from lab.kubelet import Kubelet, NotRunning
from lab.podstatus import waiting_reason
from lab.synthetic import Synthetic

PODS = BY_PATH["", "v1", "pods"]


class ApiServer:
    """`tokens` gives the user of each bearer token. `restart` stops the server for some seconds."""

    def __init__(
        self,
        store: ObjectStore,
        kubelet: Kubelet,
        faults: FaultSwitch,
        writer: Writer,
        reader: ReadHandler,
        hooks: Hooks,
        tokens: dict[str, User],
        restart: Restart,
        synthetic: Synthetic,
    ) -> None:
        self.store = store
        self.kubelet = kubelet
        self.writer = writer
        self.reader = reader
        self.hooks = hooks
        self.tokens = tokens
        self.authorizer = Authorizer(store)
        self.synthetic = synthetic
        self._own = LabRoutes(store, faults, hooks, restart)
        self._documents = discovery.documents()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await self._dispatch(request)
        except status.ApiError as error:
            response = web.json_response(error.body, status=error.code)
        if not response.prepared:
            response.headers["Audit-Id"] = str(uuid.uuid4())
        return response

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        user, path = self._authenticate(request)
        request["user"] = user.name
        info = requestinfo.read(request, path)
        if path.startswith("/lab/"):
            self._authorize(user, Attributes("post", path=path))
            return await self._own.answer(request, path)
        if self.hooks.rules:
            # a request that is held is carried out even when its client has gone
            await request.read()
        if (answer := await self.hooks.before(info, request.method)) is not None:
            return answer
        if not info.resource:
            self._authorize(user, Attributes(info.verb, path=path))
            return self._document(path, request.path.removesuffix(path))
        self._authorize_resource(user, info)
        return await self._resource(request, info, _resource_of(info), user)

    # --- who, and may they

    def _authenticate(self, request: web.Request) -> tuple[User, str]:
        """The user and the path, whose first segment may be the token (kubectl sends no other)."""
        first, _, rest = request.path.removeprefix("/").partition("/")
        user = self.tokens.get(first)
        path = f"/{rest}" if user else request.path
        if user is None:
            user = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None:
            raise status.unauthorized()
        if (name := request.headers.get("Impersonate-User")) and "system:masters" in user.groups:
            groups = request.headers.getall("Impersonate-Group", [])
            user = User(name, (*groups, "system:authenticated"))
        return user, path

    def _authorize(self, user: User, asked: Attributes) -> None:
        if not self.authorizer.allows(user, asked)[0]:
            raise status.ApiError(403, "Forbidden", f"forbidden: {refusal(user, asked)}", {})

    def _authorize_resource(self, user: User, info: RequestInfo) -> None:
        verbs = [info.verb]
        if info.subresource == "exec" and info.verb == "get":
            verbs.append("create")  # 1.35: AuthorizePodWebsocketUpgradeCreatePermission
        resource = BY_PATH.get((info.group, info.version, info.resource))
        for verb in verbs:
            asked = Attributes(verb, info.group, info.whole, info.namespace, info.name)
            if not self.authorizer.allows(user, asked)[0]:
                known = resource or Resource(info.group, info.version, info.resource, "")
                raise status.forbidden(known, info.name, refusal(user, asked))

    # --- what

    def _document(self, path: str, prefix: str) -> web.Response:
        if path.startswith("/openapi/v3"):
            part = path.removeprefix("/openapi/v3").strip("/")
            document = discovery.openapi(part) if part else discovery.openapi_index(prefix)
            if document is not None:
                return web.json_response(document)
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        found = self._documents.get(path.rstrip("/") or "/")
        if found is None:
            raise status.no_such_path()
        return web.json_response(found)

    async def _resource(
        self, request: web.Request, info: RequestInfo, resource: Resource, user: User
    ) -> web.StreamResponse:
        if resource.kind.startswith("SelfSubject"):
            return await self._review(request, info, resource, user)
        if info.subresource in ("exec", "log"):
            answer = self._exec if info.subresource == "exec" else self._log
            return await answer(request, info, self.reader.found(info, PODS))
        if info.subresource == "ephemeralcontainers":
            resource = PODS
        if info.verb in ("get", "list", "watch"):
            return await self._read(request, info, resource)
        return await self._change(request, info, resource)

    async def _review(
        self, request: web.Request, info: RequestInfo, resource: Resource, user: User
    ) -> web.Response:
        if info.verb != "create":
            raise _no_verb()
        body = await read_body(request, resource)
        answer = reviews.answer(resource.kind, body, user, self.authorizer)
        return web.json_response(answer, status=201)

    async def _read(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.StreamResponse:
        if info.verb == "get":
            return self.reader.get(request, info, resource)
        if info.verb == "list":
            return await self.reader.list_all(request, info, resource)
        return await serve_watch(request, info, resource, self.store, self.hooks)

    async def _change(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.Response:
        change = {
            "create": self.writer.create,
            "update": self.writer.update,
            "patch": self.writer.patch,
            "delete": self.writer.delete,
            "deletecollection": self.writer.delete_many,
        }.get(info.verb)
        of_collection = info.verb in ("create", "deletecollection")
        if change is None or (info.name == "") != of_collection:
            raise _no_verb()
        return await change(request, info, resource)

    # --- a pod's exec and log

    async def _exec(
        self, request: web.Request, info: RequestInfo, pod: Object
    ) -> web.StreamResponse:
        container = _container(request, pod)
        if "upgrade" not in request.headers.get("Connection", "").lower():
            raise status.bad_request("Upgrade request required")
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        if not {p.strip() for p in offered} & set(execstream.PROTOCOLS):
            return web.Response(status=403)
        if self.synthetic.covers(pod):
            return await self._synthetic_exec(request, info, pod)
        argv = request.query.getall("command", [])
        key = (pod["metadata"]["namespace"], info.name)
        try:
            inside = self.kubelet.exec_argv(key, container, argv)
        except NotRunning:
            message = f'Internal error occurred: container not found ("{container}")'
            raise status.ApiError(500, "InternalError", message) from None
        started = partial(self.kubelet.running_exec, key, container)
        with self.hooks.stream(request, info) as stream:
            return await execstream.serve(request, argv, inside, started, stream)

    async def _synthetic_exec(
        self, request: web.Request, info: RequestInfo, pod: Object
    ) -> web.StreamResponse:
        argv = request.query.getall("command", [])
        pieces = synthetic_stream.answer(argv, pod["spec"]["nodeName"])
        with self.hooks.stream(request, info) as stream:
            return await execstream.serve_synthetic(request, argv, pieces, stream)

    async def _log(
        self, request: web.Request, info: RequestInfo, pod: Object
    ) -> web.StreamResponse:
        container = _container(request, pod)
        names = [c["name"] for c in pod["spec"]["containers"]]
        if len(names) > 1 and not request.query.get("container"):
            raise status.bad_request(
                f"a container name must be specified for pod {info.name}, "
                f"choose one of: [{' '.join(names)}]"
            )
        log = self._found_log(request, info, pod, container)
        with self.hooks.stream(request, info) as stream:
            return await serve_log(request, log, stream)

    def _found_log(
        self, request: web.Request, info: RequestInfo, pod: Object, container: str
    ) -> Log:
        previous = request.query.get("previous") == "true"
        log = self.kubelet.log_of((info.namespace, info.name), container, previous)
        if log is not None:
            return log
        where = f'container "{container}" in pod "{info.name}"'
        if previous:
            raise status.bad_request(f"previous terminated {where} not found")
        reason = waiting_reason(pod, container)
        raise status.bad_request(f"{where} is waiting to start: {reason}")


def _resource_of(info: RequestInfo) -> Resource:
    """The resource of a path; `status` is answered with the object itself."""
    resource = BY_PATH.get((info.group, info.version, info.whole))
    if resource is not None:
        return resource
    resource = BY_PATH.get((info.group, info.version, info.resource))
    on_status = info.subresource == "status" and info.verb in ("get", "patch", "update")
    if resource is None or not on_status:
        raise status.no_such_path()
    return resource


def _no_verb() -> status.ApiError:
    said = "the server does not allow this method on the requested resource"
    return status.ApiError(405, "MethodNotAllowed", said, {})


def _container(request: web.Request, pod: Object) -> str:
    """The container that a request names, or a pod's first; ApiError 400 for an unknown name."""
    spec = pod["spec"]
    names = [c["name"] for key in ("containers", "ephemeralContainers") for c in spec.get(key, ())]
    wanted: str = request.query.get("container") or names[0]
    if wanted not in names:
        raise status.bad_request(
            f"container {wanted} is not valid for pod {pod['metadata']['name']}"
        )
    return wanted
