"""The lab itself: process 1 of its own process namespace, started by lab.supervisor.

Reads its settings as one JSON object from the first argument; prints one JSON line a step on
standard output and `{"ready": true}` once the API answers. It ends when its lifeline (a pipe that
only its parent holds open at the other end) closes, and with it every process, namespace, link and
rule of the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import fcntl
import ipaddress
import itertools
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from lab import network, objects, syscalls
from lab.api.hooks import Hooks
from lab.api.reading import ReadHandler
from lab.api.server import ApiServer
from lab.api.status import ApiError
from lab.api.store import ObjectStore, key_of
from lab.api.writing import Writer
from lab.controllers import Controllers
from lab.faultswitch import FaultSwitch
from lab.kubelet import Kubelet
from lab.network import LabError
from lab.ownership import is_ready
from lab.policy import PolicyAgent
from lab.proxy import Proxy
from lab.synthetic import Synthetic
from lab.topology import CLUSTER_DOMAIN, DEFAULT, SERVICE_CIDR, Node, Topology
from lab.users import USERS

SERVICES = ipaddress.ip_network(SERVICE_CIDR).network_address
READY_S = 15.0
DUMP_S = 40.0
HEARTBEAT_S = 10.0  # as a kubelet
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


async def reap_orphans() -> None:
    """Process 1 inherits what exec'd commands leave behind; collect those that have ended.

    Our own children are collected by asyncio at once, so what has been dead for a whole round is an
    orphan.
    """
    dead: set[int] = set()
    while True:
        await asyncio.sleep(REAP_EVERY_S)
        now = orphans()
        for pid in now & dead:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
        dead = now - dead


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


class LabCluster:
    """Everything that runs in the lab, built in order."""

    def __init__(self, topology: Topology, files: Path, scale: dict[str, Any]) -> None:
        self.topology = topology
        self.files = files
        self.store = ObjectStore()
        self.hooks = Hooks()
        self.reader = ReadHandler(self.store)
        self.kubelet = Kubelet(topology.nodes, self.store, files)
        names = [node.name for node in topology.nodes]
        turn, addresses = itertools.cycle(names), iter(range(2, 60_000))
        self.writer = Writer(
            self.store,
            self.reader,
            lambda: next(turn),
            lambda: str(SERVICES + 0x10000 + next(addresses)),
        )
        zones = {node.name: node.zone for node in topology.nodes}
        self.controllers = Controllers(
            self.store, names, zones, self.writer.terminate, self.writer.check_security
        )
        self.synthetic = Synthetic(self.store, **scale)
        self.proxy: Proxy
        self.policies: PolicyAgent
        self.background: list[asyncio.Task[Any]] = []

    async def build(self) -> None:
        say(step="making two nodes joined by VXLAN")
        await network.make_underlay()
        sandboxes = await asyncio.gather(*(self._make_node(node) for node in self.topology.nodes))
        pairs = list(zip(self.topology.nodes, sandboxes, strict=True))
        self.proxy, self.policies = Proxy(self.store, pairs), PolicyAgent(self.store, pairs)
        say(step="starting pods")
        since = self.store.version
        objects.populate(self.store, self.topology)
        self.write_zone()
        self.controllers.reconcile()
        self._spawn(
            self.kubelet.follow(since),
            self.controllers.follow(since, self.reload),
            reap_orphans(),
            self._heartbeats(),
        )
        await self._all_ready()
        self.synthetic.populate()
        self._spawn(self.synthetic.follow(self.store.version), self.synthetic.live())

    def _spawn(self, *work: Coroutine[Any, Any, None]) -> None:
        self.background += [asyncio.create_task(one) for one in work]

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for node in self.topology.nodes:
                known = self.store.get("leases", objects.LEASES, node.name) or {}
                self.store.put(
                    "leases",
                    {**objects.lease(node.name), **known, "spec": objects.lease(node.name)["spec"]},
                )

    async def _make_node(self, node: Node) -> network.Sandbox:
        sandbox = await network.make_sandbox(node.name, None)
        self.kubelet.nodes[node.name] = sandbox
        await network.wire_node(
            node, sandbox, [peer for peer in self.topology.nodes if peer is not node]
        )
        return sandbox

    async def _all_ready(self) -> None:
        try:
            async with asyncio.timeout(READY_S):
                while not all(is_ready(pod) for pod in self.store.items("pods")):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            slow = [key_of(p) for p in self.store.items("pods") if not is_ready(p)]
            raise LabError(f"these pods did not become ready: {', '.join(slow)}") from None
        await self.reload()

    async def reload(self) -> None:
        """Load into the nodes what the store asks for."""
        self.write_zone()
        await asyncio.gather(self.proxy.sync(), self.policies.sync())

    def write_zone(self) -> None:
        rows = [f"{name} {address}" for name, address in self.topology.external_names.items()]
        for service in self.store.items("services"):
            metadata, address = service["metadata"], service["spec"].get("clusterIP", "None")
            if address != "None":
                rows.append(
                    f"{metadata['name']}.{metadata['namespace']}.svc.{CLUSTER_DOMAIN} {address}"
                )
        path, text = self.files / "zone", "\n".join(rows) + "\n"
        if not path.exists() or path.read_text() != text:
            fresh = path.with_suffix(".new")
            fresh.write_text(text)
            fresh.rename(path)


class Listener:
    """The HTTP server on the socket that was opened before the namespaces were entered."""

    def __init__(self, application: Callable[[], web.Application], fd: int) -> None:
        self._application = application
        self._socket = socket.socket(fileno=fd)
        self._runner: web.AppRunner

    async def start(self) -> None:
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket.dup()).start()

    async def restart(self, seconds: float) -> None:
        """Refuse connections for some seconds, and cut those that are open."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(
                socket.SHUT_RDWR
            )  # a listening socket becomes a closed one that keeps its port
        for handler in list(self._runner.server.connections if self._runner.server else ()):
            if handler.transport is not None:
                handler.transport.abort()
        await self._runner.cleanup()
        await asyncio.sleep(seconds)
        self._socket.listen(128)
        await self.start()


