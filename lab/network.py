"""Builds the lab's network: an underlay bridge, a VXLAN overlay, a veth a pod.

Each node and each pod is a `pause` process (sandbox.py) whose namespaces are entered by process id,
so that nothing is named on the host and everything goes when the lab's process namespace ends.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.topology import OVERLAY_MTU, OVERLAY_PORT, OVERLAY_VNI, UNDERLAY_PREFIX, Node

SANDBOX = Path(__file__).with_name("sandbox.py")
UNDERLAY = "underlay0"
OUTSIDE = "10.0.77.1"
NODE_SYSCTLS = {
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait": "3600",
}


class LabError(Exception):
    """A lab command failed; the message says which and what it answered."""


async def run(argv: Sequence[str], stdin: str | None = None) -> str:
    """Run a command to its end and return its output; LabError with its own words where it
    fails."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=PIPE if stdin is not None else DEVNULL, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate(stdin.encode() if stdin is not None else None)
    if process.returncode != 0:
        raise LabError(
            f"`{' '.join(argv)}` ended with {process.returncode}: {err.decode().strip()[:500]}"
        )
    return out.decode()


@dataclass(slots=True)
class Sandbox:
    """Namespaces held by a sleeping process."""

    name: str
    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    def inside(self, argv: Sequence[str]) -> list[str]:
        """`argv` as a command that runs in this sandbox; it keeps its process id, so a kill reaches
        it."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--", *argv]

    async def ip(self, lines: Iterable[str]) -> None:
        await run(self.inside(["ip", "-batch", "-"]), "\n".join(lines) + "\n")

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def make_sandbox(name: str, files: Path | None) -> Sandbox:
    argv = [sys.executable, "-I", "-S", str(SANDBOX), name]
    if files is not None:
        argv.append(str(files))
    process = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None and process.stderr is not None
    if await process.stdout.readline() != b"ready\n":
        reason = (await process.stderr.read()).decode().strip().splitlines()[-1:]
        raise LabError(f"the sandbox {name} could not be made: {' '.join(reason)}")
    return Sandbox(name, process)


def bridge_mac(address: str) -> str:
    """A link-layer address of a bridge's own, made of its IP address."""
    return "02:58:" + ":".join(f"{int(part):02x}" for part in address.split("."))


async def make_underlay() -> None:
    """The network between the nodes. The lab's own namespace stands on it, as a client outside of
    the cluster."""
    lines = (
        "link set lo up",
        f"link add {UNDERLAY} address {bridge_mac(OUTSIDE)} type bridge",
        f"addr add {OUTSIDE}/{UNDERLAY_PREFIX} dev {UNDERLAY}",
        f"link set {UNDERLAY} up",
    )
    await run(["ip", "-batch", "-"], "\n".join(lines) + "\n")


async def wire_node(node: Node, sandbox: Sandbox, peers: Iterable[Node]) -> None:
    """Give a node its underlay link, its pod bridge and its VXLAN device with static peers, as
    flannel does."""
    link = f"u-{node.name}"
    await run(
        ["ip", "-batch", "-"],
        f"link add {link} type veth peer name eth0 netns {sandbox.pid}\nlink set {link} master "
        f"{UNDERLAY} up\n",
    )
    settings = "".join(
        f"[ ! -e /proc/sys/{k} ] || echo {v} > /proc/sys/{k}\n" for k, v in NODE_SYSCTLS.items()
    )
    await run(sandbox.inside(["sh", "-s"]), settings)
    lines = [
        "link set lo up",
        f"addr add {node.address}/{UNDERLAY_PREFIX} dev eth0",
        "link set eth0 up",
        f"route add default via {OUTSIDE} dev eth0",
        # an address of its own, as the CNI plugin gives it: else it has the lowest of its ports',
        # which changes as pods come and go, and other pods' neighbour entries for their gateway are
        # wrong for a while
        f"link add cni0 address {bridge_mac(node.gateway)} type bridge",
        f"addr add {node.gateway}/24 dev cni0",
        f"link set cni0 mtu {OVERLAY_MTU} up",
        f"link add flannel.1 address {node.vtep_mac} mtu {OVERLAY_MTU} type vxlan id {OVERLAY_VNI}"
        f" local {node.address} dev eth0 dstport {OVERLAY_PORT} nolearning",
        f"addr add {node.vtep}/32 dev flannel.1",
        "link set flannel.1 up",
    ]
    forwarding = []
    for peer in peers:
        lines += [
            f"neigh add {peer.vtep} lladdr {peer.vtep_mac} dev flannel.1 nud permanent",
            f"route add {peer.pod_cidr} via {peer.vtep} dev flannel.1 onlink",
        ]
        forwarding.append(f"fdb append {peer.vtep_mac} dev flannel.1 dst {peer.address}")
    await sandbox.ip(lines)
    await run(sandbox.inside(["bridge", "-batch", "-"]), "\n".join(forwarding) + "\n")


async def wire_pod(
    node: Node, node_sandbox: Sandbox, pod: Sandbox, address: str, link: str
) -> None:
    """Join a pod to its node. The pod routes everything through the node, so Service replies are
    translated."""
    await node_sandbox.ip(
        [
            f"link add {link} mtu {OVERLAY_MTU} type veth peer name eth0 mtu {OVERLAY_MTU} "
            f"netns {pod.pid}",
            f"link set {link} master cni0 up",
            f"link set {link} type bridge_slave hairpin on",
        ]
    )
    await pod.ip(
        [
            "link set lo up",
            f"addr add {address}/32 dev eth0",
            "link set eth0 up",
            f"route add {node.gateway} dev eth0 scope link",
            f"route add default via {node.gateway} dev eth0",
        ]
    )
