"""The Kubernetes API of the lab over HTTP on loopback: authenticates, authorizes, dispatches."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from aiohttp.web import Application, Request, Response, StreamResponse, json_response

from lab.api import discovery, requestinfo, reviews, status
from lab.api.bodies import body_of
from lab.api.hooks import Hooks
from lab.api.labroutes import LabRoutes
from lab.api.podstreams import PodStreams
from lab.api.rbac import AUTHENTICATED, MASTERS, Attributes, Authorizer, User, refusal
from lab.api.reading import ReadHandler
from lab.api.requestinfo import ApiCall, RequestInfo
from lab.api.resources import BY_PATH, Resource
from lab.api.status import ApiError, forbidden, no_such_path
from lab.api.store import Object
from lab.api.watch import serve_watch
from lab.api.writing import Writer

PODS = BY_PATH["", "v1", "pods"]
OF_COLLECTION = ("create", "deletecollection")
CHANGES = {
    "create": Writer.create,
    "update": Writer.update,
    "patch": Writer.patch,
    "delete": Writer.delete,
    "deletecollection": Writer.delete_many,
}


@dataclass(frozen=True, slots=True)
class ApiServer:
    """`tokens` gives the user of each bearer token; `lab_routes` answers `/lab/…`."""

    writer: Writer
    reader: ReadHandler
    hooks: Hooks
    tokens: dict[str, User]
    lab_routes: LabRoutes
    pod_streams: PodStreams

    def application(self) -> Application:
        app = Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: Request) -> StreamResponse:
        response = await self._response(request)
        if not response.prepared:
            response.headers["Audit-Id"] = str(uuid.uuid4())
        return response

    async def _response(self, request: Request) -> StreamResponse:
        try:
            return await self._dispatch(request)
        except ApiError as error:
            return json_response(error.body, status=error.code)

    async def _dispatch(self, request: Request) -> StreamResponse:
        user, path = self._authenticate(request)
        request["user"] = user.name
        if path.startswith("/lab/"):
            self._authorize(user, Attributes("post", path=path))
            return await self.lab_routes.answer(request, path)
        return await self._api(request, requestinfo.read(request, path), user)

    async def _api(self, request: Request, info: RequestInfo, user: User) -> StreamResponse:
        if (answer := await self._hooked(request, info)) is not None:
            return answer
        return await self._kubernetes(request, info, user)

    async def _hooked(self, request: Request, info: RequestInfo) -> Response | None:
        """The answer of a hook that answers in the server's stead."""
        if self.hooks.rules:
            # a request that is held is carried out even when its client has gone
            await request.read()
        return await self.hooks.before(info, request.method)

    async def _kubernetes(self, request: Request, info: RequestInfo, user: User) -> StreamResponse:
        """What a real API server answers, too."""
        if info.resource:
            self._authorize_resource(user, info)
            return await self._resource(ApiCall(request, info, _resource_of(info)), user)
        self._authorize(user, Attributes(info.verb, path=info.path))
        return _document(info.path, request.path.removesuffix(info.path))

    # --- who, and may they

    def _authenticate(self, request: Request) -> tuple[User, str]:
        """The user, and the path without a token."""
        user, path = self._by_token(request)
        if MASTERS in user.groups:
            user = _impersonated(request) or user
        return user, path

    def _by_token(self, request: Request) -> tuple[User, str]:
        """The first segment of the path may be the token (kubectl sends no other)."""
        first, _, rest = request.path.removeprefix("/").partition("/")
        if first in self.tokens:
            return self.tokens[first], f"/{rest}"
        return self._by_header(request), request.path

    def _by_header(self, request: Request) -> User:
        bearer = _bearer(request)
        if bearer not in self.tokens:
            raise status.unauthorized()
        return self.tokens[bearer]

    def _allows(self, user: User, asked: Attributes) -> bool:
        return Authorizer(self.reader.store).allows(user, asked)[0]

    def _authorize(self, user: User, asked: Attributes) -> None:
        if not self._allows(user, asked):
            raise ApiError(403, "Forbidden", f"forbidden: {refusal(user, asked)}", {})

    def _authorize_resource(self, user: User, info: RequestInfo) -> None:
        for verb in _verbs(info):
            asked = Attributes(verb, info.group, info.whole, info.namespace, info.name)
            if not self._allows(user, asked):
                raise forbidden(_named(info), info.name, refusal(user, asked))

    # --- what

    async def _resource(self, call: ApiCall, user: User) -> StreamResponse:
        if call.resource.kind.startswith("SelfSubject"):
            return await self._review(call, user)
        if call.info.subresource in ("exec", "log"):
            return await self._pod_stream(call)
        if call.info.verb in ("get", "list", "watch"):
            return await self._read(call)
        return await self._change(call)

    async def _review(self, call: ApiCall, user: User) -> Response:
        if call.info.verb != "create":
            raise _no_verb()
        body = await body_of(call)
        answer = reviews.answer(call.resource.kind, body, user, Authorizer(self.reader.store))
        return json_response(answer, status=201)

    async def _pod_stream(self, call: ApiCall) -> StreamResponse:
        pod, streams = self.reader.found(call.info, PODS), self.pod_streams
        answer = streams.exec if call.info.subresource == "exec" else streams.log
        return await answer(call.request, call.info, pod)

    async def _read(self, call: ApiCall) -> StreamResponse:
        if call.info.verb == "get":
            return self.reader.get(call)
        if call.info.verb == "list":
            return await self.reader.list_all(call)
        return await serve_watch(call, self.reader.store, self.hooks)

    async def _change(self, call: ApiCall) -> Response:
        if not _is_change(call.info):
            raise _no_verb()
        return await CHANGES[call.info.verb](self.writer, call)


