"""The lab itself: process 1 of its own process namespace, started by lab.supervisor.

Reads its settings as one JSON object from the first argument; prints one JSON line a step on standard output
and `{"ready": true}` once the API answers. It ends when its lifeline (a pipe that only its parent holds open
at the other end) closes, and with it every process, namespace, link and rule of the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from lab import syscalls
from lab.api.server import ApiServer
from lab.api.store import Store
from lab.faults import FaultSwitch
from lab.kubelet import Kubelet
from lab.network import LabError
from lab.topology import DEFAULT

REAP_EVERY_S = 5.0


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def wait_for_lifeline(fd: int) -> None:
    loop, closed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, closed.set)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, closed.set)
    await closed.wait()


async def reap_orphans(kubelet: Kubelet) -> None:
    """Process 1 inherits what exec'd commands leave behind; collect those that have ended."""
    while True:
        await asyncio.sleep(REAP_EVERY_S)
        ours = {p.pid for pod in kubelet.pods.values() for p in pod.containers.values()}
        for pid in orphans() - ours:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)


def orphans() -> set[int]:
    """Children of process 1 that have ended and were not collected."""
    found = set()
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
                if state == "Z" and parent == "1":
                    found.add(int(directory.name))
    return found


async def serve(settings: dict[str, Any]) -> None:
    files = Path(settings["directory"]) / "ns"
    syscalls.mount("tmpfs", str(files), "tmpfs", data="mode=755,size=16m")
    store = Store()
    kubelet = Kubelet(DEFAULT, store, files)
    await kubelet.build(lambda text: say(step=text))
    faults = FaultSwitch(
        kubelet.nodes, lambda app: kubelet.hold(*app.split("/")), lambda app: kubelet.release(*app.split("/"))
    )
    server = ApiServer(store, kubelet, faults, settings["token"])
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, socket.socket(fileno=settings["listen_fd"])).start()
    for name in settings["faults"]:
        say(step=f"switching on {name}")
        await faults.turn(name, True)
    reaper = asyncio.create_task(reap_orphans(kubelet))
    say(ready=True)
    await wait_for_lifeline(settings["lifeline_fd"])
    reaper.cancel()


def clean_files(settings: dict[str, Any], directory_fd: int, parent_fd: int) -> None:
    """Take the lab's files away, also where its starter was killed and cannot."""
    with contextlib.suppress(OSError):
        syscalls.unmount(str(Path(settings["directory"]) / "ns"))
    with contextlib.suppress(OSError):
        os.unlink("kubeconfig", dir_fd=directory_fd)
    with contextlib.suppress(OSError):
        os.rmdir("ns", dir_fd=directory_fd)
    with contextlib.suppress(OSError):
        os.rmdir(Path(settings["directory"]).name, dir_fd=parent_fd)


def main() -> None:
    settings = json.loads(sys.argv[1])
    directory = Path(settings["directory"])
    directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    parent_fd = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        asyncio.run(serve(settings))
    except (LabError, OSError) as error:
        say(error=str(error))
    finally:
        clean_files(settings, directory_fd, parent_fd)
        os._exit(0)  # the kernel ends everything else in this process namespace


if __name__ == "__main__":
    main()
