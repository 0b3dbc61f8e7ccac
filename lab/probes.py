"""Readiness probes, made from the node as a kubelet makes them: a TCP connect or an HTTP GET to the pod."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

from lab import syscalls
from lab.api.store import Object


def socket_in(pid: int) -> socket.socket:
    """A TCP socket of the network namespace of that process. Made in a thread of its own: setns is per thread."""
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
    return next(int(p["containerPort"]) for p in container.get("ports", ()) if p.get("name") == wanted)


async def passes(pid: int, address: str, probe: Object, container: Object) -> bool:
    """Whether a tcpSocket or httpGet probe succeeds within its `timeoutSeconds` (1)."""
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
            return await _try(pid, address, probe, container)
    except (OSError, TimeoutError):
        return False


async def _try(pid: int, address: str, probe: Object, container: Object) -> bool:
    loop = asyncio.get_running_loop()
    get: Any = probe.get("httpGet")
    target = get or probe.get("tcpSocket")
    if target is None:
        return True
    with socket_in(pid) as connection:
        await loop.sock_connect(connection, (address, _port(target, container)))
        if get is None:
            return True
        request = f"GET {get.get('path', '/')} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        await loop.sock_sendall(connection, request.encode())
        head = await loop.sock_recv(connection, 64)
        code = int(head.split(b" ", 2)[1])
        return 200 <= code < 400
