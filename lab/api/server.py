"""The Kubernetes API of the lab over HTTP on loopback: who asks, what for, may they, and who
answers it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from lab import synthetic_stream
from lab.api import discovery, execstream, requestinfo, reviews, status
from lab.api.hooks import Hooks
from lab.api.logs import serve_log
from lab.api.rbac import Attributes, Authorizer, User, refusal
from lab.api.reading import ReadHandler
from lab.api.requestinfo import RequestInfo
from lab.api.resources import BY_PATH, Resource
from lab.api.store import Object, ObjectStore
from lab.api.writing import Writer, read_body
from lab.faultswitch import FaultSwitch
from lab.kubelet import Kubelet, NotRunning
from lab.network import LabError
from lab.podstatus import waiting_reason
from lab.synthetic import Synthetic

Restart = Callable[[float], Awaitable[None]]


class ApiServer:
    """`tokens` gives the user of each bearer token. `restart` brings the server down for some
    seconds."""

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
        self.faults = faults
        self.writer = writer
        self.reader = reader
        self.hooks = hooks
        self.tokens = tokens
        self.authorizer = Authorizer(store)
        self.synthetic = synthetic
        self._restart = restart
        self._documents = discovery.documents()
        self._tasks: set[asyncio.Task[None]] = set()

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
            return await self._own(request, path)
        if self.hooks.rules:
            await (
                request.read()
            )  # a request that is held is carried out even when its client has gone
        if (answer := await self.hooks.before(info, request.method)) is not None:
            return answer
        if not info.resource:
            self._authorize(user, Attributes(info.verb, path=path))
            return self._document(path, request.path.removesuffix(path))
        resource = BY_PATH.get((info.group, info.version, info.whole))
        self._authorize_resource(user, info, request)
        if resource is None:
            resource = BY_PATH.get((info.group, info.version, info.resource))
            if (
                resource is None
                or info.subresource != "status"
                or info.verb not in ("get", "patch", "update")
            ):
                raise status.no_such_path()
        return await self._resource(request, info, resource, user)

    # --- who, and may they

    def _authenticate(self, request: web.Request) -> tuple[User, str]:
        """The user, and the path: a token may be given as its first segment, too (kubectl sends
        none over HTTP)."""
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

    def _authorize_resource(self, user: User, info: RequestInfo, request: web.Request) -> None:
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
            if info.verb != "create":
                raise _no_verb()
            body = await read_body(request, resource)
            return web.json_response(
                reviews.answer(resource.kind, body, user, self.authorizer), status=201
            )
        if info.subresource in ("exec", "log"):
            pods = BY_PATH["", "v1", "pods"]
            pod = self.reader.found(info, pods)
            return await (
                self._exec(request, info, pod)
                if info.subresource == "exec"
                else self._log(request, info, pod)
            )
        if info.subresource == "ephemeralcontainers":
            resource = BY_PATH["", "v1", "pods"]
        if info.verb == "get":
            return self.reader.get(request, info, resource)
        if info.verb == "list":
            return await self.reader.list_all(request, info, resource)
        if info.verb == "watch":
            return await self.reader.watch(request, info, resource)
        change = {
            "create": self.writer.create,
            "update": self.writer.update,
            "patch": self.writer.patch,
            "delete": self.writer.delete,
            "deletecollection": self.writer.delete_many,
        }.get(info.verb)
        if change is None or (info.name == "") != (info.verb in ("create", "deletecollection")):
            raise _no_verb()
        return await change(request, info, resource)

    async def _exec(
        self, request: web.Request, info: RequestInfo, pod: Object
    ) -> web.StreamResponse:
        name, container = info.name, _container(request, pod)
        offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        if "upgrade" not in request.headers.get("Connection", "").lower():
            raise status.bad_request("Upgrade request required")
        if not set(offered) & set(execstream.PROTOCOLS):
            return web.Response(status=403)
        argv = request.query.getall("command", [])
        key = (pod["metadata"]["namespace"], name)
        if self.synthetic.covers(pod):
            pieces = synthetic_stream.answer(argv, pod["spec"]["nodeName"])
            with self.hooks.stream(request, info) as stream:
                return await execstream.serve_synthetic(request, argv, pieces, stream)
        try:
            inside = self.kubelet.exec_argv(key, container, argv)
        except NotRunning:
            said = f'Internal error occurred: container not found ("{container}")'
            raise status.ApiError(500, "InternalError", said) from None
        started = partial(self.kubelet.running_exec, key, container)
        with self.hooks.stream(request, info) as stream:
            return await execstream.serve(request, argv, inside, started, stream)

    async def _log(
        self, request: web.Request, info: RequestInfo, pod: Object
    ) -> web.StreamResponse:
        container = _container(request, pod)
        if len(pod["spec"]["containers"]) > 1 and not request.query.get("container"):
            names = " ".join(c["name"] for c in pod["spec"]["containers"])
            said = (
                f"a container name must be specified for pod {info.name}, choose one of: [{names}]"
            )
            raise status.bad_request(said)
        log = self.kubelet.log_of(
            (info.namespace, info.name), container, request.query.get("previous") == "true"
        )
        if log is None:
            if request.query.get("previous") == "true":
                said = f'previous terminated container "{container}" in pod "{info.name}" not found'
                raise status.bad_request(said)
            reason = waiting_reason(pod, container)
            said = f'container "{container}" in pod "{info.name}" is waiting to start: {reason}'
            raise status.bad_request(said)
        with self.hooks.stream(request, info) as stream:
            return await serve_log(request, log, stream)

    # --- the lab's own switchboard

    async def _own(self, request: web.Request, path: str) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else {}
        if path == "/lab/faults":
            if request.method == "POST":
                await self.faults.turn(str(body.get("name")), bool(body.get("on")))
            return web.json_response({"faults": self.faults.rows()})
        if path == "/lab/probe":
            try:
                return web.json_response(
                    {"said": await self.faults.probe(str(body["at"]), list(body["run"]))}
                )
            except LabError as error:
                raise status.bad_request(str(error)) from None
        if path == "/lab/hooks" and body.get("do") == "expire":
            self.store.expire()
        elif path == "/lab/hooks" and body.get("do") in ("put", "remove"):
            self._place(body)
        elif path == "/lab/hooks" and body.get("do") == "restart":
            task = asyncio.ensure_future(self._restart(float(body.get("seconds", 1.0))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif path == "/lab/hooks":
            return web.json_response({"streams": self.hooks.order(body)})
        else:
            raise status.no_such_path()
        return web.json_response({})

    def _place(self, body: Object) -> None:
        """Put an object into the store as it is, status and all, past every check; or remove it."""
        resource, item = str(body.get("resource")), body.get("object")
        if (
            all(r.plural != resource or not r.stored for r in BY_PATH.values())
            or not isinstance(item, dict)
            or not (item.get("metadata") or {}).get("name")
        ):
            raise status.bad_request("put and remove want a resource and an object with a name")
        if body["do"] == "put":
            self.store.put(resource, item)
        else:
            self.store.remove(
                resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]
            )


def _no_verb() -> status.ApiError:
    said = "the server does not allow this method on the requested resource"
    return status.ApiError(405, "MethodNotAllowed", said, {})


def _container(request: web.Request, pod: Object) -> str:
    """The container that a request names, or a pod's first; ApiError 400 where it has none of that
    name."""
    spec = pod["spec"]
    names = [c["name"] for key in ("containers", "ephemeralContainers") for c in spec.get(key, ())]
    wanted: str = request.query.get("container") or names[0]
    if wanted not in names:
        raise status.bad_request(
            f"container {wanted} is not valid for pod {pod['metadata']['name']}"
        )
    return wanted