async def serve(settings: dict[str, Any]) -> None:
    files = Path(settings["directory"]) / "ns"
    syscalls.mount("tmpfs", str(files), "tmpfs", data="mode=755,size=16m")
    cluster = LabCluster(DEFAULT, files, settings["scale"])
    await cluster.build()
    faults = FaultSwitch(
        cluster.store, cluster.kubelet, cluster.writer, cluster.proxy, cluster.reload
    )
    tokens = {token: USERS[context] for context, token in settings["tokens"].items()}
    server = ApiServer(
        store=cluster.store,
        kubelet=cluster.kubelet,
        faults=faults,
        writer=cluster.writer,
        reader=cluster.reader,
        hooks=cluster.hooks,
        tokens=tokens,
        restart=lambda seconds: listener.restart(seconds),
        synthetic=cluster.synthetic,
    )
    listener = Listener(server.application, settings["listen_fd"])
    for name in settings["faults"]:
        say(step=f"switching on {name}")
        try:
            await faults.turn(name, True)
        except ApiError as error:
            raise LabError(str(error)) from None
    await listener.start()
    faulthandler.cancel_dump_traceback_later()
    say(ready=True)
    await wait_for_lifeline(settings["lifeline_fd"])


def clean_files(settings: dict[str, Any], directory_fd: int, parent_fd: int) -> None:
    """Remove the lab's files, also where its starter was killed and cannot."""
    with contextlib.suppress(OSError):
        syscalls.unmount(str(Path(settings["directory"]) / "ns"))
    for name in ("kubeconfig", "log"):
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=directory_fd)
    with contextlib.suppress(OSError):
        os.rmdir("ns", dir_fd=directory_fd)
    with contextlib.suppress(OSError):
        os.rmdir(Path(settings["directory"]).name, dir_fd=parent_fd)


def main() -> None:
    settings = json.loads(sys.argv[1])
    faulthandler.dump_traceback_later(DUMP_S, exit=False)  # into the log: where a start hangs
    directory = Path(settings["directory"])
    directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(
        directory_fd, fcntl.LOCK_SH
    )  # as long as the lab runs: see supervisor.held_directory
    parent_fd = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    asyncio.run(live(settings, lambda: clean_files(settings, directory_fd, parent_fd)))


async def live(settings: dict[str, Any], clean: Callable[[], None]) -> None:
    """Never returns: the kernel ends everything else in this process namespace. Tasks are not
    cancelled and waited for, since one that does not end would keep the reason from being
    reported."""
    try:
        await serve(settings)
    except (LabError, OSError) as error:
        say(error=str(error))
    except BaseException:
        traceback.print_exc()  # _exit below would lose it
    finally:
        clean()
        os._exit(0)


if __name__ == "__main__":
    main()
