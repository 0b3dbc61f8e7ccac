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
from asyncio import Task, create_task
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.web import Application

from lab import control_plane_traffic, network, noise, objects, syscalls
from lab.api.hooks import Hooks
from lab.api.labroutes import LabRoutes, Restart
from lab.api.node_streams import NodeStreams
from lab.api.podstreams import PodStreams
from lab.api.rbac import User
from lab.api.reading import ReadHandler
from lab.api.server import ApiServer
from lab.api.status import ApiError
from lab.api.store import Object, ObjectStore, key_of
from lab.api.writing import Writer
from lab.controllers import Controllers
from lab.families import FAMILIES, IPV4
from lab.faultswitch import FaultSwitch
from lab.kubelet import Kubelet
from lab.network import LabError
from lab.ownership import is_ready
from lab.policy import PolicyAgent
from lab.proxy import Proxy
from lab.synthetic import Synthetic
from lab.topology import CLUSTER_DOMAIN, DEFAULT, DUAL_STACK, SERVICE_CIDR, Node, Topology
from lab.users import USERS
from lab.waiting import comes_true

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
            _reap(pid)
        dead = now - dead


def _reap(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)


def orphans() -> set[int]:
    """Children of process 1 that have ended and were not collected."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return set(filter(_is_orphan, pids))


def _is_orphan(pid: int) -> bool:
    try:
        return _has_ended(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return False


def _has_ended(stat: str) -> bool:
    """Whether a row of /proc/PID/stat is of a zombie that process 1 is the parent of."""
    return stat.rpartition(")")[2].split()[:2] == ["Z", "1"]


class LabCluster:
    """Everything that runs in the lab, built in order."""

    def __init__(
        self, topology: Topology, files: Path, scale: dict[str, Any], level: noise.Level
    ) -> None:
        self.topology = topology
        self.level = level
        self.files = files
        self.store = ObjectStore()
        self.hooks = Hooks()
        self.reader = ReadHandler(self.store)
        self.kubelet = Kubelet(topology.nodes, self.store, files)
        self.writer = self._writer()
        self.controllers = self._controllers()
        self.synthetic = Synthetic(self.store, **scale)
        self.proxy: Proxy
        self.policies: PolicyAgent
        self.background: list[Task[Any]] = []

    def _writer(self) -> Writer:
        """Pods go to the nodes in turn; cluster IPs are counted up."""
        turn = itertools.cycle(node.name for node in self.topology.nodes)
        addresses = (str(SERVICES + 0x10000 + number) for number in range(2, 60_000))
        families = FAMILIES if self.topology.dual_stack else (IPV4,)
        return Writer(
            self.store, self.reader, lambda: next(turn), lambda: next(addresses), families
        )

    def _controllers(self) -> Controllers:
        zones = {node.name: node.zone for node in self.topology.nodes}
        writer = self.writer
        return Controllers(self.store, zones, writer.terminate, writer.check_security)

    def fault_switch(self) -> FaultSwitch:
        return FaultSwitch(self.store, self.kubelet, self.writer, self.proxy, self.reload)

    async def build(self) -> None:
        say(step="making two nodes joined by VXLAN")
        await self._make_nodes()
        say(step="starting pods")
        await self._start_pods()
        await self._all_ready()
        if self.level != "none":
            await self._make_noise()
        self.synthetic.populate()
        self._spawn(self.synthetic.follow(self.store.version), self.synthetic.live())

    async def _make_nodes(self) -> None:
        nodes = self.topology.nodes
        await network.make_underlay(dual_stack=self.topology.dual_stack)
        sandboxes = await asyncio.gather(*(self._make_node(node) for node in nodes))
        pairs = list(zip(nodes, sandboxes, strict=True))
        self.proxy, self.policies = Proxy(self.store, pairs), PolicyAgent(self.store, pairs)

    async def _start_pods(self) -> None:
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

    async def _make_noise(self) -> None:
        """Its pods become ready while others look at the lab already."""
        nodes = [(node, self.kubelet.nodes[node.name]) for node in self.topology.nodes]
        noise.populate(self.store, nodes[0][0].address)
        await noise.masquerade(sandbox for _, sandbox in nodes)
        for node, sandbox in nodes:
            await self._start_streams(node, sandbox)
        names = [node.name for node, _ in nodes]
        self._spawn(
            noise.serve_outside(),
            noise.run_jobs(self.store, names, self.writer.terminate),
            control_plane_traffic.serve(nodes),
        )
        if self.level == "changing":
            self._spawn(noise.change(self.store))

    async def _start_streams(self, node: Node, sandbox: network.Sandbox) -> None:
        """What is exec'd goes through the node."""
        streams = self.kubelet.streams[node.name] = NodeStreams(sandbox, node.address)
        await streams.start()

    def _spawn(self, *work: Coroutine[Any, Any, None]) -> None:
        self.background += [create_task(one) for one in work]

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for node in self.topology.nodes:
                self._renew_lease(node.name)

    def _renew_lease(self, node: str) -> None:
        fresh = objects.lease(node)
        known = self.store.get("leases", objects.LEASES, node) or {}
        self.store.put("leases", {**fresh, **known, "spec": fresh["spec"]})

    async def _make_node(self, node: Node) -> network.Sandbox:
        sandbox = await network.make_sandbox(node.name, None)
        self.kubelet.nodes[node.name] = sandbox
        peers = [peer for peer in self.topology.nodes if peer is not node]
        await network.wire_node(node, sandbox, peers)
        return sandbox

    async def _all_ready(self) -> None:
        if not await comes_true(self._is_ready, READY_S, 0.02):
            slow = ", ".join(self._not_ready())
            raise LabError(f"these pods did not become ready: {slow}")
        await self.reload()

    def _is_ready(self) -> bool:
        return not self._not_ready()

    def _not_ready(self) -> list[str]:
        return [key_of(pod) for pod in self.store.items("pods") if not is_ready(pod)]

    async def reload(self) -> None:
        """Load into the nodes what the store asks for."""
        self.write_zone()
        await asyncio.gather(self.proxy.sync(), self.policies.sync())

    def write_zone(self) -> None:
        """The names that the cluster's DNS knows, a row each."""
        names = self.topology.external_names | self._service_names()
        _write_if_changed(self.files / "zone", _zone(names))

    def _service_names(self) -> dict[str, str]:
        addresses = {_dns_name(one): _cluster_ip(one) for one in self.store.items("services")}
        return {n: a for n, a in addresses.items() if a != "None" and IPV4.has(a)}


