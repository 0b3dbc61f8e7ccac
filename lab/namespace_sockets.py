"""TCP sockets of the lab's own process in the network namespaces of its nodes and pods."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from queue import SimpleQueue

from lab import syscalls

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a RST in place of a FIN
KIND = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
Address = tuple[str, int]
Streams = tuple[StreamReader, StreamWriter]
Made = SimpleQueue[socket.socket]


def socket_in(pid: int) -> socket.socket:
    """A TCP socket of the network namespace of that process. Made in a thread of its own: setns is
    per thread."""
    made: Made = SimpleQueue()
    thread = threading.Thread(target=_make, args=(pid, made))
    thread.start()
    thread.join()
    if made.empty():
        raise OSError("the namespace is gone")
    return made.get()


def _make(pid: int, made: Made) -> None:
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        syscalls.setns(namespace.fileno(), syscalls.CLONE_NEWNET)
    made.put(socket.socket(socket.AF_INET, KIND))


def listening_in(pid: int, address: Address) -> socket.socket:
    made = socket_in(pid)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    made.listen(64)
    return made


async def connected_in(pid: int, address: Address) -> Streams:
    made = socket_in(pid)
    try:
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return await asyncio.open_connection(sock=made)


def close_with_reset(writer: StreamWriter) -> None:
    """As a program that leaves without reading all; a RST in place of a FIN."""
    own = writer.get_extra_info("socket")
    if own is not None:
        with contextlib.suppress(OSError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.close()
