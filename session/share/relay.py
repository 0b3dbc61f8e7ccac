"""`podwire join --stdio`: the socket of a shared session on standard input and output, so that ssh
carries it to another machine. What is written waits for whoever reads: a slow reader is slow at the
driver's end, where that is bounded and said. Blocking."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path

from collectors.errors import ConfigError
from collectors.sanitize import sanitize
from session.share.links import GREETING

AT_ONCE = 1 << 16  # bytes


def relay(path: Path, come: int, go: int) -> None:
    """Until either end has ended; `come` and `go` are descriptors. ConfigError where the session
    cannot be reached."""
    with socket.socket(socket.AF_UNIX) as joined:
        try:
            joined.connect(str(path))
        except OSError as error:
            shown = sanitize(path.stem, 80)
            reason = error.strerror or "it does not answer"
            raise ConfigError(f"The session {shown} cannot be joined: {reason}.") from None
        with contextlib.suppress(OSError):
            _write(go, GREETING)
            threading.Thread(target=_upwards, args=(come, joined), daemon=True).start()
            while data := joined.recv(AT_ONCE):
                _write(go, data)


def _upwards(come: int, joined: socket.socket) -> None:
    """What the viewer says; where it ends, all does."""
    with contextlib.suppress(OSError):
        while data := os.read(come, AT_ONCE):
            joined.sendall(data)
    with contextlib.suppress(OSError):
        joined.shutdown(socket.SHUT_RDWR)


def _write(go: int, data: bytes) -> None:
    while data:
        data = data[os.write(go, data) :]
