"""Runs the lab's pods: sandboxes, container processes, their statuses, and commands exec'd into them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import network, objects
from lab.api import defaults
from lab.api.store import Object, Store, now
from lab.capabilities import confine
from lab.network import Backend, LabError, Sandbox
from lab.topology import CLUSTER_DOMAIN, DNS_SERVICE_IP, Node, Service, Topology

WORKLOAD = Path(__file__).with_name("workload.py")
CREATING_S = 0.1  # a real kubelet and containerd took about this long with the image present
Key = tuple[str, str]


@dataclass(slots=True)
class RunningPod:
    """A pod's sandbox and the processes of its containers, by container name."""

    sandbox: Sandbox
    node: str
    address: str
    host_network: bool = False
    containers: dict[str, Process] = field(default_factory=dict)
    execs: dict[str, set[Process]] = field(default_factory=dict)  # commands exec'd into each container
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def end_execs(self, container: str) -> None:
        """A container's end is the end of everything that was exec'd into it (exit code 137)."""
        for process in self.execs.pop(container, set()):
            if process.returncode is None:
                process.kill()


class Kubelet:
    """All nodes' kubelets in one: keeps the store's pod statuses equal to what really runs."""

    def __init__(self, topology: Topology, store: Store, files: Path) -> None:
        self.topology = topology
        self.store = store
        self.files = files
        self.nodes: dict[str, Sandbox] = {}
        self.pods: dict[Key, RunningPod] = {}
        self._next_host = {node.name: 2 for node in topology.nodes}
        self._node = {node.name: node for node in topology.nodes}
        self._held: set[Key] = set()

    # --- building

    async def build(self, progress: Callable[[str], None]) -> None:
        progress("making two nodes joined by VXLAN")
        await network.make_underlay()
        await asyncio.gather(*(self._make_node(node) for node in self.topology.nodes))
        for name in self.topology.namespaces:
            self.store.put("namespaces", objects.namespace(name))
        progress("starting pods")
        pairs = [(w, n) for w in self.topology.workloads for n in w.nodes]
        for workload, node in pairs:
            pod = defaults.pod(objects.pod(workload, node))
            pod["status"] = {"phase": "Pending", "conditions": [objects.ready_condition(False)]}
            self.store.put("pods", pod)
        await asyncio.gather(*(self.start_pod(pod) for pod in list(self.store.items("pods"))))
        progress("translating Services on each node")
        for service in self.topology.services:
            self.store.put("services", objects.service(service))
        await self.sync_services()
        self._write_zone()
        for key in list(self.pods):
            await self.start_main(key)

    async def _make_node(self, node: Node) -> None:
        sandbox = await network.make_sandbox(node.name, None)
        self.nodes[node.name] = sandbox
        peers = [peer for peer in self.topology.nodes if peer is not node]
        await network.wire_node(node, sandbox, peers)
        self.store.put("nodes", objects.node(node))

    def _resolver_files(self, namespace: str) -> Path:
        directory = self.files / f"etc-{namespace}"
        if not directory.exists():
            directory.mkdir()
            search = f"{namespace}.svc.{CLUSTER_DOMAIN} svc.{CLUSTER_DOMAIN} {CLUSTER_DOMAIN}"
            text = f"search {search}\nnameserver {DNS_SERVICE_IP}\noptions ndots:5\n"
            (directory / "resolv.conf").write_text(text)
            (directory / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
            (directory / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
        return directory

    def _write_zone(self) -> None:
        lines = [f"{name} {address}" for name, address in self.topology.external_names.items()]
        for service in self.topology.services:
            full = f"{service.name}.{service.namespace}.svc.{CLUSTER_DOMAIN}"
            lines.append(f"{full} {service.cluster_ip}")
        (self.files / "zone").write_text("\n".join(lines) + "\n")

    # --- pods

    def _new_address(self, node: str) -> str:
        host = self._next_host[node]
        self._next_host[node] += 1
        return f"{self._node[node].pod_prefix}.{host}"

    async def start_pod(self, pod: Object) -> None:
        """Make a pod's sandbox (or lend it the node's) and show it as running; containers start after."""
        metadata, spec = pod["metadata"], pod["spec"]
        key, node_name = (metadata["namespace"], metadata["name"]), spec["nodeName"]
        node = self._node[node_name]
        if spec.get("hostNetwork"):
            self.pods[key] = RunningPod(self.nodes[node_name], node_name, node.address, host_network=True)
            return
        sandbox = await network.make_sandbox(metadata["name"], self._resolver_files(metadata["namespace"]))
        address = self._new_address(node_name)
        link = "veth" + address.replace(".", "")[-8:]
        await network.wire_pod(node, self.nodes[node_name], sandbox, address, link)
        self.pods[key] = RunningPod(sandbox, node_name, address)

    async def start_main(self, key: Key) -> None:
        """Start every container of a pod that is not yet running."""
        pod = self.store.get("pods", *key)
        assert pod is not None
        for container in pod["spec"]["containers"]:
            if container["name"] not in self.pods[key].containers:
                await self._start_container(key, container, "containerStatuses")

    def _command(self, container: Object) -> list[str]:
        if container.get("command"):
            return [*container["command"], *container.get("args", ())]
        args = list(container.get("args", ()))
        if args == ["dns"]:
            args.append(str(self.files / "zone"))
        return [sys.executable, "-I", "-S", str(WORKLOAD), *args]

    async def _start_container(self, key: Key, container: Object, field_name: str) -> None:
        running = self.pods[key]
        argv = running.sandbox.inside(confine(container.get("securityContext") or {}) + self._command(container))
        process = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        running.containers[container["name"]] = process
        state = {"running": {"startedAt": now()}}
        self._set_status(key, container, field_name, state, ready=field_name == "containerStatuses")
        task = asyncio.create_task(self._await_end(key, container, field_name, process))
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)

    async def _await_end(self, key: Key, container: Object, field_name: str, process: Process) -> None:
        started = now()
        code = await process.wait()
        if key in self.pods:
            self.pods[key].end_execs(container["name"])
        ended = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": started,
            "finishedAt": now(),
        }
        self._set_status(key, container, field_name, {"terminated": ended}, ready=False)
        if field_name == "containerStatuses" and key in self.pods:
            await self._after_main_ended(key, container)

    async def _after_main_ended(self, key: Key, container: Object) -> None:
        """restartPolicy Always: start again, unless a fault holds the container down."""
        pod = self.store.get("pods", *key)
        if pod is None or pod["spec"].get("restartPolicy") != "Always":
            return
        await self.sync_services()
        while key in self._held:
            await asyncio.sleep(0.2)
        if key in self.pods:
            await self._start_container(key, container, "containerStatuses")
            self.store.edit("pods", *key, _count_restart)
            await self.sync_services()

    def _set_status(self, key: Key, container: Object, field_name: str, state: Object, ready: bool) -> None:
        def change(pod: Object) -> None:
            running = self.pods.get(key)
            status = pod.setdefault("status", {})
            entries = status.setdefault(field_name, [])
            entry = next((e for e in entries if e["name"] == container["name"]), None)
            if entry is None:
                entry = {"name": container["name"], "restartCount": 0, "lastState": {}, "image": container["image"]}
                entries.append(entry)
            entry.update(state=state, ready=ready, imageID="")
            if running and "running" in state and field_name == "containerStatuses":
                status.update(phase="Running", podIP=running.address, podIPs=[{"ip": running.address}])
                status.update(hostIP=self._node[running.node].address, startTime=now())
            if field_name == "containerStatuses":
                status["conditions"] = [objects.ready_condition(all(e["ready"] for e in entries))]
                if "terminated" in state and pod["spec"].get("restartPolicy") == "Never":
                    status["phase"] = "Succeeded" if state["terminated"]["exitCode"] == 0 else "Failed"

        self.store.edit("pods", *key, change)

    # --- what the API asks for

    async def add_ephemeral(self, key: Key, container: Object) -> None:
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        self._set_status(key, container, "ephemeralContainerStatuses", waiting, ready=False)
        await asyncio.sleep(CREATING_S)
        if key in self.pods:
            await self._start_container(key, container, "ephemeralContainerStatuses")

    async def run_new_pod(self, key: Key) -> None:
        pod = self.store.get("pods", *key)
        if pod is None:
            return
        for container in pod["spec"]["containers"]:
            waiting = {"waiting": {"reason": "ContainerCreating"}}
            self._set_status(key, container, "containerStatuses", waiting, ready=False)
        await asyncio.sleep(CREATING_S)
        if self.store.get("pods", *key) is None:
            return
        await self.start_pod(pod)
        await self.start_main(key)

    async def delete_pod(self, key: Key) -> None:
        running = self.pods.pop(key, None)
        self.store.remove("pods", *key)
        if running is None:
            return
        for process in running.containers.values():
            if process.returncode is None:
                process.kill()
        for name in running.containers:
            running.end_execs(name)
        if not running.host_network:
            await running.sandbox.stop()
        await self.sync_services()

    def exec_argv(self, key: Key, container_name: str, argv: Sequence[str]) -> list[str]:
        """`argv` wrapped to run in a container; LabError where that container does not run."""
        pod, running = self.store.get("pods", *key), self.pods.get(key)
        process = running.containers.get(container_name) if running else None
        if pod is None or running is None or process is None or process.returncode is not None:
            raise LabError(f'container "{container_name}" is not running')
        every = [*pod["spec"]["containers"], *pod["spec"].get("ephemeralContainers", ())]
        container = next(c for c in every if c["name"] == container_name)
        return running.sandbox.inside(confine(container.get("securityContext") or {}) + list(argv))

    def running_exec(self, key: Key, container_name: str, process: Process) -> None:
        """Remember a command that was exec'd into a container."""
        commands = self.pods[key].execs.setdefault(container_name, set())
        commands.difference_update({p for p in commands if p.returncode is not None})
        commands.add(process)

    # --- holding a container down, for faults

    def hold(self, namespace: str, app: str) -> None:
        """Kill the pods of an app and keep them down until `release`."""
        for key in self._keys_of(namespace, app):
            self._held.add(key)
            for process in self.pods[key].containers.values():
                with contextlib.suppress(ProcessLookupError):
                    process.kill()

    def release(self, namespace: str, app: str) -> None:
        self._held.difference_update(self._keys_of(namespace, app))

    def _keys_of(self, namespace: str, app: str) -> list[Key]:
        found = []
        for pod in self.store.items("pods", namespace):
            labels = pod["metadata"].get("labels", {})
            if app in (labels.get("app"), labels.get("k8s-app")):
                found.append((namespace, pod["metadata"]["name"]))
        return found

    # --- Services

    async def sync_services(self) -> None:
        """EndpointSlices from pod statuses; NAT rules on each node for every endpoint that exists.

        A dead endpoint keeps its rule for as long as its pod exists, as it does for a while on a real
        cluster until a readiness probe has failed often enough.
        """
        backends: list[Backend] = []
        zones = {node.name: node.zone for node in self.topology.nodes}
        for service in self.topology.services:
            endpoints = self._endpoints(service)
            self._put_slice(service, endpoints, zones)
            for _, protocol, port, target in service.ports:
                targets = tuple((e.address, target) for e in endpoints)
                backends.append(Backend(service, protocol, port, targets))
        await asyncio.gather(*(network.apply_services(s, backends) for s in self.nodes.values()))

    def _endpoints(self, service: Service) -> list[objects.Endpoint]:
        found = []
        for key in self._keys_of(service.namespace, service.selector):
            pod, running = self.store.get("pods", *key), self.pods.get(key)
            if pod is None or running is None:
                continue
            conditions: list[dict[str, Any]] = pod.get("status", {}).get("conditions", [])
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            found.append(objects.Endpoint(pod, running.address, ready))
        return found

    def _put_slice(self, service: Service, endpoints: list[objects.Endpoint], zones: dict[str, str]) -> None:
        item = objects.endpoint_slice(service, endpoints, zones)
        known = self.store.get("endpointslices", service.namespace, item["metadata"]["name"])
        if known is None:
            self.store.put("endpointslices", item)
        elif known["endpoints"] != item["endpoints"]:
            item["metadata"] = dict(known["metadata"])
            self.store.put("endpointslices", item)


def _count_restart(pod: Object) -> None:
    for entry in pod["status"]["containerStatuses"]:
        entry["restartCount"] += 1
