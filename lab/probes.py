"""Readiness probes, made from the node as a kubelet makes them: a TCP connect or an HTTP GET to the
pod."""

from __future__ import annotations

import asyncio
import os

from lab.api.store import Object
from lab.namespace_sockets import Address, socket_in

LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


def _port(target: Object, container: Object) -> int:
    """The number of the port that a probe asks."""
    wanted = target["port"]
    named = (port for port in container.get("ports", ()) if port.get("name") == wanted)
    return wanted if isinstance(wanted, int) else int(next(named)["containerPort"])


async def failure(pid: int, address: str, probe: Object, container: Object) -> str:
    """'' where a tcpSocket or httpGet probe succeeds within its `timeoutSeconds` (1), else what a
    kubelet says."""
    target = probe.get("httpGet") or probe.get("tcpSocket")
    if target is None:
        return ""
    place = (address, _port(target, container))
    trying = _get(pid, place, target) if "httpGet" in probe else _connect(pid, place)
    try:
        why = await asyncio.wait_for(trying, probe.get("timeoutSeconds", 1))
    except OSError as error:
        why = _asked(place, probe) + _why_not(error, place, "httpGet" in probe)
    return f"Readiness probe failed: {why}" if why else ""


def _asked(place: Address, probe: Object) -> str:
    """What a message begins with that is about an HTTP request."""
    get = probe.get("httpGet")
    return f'Get "http://{place[0]}:{place[1]}{get.get("path", "/")}": ' if get else ""


def _why_not(error: OSError, place: Address, is_http: bool) -> str:
    where = f"dial tcp {place[0]}:{place[1]}:"
    if isinstance(error, TimeoutError):
        return LATE if is_http else f"{where} i/o timeout"
    return f"{where} connect: {os.strerror(error.errno).lower() if error.errno else error}"


async def _connect(pid: int, place: Address) -> str:
    with socket_in(pid) as connection:
        await asyncio.get_running_loop().sock_connect(connection, place)
    return ""


async def _get(pid: int, place: Address, get: Object) -> str:
    """What is wrong with the status code; empty for success."""
    loop = asyncio.get_running_loop()
    with socket_in(pid) as connection:
        await loop.sock_connect(connection, place)
        await loop.sock_sendall(connection, _request(place[0], get))
        code = int((await loop.sock_recv(connection, 64)).split(b" ", 2)[1])
    return "" if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}"


def _request(host: str, get: Object) -> bytes:
    path = get.get("path", "/")
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
