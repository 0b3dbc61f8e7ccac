"""Builds the lab's network: an underlay bridge, a VXLAN overlay, a veth a pod.

Each node and each pod is a `pause` process (sandbox.py) whose namespaces are entered by process id,
so that nothing is named on the host and everything goes when the lab's process namespace ends.
"""

from __future__ import annotations

import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from lab.topology import OVERLAY_MTU, OVERLAY_PORT, OVERLAY_VNI, UNDERLAY_PREFIX, Node

SANDBOX = Path(__file__).with_name("sandbox.py")
IP_BATCH = ("ip", "-batch", "-")
UNDERLAY = "underlay0"
OUTSIDE = "10.0.77.1"
OUTSIDE6, UNDERLAY_PREFIX6 = "fd00:77::1", 64
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

# nothing is announced or redirected: a redirect would lead pods past the node's rules
IPV6_SYSCTLS = {
    f"net/ipv6/conf/{scope}/{key}": value
    for scope in ("all", "default")
    for key, value in (
        ("disable_ipv6", "0"),
        ("accept_dad", "0"),
        ("accept_ra", "0"),
        ("accept_redirects", "0"),
    )
}


class LabError(Exception):
    """A lab command failed; the message says which and what it answered."""


async def run(argv: Sequence[str], stdin: str | None = None) -> str:
    """Run a command to its end and return its output; LabError with its own words where it
    fails."""
    given = DEVNULL if stdin is None else PIPE
    process = await create_subprocess_exec(*argv, stdin=given, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate(None if stdin is None else stdin.encode())
    if process.returncode != 0:
        said = err.decode().strip()[:500]
        raise LabError(f"`{' '.join(argv)}` ended with {process.returncode}: {said}")
    return out.decode()


async def run_batch(argv: Sequence[str], lines: Iterable[str]) -> None:
    """Of commands that read lines, as `ip -batch -` does."""
    await run(argv, "".join(f"{line}\n" for line in lines))


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
        await run_batch(self.inside(IP_BATCH), lines)

    async def load_rules(self, script: str) -> None:
        """An nft script; LabError where it is refused."""
        await run(self.inside(["nft", "-f", "-"]), script)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def make_sandbox(name: str, files: Path | None) -> Sandbox:
    argv = [sys.executable, "-I", "-S", str(SANDBOX), name, *([str(files)] if files else [])]
    process = await create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None and process.stderr is not None
    if await process.stdout.readline() != b"ready\n":
        reason = (await process.stderr.read()).decode().strip().splitlines()[-1:]
        raise LabError(f"the sandbox {name} could not be made: {' '.join(reason)}")
    return Sandbox(name, process)


def bridge_mac(address: str) -> str:
    """A link-layer address of a bridge's own, made of its IP address."""
    return "02:58:" + ":".join(f"{int(part):02x}" for part in address.split("."))


async def make_underlay(*, dual_stack: bool = False) -> None:
    """The network between the nodes. The lab's own namespace stands on it, as a client outside of
    the cluster."""
    lines = [
        "link set lo up",
        f"link add {UNDERLAY} address {bridge_mac(OUTSIDE)} type bridge",
        f"addr add {OUTSIDE}/{UNDERLAY_PREFIX} dev {UNDERLAY}",
        f"link set {UNDERLAY} up",
    ]
    if dual_stack:
        lines.append(f"addr add {OUTSIDE6}/{UNDERLAY_PREFIX6} dev {UNDERLAY} nodad")
    await run_batch(IP_BATCH, lines)


async def wire_node(node: Node, sandbox: Sandbox, peers: Sequence[Node]) -> None:
    """Give a node its underlay link, its pod bridge and its VXLAN device with static peers, as
    flannel does."""
    await run_batch(IP_BATCH, _underlay_link(node, sandbox))
    await _set(sandbox, _node_sysctls(node))
    lines = [*_node_lines(node), *(line for peer in peers for line in _peer_lines(peer))]
    await sandbox.ip([*lines, *(_lines6(node, peers) if node.address6 else ())])
    await run_batch(sandbox.inside(["bridge", "-batch", "-"]), map(_forwarding, peers))


def _underlay_link(node: Node, sandbox: Sandbox) -> Iterator[str]:
    link = f"u-{node.name}"
    yield f"link add {link} type veth peer name eth0 netns {sandbox.pid}"
    yield f"link set {link} master {UNDERLAY} up"


def _node_sysctls(node: Node) -> dict[str, str]:
    if not node.address6:
        return NODE_SYSCTLS
    return {**NODE_SYSCTLS, **IPV6_SYSCTLS, "net/ipv6/conf/all/forwarding": "1"}


def _node_lines(node: Node) -> list[str]:
    return [
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


def _peer_lines(peer: Node) -> Iterator[str]:
    """The overlay's neighbour and route for another node."""
    yield f"neigh add {peer.vtep} lladdr {peer.vtep_mac} dev flannel.1 nud permanent"
    yield f"route add {peer.pod_cidr} via {peer.vtep} dev flannel.1 onlink"


def _forwarding(peer: Node) -> str:
    return f"fdb append {peer.vtep_mac} dev flannel.1 dst {peer.address}"


async def _set(sandbox: Sandbox, sysctls: dict[str, str]) -> None:
    """Those that this kernel has."""
    await run_batch(sandbox.inside(["sh", "-s"]), starmap(_set_line, sysctls.items()))


def _set_line(name: str, value: str) -> str:
    return f"[ ! -e /proc/sys/{name} ] || echo {value} > /proc/sys/{name}"


def _lines6(node: Node, peers: Iterable[Node]) -> Iterator[str]:
    """A node's addresses and routes of IPv6; the overlay's frames go over IPv4 as the others."""
    yield f"addr add {node.address6}/{UNDERLAY_PREFIX6} dev eth0 nodad"
    yield f"route add default via {OUTSIDE6} dev eth0"
    yield f"addr add {node.gateway6}/64 dev cni0 nodad"
    yield f"addr add {node.vtep6}/128 dev flannel.1 nodad"
    for peer in peers:
        yield f"neigh add {peer.vtep6} lladdr {peer.vtep_mac} dev flannel.1 nud permanent"
        yield f"route add {peer.pod_cidr6} via {peer.vtep6} dev flannel.1 onlink"


async def wire_pod(
    node: Node,
    node_sandbox: Sandbox,
    pod: Sandbox,
    *,
    addresses: Sequence[str],
    link: str,
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
            f"addr add {addresses[0]}/32 dev eth0",
            "link set eth0 up",
            f"route add {node.gateway} dev eth0 scope link",
            f"route add default via {node.gateway} dev eth0",
        ]
    )
    for address in addresses[1:]:
        await _set(pod, IPV6_SYSCTLS)
        await pod.ip(
            [
                f"addr add {address}/128 dev eth0 nodad",
                f"route add {node.gateway6} dev eth0",
                f"route add default via {node.gateway6} dev eth0",
            ]
        )
