"""Requests on connections that were idle before them, and what became of each."""

from __future__ import annotations

from typing import Literal

from collectors.frozen import frozen

# `closed`: the server had sent its FIN before the request came, and answered it with a RST;
# `reset`: a RST and no FIN; `silent`: no packet at all, however often it was sent
IdleEnd = Literal["answered", "closed", "reset", "silent"]
LOST: tuple[IdleEnd, ...] = ("reset", "silent")


@frozen
class IdleRequest:
    """`at` is when it was sent, in seconds of the capture; `pause` the seconds without any packet
    before it, of a connection that the server closed those before its FIN."""

    at: float
    pause: float
    end: IdleEnd


@frozen
class IdleConnections:
    """The requests of a client to a port of a server of which some failed after a pause, the
    earliest first."""

    client: str
    server: str
    port: int
    requests: tuple[IdleRequest, ...]

    def ended(self, *ends: IdleEnd) -> tuple[IdleRequest, ...]:
        return tuple(request for request in self.requests if request.end in ends)