def _bearer(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _is_change(info: RequestInfo) -> bool:
    """Whether the verb is one for what the path names: one object, or all of them."""
    return info.verb in CHANGES and bool(info.name) != (info.verb in OF_COLLECTION)


def _impersonated(request: Request) -> User | None:
    name = request.headers.get("Impersonate-User")
    groups = request.headers.getall("Impersonate-Group", [])
    return User(name, (*groups, AUTHENTICATED)) if name else None


def _document(path: str, prefix: str) -> Response:
    """Discovery, schemas and health; `prefix` is what the path of the request begins with."""
    if path in ("/healthz", "/livez", "/readyz"):
        return Response(text="ok")
    found = _schema(path, prefix) or discovery.documents().get(path.rstrip("/") or "/")
    if found is None:
        raise no_such_path()
    return json_response(found)


def _schema(path: str, prefix: str) -> Object | None:
    if not path.startswith("/openapi/v3"):
        return None
    part = path.removeprefix("/openapi/v3").strip("/")
    return discovery.openapi(part) if part else discovery.openapi_index(prefix)


def _verbs(info: RequestInfo) -> tuple[str, ...]:
    """The verbs that a user must be allowed for a request."""
    if info.subresource == "exec" and info.verb == "get":
        return info.verb, "create"  # 1.35: AuthorizePodWebsocketUpgradeCreatePermission
    return (info.verb,)


def _named(info: RequestInfo) -> Resource:
    """The resource of a path, also one that the lab does not know."""
    place = info.group, info.version, info.resource
    return BY_PATH.get(place) or Resource(*place, "")


def _resource_of(info: RequestInfo) -> Resource:
    """The resource of a path; `status` and `ephemeralcontainers` are answered with the object
    itself."""
    resource = BY_PATH.get((info.group, info.version, info.whole))
    if info.subresource == "status" and info.verb in ("get", "patch", "update"):
        resource = resource or BY_PATH.get((info.group, info.version, info.resource))
    if resource is None:
        raise no_such_path()
    return PODS if info.subresource == "ephemeralcontainers" else resource


def _no_verb() -> ApiError:
    said = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", said, {})
