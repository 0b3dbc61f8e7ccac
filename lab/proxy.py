"""Service translation on each node with nftables, made from Services and EndpointSlices as
kube-proxy makes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.api.store import Object, ObjectStore
from lab.network import Sandbox, run
from lab.topology import Node

FORGET = Path(__file__).with_name("forget_udp.py")
MASQUERADE = 0x4000  # kube-proxy's mark


@dataclass(slots=True)
class Behaviour:
    """What a fault may remove from a well-behaved kube-proxy."""

    drop_invalid: bool = True  # packets that conntrack cannot place: k8s 74839
    forget_udp: bool = True  # entries to endpoints that are gone: k8s 125467
    hairpin: bool = True  # source translation of a pod that reaches itself


@dataclass(frozen=True, slots=True)
class ProxyEndpoint:
    address: str
    port: int
    node: str


@dataclass(frozen=True, slots=True)
class ProxyTarget:
    """One port of a Service and the endpoints that may answer it."""

    name: str
    address: str
    protocol: str
    port: int
    node_port: int
    external_local: bool
    internal_local: bool
    endpoints: tuple[ProxyEndpoint, ...]


def targets(store: ObjectStore) -> list[ProxyTarget]:
    slices: dict[tuple[str, str], list[Object]] = {}
    for item in store.items("endpointslices"):
        name = item["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
        slices.setdefault((item["metadata"]["namespace"], name), []).append(item)
    found = []
    for service in store.items("services"):
        metadata, spec = service["metadata"], service["spec"]
        if spec.get("clusterIP", "None") == "None" or "synthetic" in metadata.get("labels", {}):
            continue
        name = f"{metadata['namespace']}/{metadata['name']}"
        mine = slices.get((metadata["namespace"], metadata["name"]), [])
        for port in spec.get("ports", ()):
            found.append(
                ProxyTarget(
                    name=name,
                    address=spec["clusterIP"],
                    protocol=port.get("protocol", "TCP").lower(),
                    port=int(port["port"]),
                    node_port=int(port.get("nodePort") or 0),
                    external_local=spec.get("externalTrafficPolicy") == "Local",
                    internal_local=spec.get("internalTrafficPolicy") == "Local",
                    endpoints=tuple(_endpoints(mine, port.get("name", ""))),
                )
            )
    return found


def _endpoints(slices: Iterable[Object], port_name: str) -> list[ProxyEndpoint]:
    """Ready endpoints; where there is none, those that still serve while they end."""
    ready, serving = [], []
    for item in slices:
        number: int | None = next(
            (p.get("port") for p in item.get("ports") or () if p.get("name", "") == port_name), None
        )
        for endpoint in item.get("endpoints") or () if number is not None else ():
            conditions = endpoint.get("conditions", {})
            made = ProxyEndpoint(
                endpoint["addresses"][0], number or 0, endpoint.get("nodeName", "")
            )
            if conditions.get("ready", True):
                ready.append(made)
            elif conditions.get("serving") and conditions.get("terminating"):
                serving.append(made)
    return ready or serving


def _translate(endpoints: Sequence[ProxyEndpoint]) -> str:
    choices = ", ".join(f"{i} : {e.address} . {e.port}" for i, e in enumerate(endpoints))
    return f"dnat to numgen random mod {len(endpoints)} map {{ {choices} }}"


def rules(node: Node, wanted: Sequence[ProxyTarget], behaviour: Behaviour) -> str:
    """A node's Service translation as an nft script that replaces what was there."""
    nat, refused, dropped = [], [], []
    for target in wanted:
        place = f"ip daddr {target.address} {target.protocol} dport {target.port}"
        local = [e for e in target.endpoints if e.node == node.name]
        inside = local if target.internal_local else list(target.endpoints)
        if inside:
            nat.append(f"{place} {_translate(inside)}")
        elif target.endpoints:
            dropped.append(f"{place} counter drop")
        else:
            refused.append(f"{place} counter reject")
        if target.node_port:
            outside = f"ip daddr {node.address} {target.protocol} dport {target.node_port}"
            if target.external_local:
                if local:
                    nat.append(f"{outside} {_translate(local)}")
                else:
                    dropped.append(f"{outside} counter drop")
            elif target.endpoints:
                mark = f"meta mark set meta mark or {MASQUERADE:#x}"
                nat.append(f"{outside} {mark} {_translate(target.endpoints)}")
            else:
                refused.append(f"{outside} counter reject")
    addresses = (
        sorted({e.address for t in wanted for e in t.endpoints}) if behaviour.hairpin else []
    )
    hairpins = ", ".join(f"{a} . {a}" for a in addresses) or "192.0.2.1 . 192.0.2.1"
    invalid = "    ct state invalid counter drop\n" if behaviour.drop_invalid else ""
    return f"""table ip services
delete table ip services
table ip services {{
  chain translate {{
{_body(nat)}  }}
  chain refuse {{
{_body(refused)}{_body(dropped)}  }}
  chain prerouting {{ type nat hook prerouting priority dstnat; policy accept; jump translate; }}
  chain output {{ type nat hook output priority -100; policy accept; jump translate; }}
  chain early {{ type filter hook prerouting priority -110; policy accept;
    ct state new jump drops; }}
  chain drops {{
{_body(dropped)}  }}
  chain forward {{ type filter hook forward priority -5; policy accept;
{invalid}    ct state new jump refuse
  }}
  chain own {{ type filter hook output priority -5; policy accept; ct state new jump refuse; }}
  chain input {{ type filter hook input priority -5; policy accept; ct state new jump refuse; }}
  set hairpin {{ type ipv4_addr . ipv4_addr; elements = {{ {hairpins} }}; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept;
    ip saddr . ip daddr @hairpin masquerade
    meta mark & {MASQUERADE:#x} != 0 masquerade
  }}
}}
"""


def _body(lines: Iterable[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


class Proxy:
    """kube-proxy of every node."""

    def __init__(self, store: ObjectStore, nodes: Sequence[tuple[Node, Sandbox]]) -> None:
        self.store = store
        self.behaviour = Behaviour()
        self._nodes = nodes
        self._loaded: dict[str, str] = {}
        self._udp: dict[str, set[str]] = {}

    async def sync(self) -> None:
        """Load what has changed; LabError where nft refuses it."""
        wanted = targets(self.store)
        gone = self._vanished(wanted)
        for node, sandbox in self._nodes:
            script = rules(node, wanted, self.behaviour)
            if script != self._loaded.get(node.name):
                await run(sandbox.inside(["nft", "-f", "-"]), script)
                self._loaded[node.name] = script
            if gone and self.behaviour.forget_udp:
                await run(sandbox.inside([sys.executable, "-I", "-S", str(FORGET), *gone]))

    def _vanished(self, wanted: Sequence[ProxyTarget]) -> list[str]:
        """Cluster IPs of UDP Services that have lost an endpoint since the last time."""
        now = {t.address: {e.address for e in t.endpoints} for t in wanted if t.protocol == "udp"}
        gone = [
            address for address, before in self._udp.items() if before - now.get(address, set())
        ]
        self._udp = now
        return gone
