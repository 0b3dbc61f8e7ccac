"""The `pause` process of a lab pod or node: it holds a network, mount and host-name namespace.

Run as `python -I -S sandbox.py HOSTNAME [FILES_DIR]`. Files found in FILES_DIR (resolv.conf, hosts,
...) are bound over those of /etc, so that programs inside resolve names as in a pod. Prints `ready`
and sleeps.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from lab import syscalls


def enter(hostname: str, files: str | None) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNET | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS)
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    socket.sethostname(hostname)
    with contextlib.suppress(OSError):  # else /sys of the outer namespace stays
        syscalls.mount("sysfs", "/sys", "sysfs")
    disable_ipv6()
    for source in sorted(Path(files).iterdir()) if files else []:
        bind(source)


def disable_ipv6() -> None:
    """No router solicitations into nothing."""
    for scope in ("all", "default"):
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1")


def bind(source: Path) -> None:
    """Over the file of its name in /etc, where one is."""
    target = Path("/etc", source.name)
    if target.exists():
        syscalls.mount(str(source), os.path.realpath(target), None, syscalls.MS_BIND)


def main() -> None:
    syscalls.die_with_parent(signal.SIGKILL)
    enter(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.execvp("sleep", ["sleep", "infinity"])


if __name__ == "__main__":
    main()
