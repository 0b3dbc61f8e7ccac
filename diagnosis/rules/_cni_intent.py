"""What a CNI's configuration asks for between nodes: native routing, or an overlay.

Facts: docs/reference/mtu.md.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

from collectors.frozen import frozen
from diagnosis.node_routes import network
from diagnosis.snapshot import Snapshot

Reach = Literal["always", "subnet"]  # native everywhere, or between nodes of one subnet


@frozen
class NativeRouting:
    """`setting` as it is written, `source` the object that it is in."""

    reach: Reach
    cni: str
    setting: str
    source: str


def native_routing(snapshot: Snapshot, pod: str) -> NativeRouting | None:
    """Where the configuration asks for native routing to a pod's address; None if it does not."""
    rows = {row.name: (dict(row.values), row.source) for row in snapshot.settings}
    if found := rows.get("calico ippools"):
        return _calico(*found, pod=pod)
    for name, read in (("flannel", _flannel), ("cilium", _cilium), ("antrea", _antrea)):
        if (found := rows.get(name)) and (asked := read(*found)):
            return asked
    return None


def _flannel(values: dict[str, str], source: str) -> NativeRouting | None:
    kind = values.get("Backend.Type", "")
    if kind == "host-gw":
        return NativeRouting("always", "flannel", "Backend.Type host-gw", source)
    if kind in ("vxlan", "ipip") and values.get("Backend.DirectRouting") == "true":
        return NativeRouting("subnet", "flannel", "Backend.DirectRouting true", source)
    return None


def _cilium(values: dict[str, str], source: str) -> NativeRouting | None:
    if values.get("routing-mode") == "native":
        return NativeRouting("always", "Cilium", "routing-mode native", source)
    if values.get("tunnel") == "disabled":
        return NativeRouting("always", "Cilium", "tunnel disabled", source)
    return None


def _antrea(values: dict[str, str], source: str) -> NativeRouting | None:
    mode = values.get("trafficEncapMode", "")
    if mode == "noEncap":
        return NativeRouting("always", "Antrea", f"trafficEncapMode {mode}", source)
    if mode == "hybrid":
        return NativeRouting("subnet", "Antrea", f"trafficEncapMode {mode}", source)
    return None


def _calico(values: dict[str, str], source: str, pod: str) -> NativeRouting | None:
    """By the IP pool that the pod's address is of."""
    address = ip_address(pod)
    for name in sorted({key.rpartition(".")[0] for key in values}):
        cidr = network(values.get(f"{name}.cidr", ""))
        if cidr is None or cidr.version != address.version or address not in cidr:
            continue
        modes = {mode: values.get(f"{name}.{mode}", "Never") for mode in ("ipipMode", "vxlanMode")}
        if "Always" in modes.values():
            return None
        setting = f"pool {name}: " + ", ".join(f"{mode} {value}" for mode, value in modes.items())
        reach: Reach = "subnet" if "CrossSubnet" in modes.values() else "always"
        return NativeRouting(reach, "Calico", setting, source)
    return None
