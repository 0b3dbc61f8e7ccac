"""podwire's own errors. Each message is a sentence for the user: what happened, to what, and what
to do.

PodwireError
├── ConfigError          kubeconfig or options (exit 2)
│   └── NotWritten       what was asked for cannot be written (exit 1)
├── ClusterError         the API server cannot be reached, or refuses the credentials (exit 3)
│   ├── Forbidden        RBAC or admission refuses (exit 4)
│   └── NotFound         the object is not there
├── TargetGone           the pod or node ended or was replaced
├── ExecError            a command could not be run in a container
├── EvidenceGone         what a recording held was removed (exit 4)
├── CaptureError         tcpdump refused, or its output is not a capture
├── JournalError         a pending delete cannot be written down
└── ToolMissing          a program is not installed where it is needed
"""

from __future__ import annotations

import errno


class PodwireError(Exception):
    exit_code = 1
    retry_after = 0.0  # seconds, where the API server asks to be left alone for so long


class ConfigError(PodwireError):
    exit_code = 2


OF_THE_NAME = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)


def exit_code_of(error: OSError) -> int:
    """Of a file that was named and could not be opened: wrong usage where it is for its name."""
    return 2 if error.errno in OF_THE_NAME else 1


class NotWritten(ConfigError):
    """A full disk, a directory that may not be written to. A name that was given and cannot be
    one is wrong usage (exit 2)."""

    def __init__(self, message: str, error: OSError) -> None:
        super().__init__(message)
        self.exit_code = exit_code_of(error)


class ClusterError(PodwireError):
    exit_code = 3

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def concerns_all(self) -> bool:
        """Whether every other request would fail as well: no API server, or unknown there."""
        return self.status in (0, 401)


class RefusalsSuppressed:
    """A block whose requests may be refused. What concerns all requests is raised nevertheless."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, ClusterError) and not error.concerns_all


class Forbidden(ClusterError):
    exit_code = 4


class NotFound(ClusterError):
    exit_code = 2


class TargetGone(PodwireError):
    exit_code = 1


class ExecError(PodwireError):
    pass


class EvidenceGone(PodwireError):
    exit_code = 4


class JournalError(PodwireError):
    pass


class CaptureError(PodwireError):
    pass


class ToolMissing(PodwireError):
    exit_code = 2
