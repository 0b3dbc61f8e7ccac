"""A pod's `exec` and `log`, answered from the containers that run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from aiohttp.web import Request, Response, StreamResponse

from lab import synthetic_stream
from lab.api import execstream
from lab.api.execstream import ExecSession
from lab.api.hooks import Hooks
from lab.api.logs import Log, serve_log
from lab.api.metadata import Place, containers_of, name_of, node_of, place_of
from lab.api.requestinfo import RequestInfo
from lab.api.status import ApiError, bad_request
from lab.api.store import Object
from lab.kubelet import Kubelet, NotRunning
from lab.podstatus import waiting_reason
from lab.synthetic import Synthetic


@dataclass(frozen=True, slots=True)
class PodStreams:
    kubelet: Kubelet
    hooks: Hooks
    synthetic: Synthetic

    # --- exec

    async def exec(self, request: Request, info: RequestInfo, pod: Object) -> StreamResponse:
        container = _container(request, pod)
        _check_upgrade(request)
        if not _offers_protocol(request):
            return Response(status=403)
        argv = request.query.getall("command", [])
        with self.hooks.stream(request, info) as stream:
            session = ExecSession(request, argv, stream)
            if self.synthetic.covers(pod):
                return await session.serve_synthetic(synthetic_stream.answer(argv, node_of(pod)))
            return await self._run(session, pod, container)

    async def _run(self, session: ExecSession, pod: Object, container: str) -> StreamResponse:
        key = place_of(pod)
        inside = self._inside(key, container, session.argv)
        started = partial(self.kubelet.running_exec, key, container)
        path = await self.kubelet.open_stream(node_of(pod))
        return await session.serve(inside, started, path)

    def _inside(self, key: Place, container: str, argv: list[str]) -> list[str]:
        try:
            return self.kubelet.exec_argv(key, container, argv)
        except NotRunning:
            message = f'Internal error occurred: container not found ("{container}")'
            raise ApiError(500, "InternalError", message) from None

    # --- log

    async def log(self, request: Request, info: RequestInfo, pod: Object) -> StreamResponse:
        container = _container(request, pod)
        _check_container_named(request, pod)
        log = self._found_log(pod, container, request.query.get("previous") == "true")
        with self.hooks.stream(request, info) as stream:
            return await serve_log(request, log, stream)

    def _found_log(self, pod: Object, container: str, previous: bool) -> Log:
        log = self.kubelet.log_of(place_of(pod), container, previous)
        if log is None:
            raise bad_request(_no_log(pod, container, previous))
        return log


def _check_upgrade(request: Request) -> None:
    if "upgrade" not in request.headers.get("Connection", "").lower():
        raise bad_request("Upgrade request required")


def _offers_protocol(request: Request) -> bool:
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    return any(protocol.strip() in execstream.PROTOCOLS for protocol in offered)


def _names(pod: Object, *fields: str) -> list[str]:
    return [container["name"] for container in containers_of(pod, *fields)]


def _container(request: Request, pod: Object) -> str:
    """The container that a request names, or a pod's first; ApiError 400 for an unknown name."""
    names = _names(pod, "containers", "ephemeralContainers")
    wanted = request.query.get("container") or names[0]
    if wanted not in names:
        raise bad_request(f"container {wanted} is not valid for pod {name_of(pod)}")
    return wanted


def _check_container_named(request: Request, pod: Object) -> None:
    names = _names(pod, "containers")
    if len(names) > 1 and not request.query.get("container"):
        raise bad_request(
            f"a container name must be specified for pod {name_of(pod)}, "
            f"choose one of: [{' '.join(names)}]"
        )


def _no_log(pod: Object, container: str, previous: bool) -> str:
    """Why there is none, in the words of a 400."""
    where = f'container "{container}" in pod "{name_of(pod)}"'
    if previous:
        return f"previous terminated {where} not found"
    return f"{where} is waiting to start: {waiting_reason(pod, container)}"
