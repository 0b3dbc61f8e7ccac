"""The sandboxes that pods run in: the node's, or one of their own with a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab import network
from lab.api.metadata import name_of, node_of, uid_of
from lab.api.store import Object
from lab.network import Sandbox
from lab.pod_addresses import PodAddresses, of_both_families
from lab.resolver_files import resolver_files
from lab.running_pods import RunningPod
from lab.topology import Node


class PodSandboxes:
    """`sandboxes` are those of the nodes."""

    def __init__(
        self, nodes: Sequence[Node], sandboxes: Mapping[str, Sandbox], files: Path
    ) -> None:
        self.addresses = PodAddresses(nodes)
        self._nodes = {node.name: node for node in nodes}
        self._sandboxes = sandboxes
        self._files = files

    def of_node(self, pod: Object) -> RunningPod:
        """For a pod in its node's network."""
        node = self._nodes[node_of(pod)]
        return RunningPod(uid_of(pod), self._sandboxes[node.name], node, node.addresses, True)

    async def make(self, pod: Object, twin: str) -> RunningPod:
        """`twin` is the address of another pod that this one has as well, if any."""
        node = self._nodes[node_of(pod)]
        sandbox = await network.make_sandbox(name_of(pod), resolver_files(pod, self._files))
        address = twin or self.addresses.new(node)
        running = RunningPod(uid_of(pod), sandbox, node, of_both_families(node, address), False)
        await self._wire(running, _link_name(address) + ("t" if twin else ""))
        return running

    async def _wire(self, pod: RunningPod, link: str) -> None:
        on = self._sandboxes[pod.node.name]
        await network.wire_pod(pod.node, on, pod.sandbox, addresses=pod.addresses, link=link)


def _link_name(address: str) -> str:
    """The node's end of a pod's link."""
    return "veth" + address.replace(".", "")[-8:]
