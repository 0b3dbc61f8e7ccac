"""A few pods, nodes, workloads and Services behind the small API server, with what exists said and
what does not refused: for commands that are given a name."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.support.fake_api import FakeApi, Item


def _pod(name: str, app: str, node: str = "n1", ready: bool = True) -> Item:
    owner = {"kind": "ReplicaSet", "name": f"{app}-6d5f7c9b8", "controller": True}
    hash_of = {"app": app, "pod-template-hash": "6d5f7c9b8"}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"u-{name}",
            "labels": hash_of,
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "x"}]},
        "status": {
            "phase": "Running",
            "podIP": "10.1.0.5",
            "containerStatuses": [{"name": "app", "ready": ready, "restartCount": 0, "state": {}}],
        },
    }


def _service(name: str, app: str) -> Item:
    spec: dict[str, Any] = {
        "clusterIP": "10.96.0.5",
        "clusterIPs": ["10.96.0.5"],
        "type": "ClusterIP",
    }
    ports = [{"port": 80, "protocol": "TCP", "targetPort": 8080}]
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"s-{name}"},
        "spec": spec | {"selector": {"app": app}, "ports": ports},
    }


ITEMS: dict[str, list[Item]] = {
    "/api/v1/namespaces": [{"metadata": {"name": "shop"}}, {"metadata": {"name": "data"}}],
    "/api/v1/nodes": [
        {
            "metadata": {"name": "n1", "uid": "n1"},
            "spec": {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "192.168.0.1"}],
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
            },
        }
    ],
    "/api/v1/pods": [
        _pod("web-6d5f7c9b8-aaaaa", "web"),
        _pod("web-6d5f7c9b8-bbbbb", "web", ready=False),
    ],
    "/api/v1/services": [_service("web", "web"), _service("lonely", "nobody")],
}


class ListedCluster(FakeApi):
    """Answers for single objects as well: 404 for those that are not there."""

    def __init__(self) -> None:
        super().__init__(items={path: list(items) for path, items in ITEMS.items()})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        place, _, name = request.path.rpartition("/")
        if request.method != "GET" or not self._is_list(place):
            return await super().answer(request)
        named = [one for one in self._in(place) if one["metadata"]["name"] == name]
        if not named:
            body = {"kind": "Status", "code": 404, "message": f"{name} not found"}
            return web.json_response(body, status=404)
        self.requests.append(request.path)
        return web.json_response(named[0])

    def _is_list(self, place: str) -> bool:
        """Whether names stand below it: /api/v1/nodes, /api/v1/namespaces/shop/pods."""
        return place in self.items or place.rpartition("/")[2] in ("pods", "services")

    def _in(self, place: str) -> list[Item]:
        if place in self.items:
            return self.items[place]
        everywhere, _, kind = place.rpartition("/")
        root, _, namespace = everywhere.rpartition("/namespaces/")
        found = self.items.get(f"{root}/{kind}", [])
        return [one for one in found if one["metadata"].get("namespace") == namespace]
