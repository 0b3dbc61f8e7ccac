"""Readiness probes, made from the node as a kubelet makes them: a TCP connect or an HTTP GET to the
pod."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path
from typing import Any

from lab import syscalls
from lab.api.store import Object


def socket_in(pid: int) -> socket.socket:
    """A TCP socket of the network namespace of that process. Made in a thread of its own: setns is
    per thread."""
    made: list[socket.socket] = []

    def make() -> None:
        with Path(f"/proc/{pid}/ns/net").open() as namespace:
            syscalls.setns(namespace.fileno(), syscalls.CLONE_NEWNET)
        made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise OSError("the namespace is gone")
    return made[0]


def _port(probe: Object, container: Object) -> int:
    wanted = probe["port"]
    if isinstance(wanted, int):
        return wanted
    return next(
        int(p["containerPort"]) for p in container.get("ports", ()) if p.get("name") == wanted
    )


async def failure(pid: int, address: str, probe: Object, container: Object) -> str:
    """'' where a tcpSocket or httpGet probe succeeds within its `timeoutSeconds` (1), else what a
    kubelet says."""
    get: Any = probe.get("httpGet")
    where = (
        f"{address}:{_port(get or probe['tcpSocket'], container)}"
        if get or "tcpSocket" in probe
        else address
    )
    asked = f'Get "http://{where}{get.get("path", "/")}": ' if get else ""
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
            code = await _try(pid, address, probe, container)
    except TimeoutError:
        late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return f"Readiness probe failed: {asked}{late if get else f'dial tcp {where}: i/o timeout'}"
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        return f"Readiness probe failed: {asked}dial tcp {where}: connect: {why}"
    return (
        ""
        if 200 <= code < 400
        else f"Readiness probe failed: HTTP probe failed with statuscode: {code}"
    )


async def _try(pid: int, address: str, probe: Object, container: Object) -> int:
    """The status code; 200 for a connection that was all that is asked."""
    loop = asyncio.get_running_loop()
    get: Any = probe.get("httpGet")
    target = get or probe.get("tcpSocket")
    if target is None:
        return 200
    with socket_in(pid) as connection:
        await loop.sock_connect(connection, (address, _port(target, container)))
        if get is None:
            return 200
        request = (
            f"GET {get.get('path', '/')} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        await loop.sock_sendall(connection, request.encode())
        head = await loop.sock_recv(connection, 64)
        return int(head.split(b" ", 2)[1])