def _cluster_ip(service: Object) -> str:
    """`None` where it has none."""
    return str(service["spec"].get("clusterIP", "None"))


def _zone(names: dict[str, str]) -> str:
    return "".join(f"{name} {address}\n" for name, address in names.items())


def _dns_name(service: Object) -> str:
    metadata = service["metadata"]
    return f"{metadata['name']}.{metadata['namespace']}.svc.{CLUSTER_DOMAIN}"


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """Readers see the old text or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


class Listener:
    """The HTTP server on the socket that was opened before the namespaces were entered."""

    def __init__(self, application: Callable[[], Application], fd: int) -> None:
        self._application = application
        self._socket = socket.socket(fileno=fd)
        self._runner: web.AppRunner

    async def start(self) -> None:
        application = self._application()
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket.dup()).start()

    async def restart(self, seconds: float) -> None:
        """Refuse connections for some seconds, and cut those that are open."""
        self._close()
        self._abort_connections()
        await self._runner.cleanup()
        await asyncio.sleep(seconds)
        self._socket.listen(128)
        await self.start()

    def _close(self) -> None:
        """A listening socket becomes a closed one that keeps its port."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _abort_connections(self) -> None:
        server = self._runner.server
        for handler in list(server.connections) if server else ():
            if handler.transport is not None:
                handler.transport.abort()


async def serve(settings: dict[str, Any]) -> None:
    files = Path(settings["directory"]) / "ns"
    syscalls.mount("tmpfs", str(files), "tmpfs", data="mode=755,size=16m")
    topology = DUAL_STACK if settings["dual_stack"] else DEFAULT
    cluster = LabCluster(topology, files, settings["scale"], settings["noise"])
    await cluster.build()
    faults = cluster.fault_switch()
    tokens = {token: USERS[context] for context, token in settings["tokens"].items()}
    server = api_server(cluster, faults, tokens, lambda seconds: listener.restart(seconds))
    listener = Listener(server.application, settings["listen_fd"])
    await switch_on(settings["faults"], faults)
    await listener.start()
    faulthandler.cancel_dump_traceback_later()
    say(ready=True)
    await wait_for_lifeline(settings["lifeline_fd"])


def api_server(
    cluster: LabCluster, faults: FaultSwitch, tokens: dict[str, User], restart: Restart
) -> ApiServer:
    hooks = cluster.hooks
    return ApiServer(
        writer=cluster.writer,
        reader=cluster.reader,
        hooks=hooks,
        tokens=tokens,
        lab_routes=LabRoutes(cluster.store, faults, hooks, restart),
        pod_streams=PodStreams(cluster.kubelet, hooks, cluster.synthetic),
    )


async def switch_on(names: list[str], faults: FaultSwitch) -> None:
    for name in names:
        say(step=f"switching on {name}")
        await _switch_on(name, faults)


async def _switch_on(name: str, faults: FaultSwitch) -> None:
    try:
        await faults.turn(name, True)
    except ApiError as error:
        raise LabError(str(error)) from None


def clean_files(settings: dict[str, Any], directory_fd: int, parent_fd: int) -> None:
    """Remove the lab's files, also where its starter was killed and cannot."""
    directory = Path(settings["directory"])
    steps: tuple[Callable[[], None], ...] = (
        lambda: syscalls.unmount(str(directory / "ns")),
        lambda: os.unlink("kubeconfig", dir_fd=directory_fd),
        lambda: os.unlink("log", dir_fd=directory_fd),
        lambda: os.rmdir("ns", dir_fd=directory_fd),
        lambda: os.rmdir(directory.name, dir_fd=parent_fd),
    )
    for step in steps:
        with contextlib.suppress(OSError):
            step()


def main() -> None:
    settings = json.loads(sys.argv[1])
    faulthandler.dump_traceback_later(DUMP_S, exit=False)  # into the log: where a start hangs
    directory = Path(settings["directory"])
    directory_fd, parent_fd = _opened(directory), _opened(directory.parent)
    fcntl.flock(directory_fd, fcntl.LOCK_SH)  # while the lab runs: supervisor.held_directory
    asyncio.run(live(settings, lambda: clean_files(settings, directory_fd, parent_fd)))


def _opened(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


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
