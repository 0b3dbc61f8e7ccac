"""Every write to a cluster, on disk before it is sent: who, when, what, how it ended.

One JSON object per line, appended with one write and synced. `begin` is written before the request,
`end` after the answer. A pod whose creation began, was not refused, and whose deletion did not end
well is a pending delete: of this console until it quits, of `podwire clean` where a console was
killed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from collectors.errors import JournalError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

CREATED, DELETED, GONE, REFUSED = "created", "deleted", "gone", "refused"
FULL = (errno.ENOSPC, errno.EDQUOT)
LONGEST = 4 << 20  # bytes; a longer journal is cut to what still matters


@frozen
class ClusterIdentity:
    """The cluster that a write goes to, and how it was opened."""

    context: str
    kubeconfig: str = ""
    server: str = ""
    user: str = ""
    acting_as: str = ""


@frozen
class PendingDelete:
    """A pod of ours that may still be there.

    `confirmed` once the API server said that it was created.
    """

    id: str
    at: float
    where: ClusterIdentity
    namespace: str
    pod: str
    node: str
    confirmed: bool
    session: str

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.pod}"


def this_session() -> str:
    """Names this process so that another can find out whether it runs: boot, process id, start."""
    process = psutil.Process()
    return f"{boot()}:{process.pid}:{process.create_time():.2f}"


def boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return f"{psutil.boot_time():.0f}"


def runs(session: str) -> bool:
    """Whether the console of that name still runs on this machine."""
    try:
        booted, pid, started = session.split(":")
        process = psutil.Process(int(pid))
        return booted == boot() and abs(process.create_time() - float(started)) < 1
    except (ValueError, psutil.Error):
        return False


@dataclass(slots=True)
class Journal:
    """`path` None keeps nothing on disk (a recording, a test)."""

    path: Path | None
    session: str = field(default_factory=this_session)
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def begin(
        self,
        where: ClusterIdentity,
        *,
        verb: str,
        namespace: str,
        name: str,
        node: str,
        manifest: Any = None,
    ) -> str:
        """Write down what is about to be sent; its id. JournalError where that cannot be kept."""
        number = secrets.token_hex(6)
        row = {
            "kind": "begin",
            "id": number,
            "at": time.time(),
            "session": self.session,
            "where": asdict(where),
            "verb": verb,
            "namespace": namespace,
            "name": name,
            "node": node,
            "manifest": manifest,
        }
        self._append(row)
        return number

    def end(self, number: str, result: str) -> None:
        """How it ended: created, deleted, gone, or `refused: …`; anything else stays pending."""
        with contextlib.suppress(JournalError):  # a full disk now: the delete stays pending
            self._append(_end_row(number, result))

    def _append(self, row: dict[str, Any]) -> None:
        if self.path is None:
            self._rows.append(row)
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                os.write(descriptor, (json.dumps(row) + "\n").encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            room = "Make room, or set" if error.errno in FULL else "Set"
            raise JournalError(
                f"The journal {sanitize(self.path)} cannot be written ({error.strerror}): podwire "
                f"adds nothing to a cluster that it could forget. {room} XDG_STATE_HOME."
            ) from None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Everything written, oldest first. A line that a crash cut off is passed over."""
        if self.path is None:
            yield from self._rows
            return
        try:
            text = self.path.read_bytes()
        except OSError:
            return
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row

    def pending_deletes(self) -> list[PendingDelete]:
        """Pods that may still be there, of this and other sessions."""
        written = list(self.rows())
        ends = {row["id"]: str(row.get("result")) for row in written if row.get("kind") == "end"}
        found: dict[tuple[str, str, str], PendingDelete] = {}
        for row in written:
            if row.get("kind") != "begin":
                continue
            with contextlib.suppress(KeyError, TypeError):
                result = ends.get(row["id"], "")
                key = (row["where"]["server"], row["namespace"], row["name"])
                if row["verb"] == "create pods" and not result.startswith(REFUSED):
                    found[key] = _pending(row, result)
                elif row["verb"] == "delete pods" and result.startswith((DELETED, GONE)):
                    found.pop(key, None)
        return list(found.values())

    def compact(self) -> None:
        """Cut a long journal to the pending deletes and the newest quarter.

        Other consoles may append meanwhile.
        """
        if self.path is None or not self._is_long():
            return
        keep = [entry.id.encode() for entry in self.pending_deletes()]
        with contextlib.suppress(OSError), self.path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = file.read().splitlines(keepends=True)
            newest = len(lines) * 3 // 4
            old = [line for line in lines[:newest] if any(number in line for number in keep)]
            file.seek(0)
            file.writelines([*old, *lines[newest:]])
            file.truncate()

    def _is_long(self) -> bool:
        with contextlib.suppress(OSError):  # nothing is there, or nobody may look
            return self.path is not None and self.path.stat().st_size >= LONGEST
        return False


def _pending(row: dict[str, Any], result: str) -> PendingDelete:
    return PendingDelete(
        id=row["id"],
        at=row["at"],
        where=ClusterIdentity(**row["where"]),
        namespace=row["namespace"],
        pod=row["name"],
        node=row["node"],
        confirmed=result.startswith(CREATED),
        session=row["session"],
    )


def _end_row(number: str, result: str) -> dict[str, Any]:
    return {"kind": "end", "id": number, "at": time.time(), "result": sanitize(result, 600)}
