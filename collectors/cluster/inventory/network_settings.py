"""How the cluster's network is configured: the settings of the CNI and kube-proxy.

Pure readers of the objects, and one that gathers them. Only the settings that decide how packets
travel are kept, with the names that their documentation uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import yaml

from collectors.cluster.api.connection import Cluster
from collectors.cluster.api.exec_stream import ExecRunner
from collectors.command_runner import run
from collectors.errors import ClusterError, Forbidden, NotFound, PodwireError
from collectors.events import InventoryList, SettingsRow
from collectors.sanitize import sanitize
from collectors.stream import Stream
from collectors.yaml_errors import YAML_ERRORS

KIND = "networking"
OFTEN_S, EVERY_S = 15.0, 300.0
Object = Mapping[str, Any]
Values = dict[str, str]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return sanitize(str(value), 200) if isinstance(value, (str, int, float)) else ""


def _picked(found: object, names: Iterable[str]) -> Values:
    """Of a mapping the values of some names, as text; those that are not there are left out."""
    source = found if isinstance(found, Mapping) else {}
    return {name: text for name in names if (text := _value(source.get(name)))}


def _mapping(item: Object, name: str) -> Object:
    found = item.get(name)
    return found if isinstance(found, Mapping) else {}


def _yaml(text: object) -> Object:
    try:
        found = yaml.safe_load(text) if isinstance(text, str) else {}
    except YAML_ERRORS:
        return {}
    return found if isinstance(found, Mapping) else {}


# --- one reader an object

FLANNEL = ("Network", "IPv6Network", "EnableNFTables")
FLANNEL_BACKEND = ("Type", "DirectRouting", "MTU", "Port")
CALICO = ("calico_backend", "veth_mtu")
IP_POOL = ("cidr", "ipipMode", "vxlanMode", "natOutgoing", "disabled")
FELIX = (
    "bpfEnabled",
    "wireguardEnabled",
    "vxlanEnabled",
    "ipipEnabled",
    "mtuIfacePattern",
    "bpfKubeProxyIptablesCleanupEnabled",
    "vxlanMTU",
    "ipipMTU",
    "wireguardMTU",
)
CILIUM = (
    "routing-mode",
    "tunnel",
    "tunnel-protocol",
    "auto-direct-node-routes",
    "ipv4-native-routing-cidr",
    "kube-proxy-replacement",
    "enable-ipv4-masquerade",
    "enable-bpf-masquerade",
    "enable-ipv4-big-tcp",
    "enable-ipv6-big-tcp",
    "enable-bandwidth-manager",
    "enable-host-legacy-routing",
    "mtu",
    "enable-wireguard",
    "datapath-mode",
    "bpf-lb-sock",
    "bpf-lb-mode",
    "bpf-ct-global-tcp-max",
    "bpf-ct-global-any-max",
    "bpf-nat-global-max",
    "bpf-map-dynamic-size-ratio",
    "bpf-policy-map-max",
    "bpf-lb-map-max",
    "enable-endpoint-routes",
)
ANTREA = ("trafficEncapMode", "tunnelType", "noSNAT", "defaultMTU", "trafficEncryptionMode")
PROXY_PARTS = ("iptables", "nftables", "ipvs", "conntrack")
PROXY_PART = (
    "masqueradeAll",
    "minSyncPeriod",
    "syncPeriod",
    "scheduler",
    "strictARP",
    "maxPerCore",
    "min",
    "tcpBeLiberal",
)


def flannel(item: Object) -> Values:
    """`net-conf.json` of flannel's ConfigMap (flannel: Documentation/backends.md)."""
    found = _json(_mapping(item, "data").get("net-conf.json") or "{}")
    backend = _picked(found.get("Backend"), FLANNEL_BACKEND)
    return _picked(found, FLANNEL) | _prefixed("Backend", backend)


def _json(text: Any) -> Object:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _prefixed(prefix: str, values: Values) -> Values:
    return {f"{prefix}.{name}": text for name, text in values.items()}


def calico(item: Object) -> Values:
    """The ConfigMap calico-config of a manifest install."""
    return _picked(_mapping(item, "data"), CALICO)


def ip_pools(item: Object) -> Values:
    """Calico's IPPools, each by its name: `default-ipv4-ippool.ipipMode`."""
    values: Values = {}
    for pool in _items(item):
        name = _value(_mapping(pool, "metadata").get("name"))
        values |= _prefixed(name, _picked(pool.get("spec"), IP_POOL))
    return values


def felix(item: Object) -> Values:
    return _picked(item.get("spec"), FELIX)


def cilium(item: Object) -> Values:
    """The ConfigMap cilium-config (cilium: Documentation/cmdref/cilium-agent)."""
    return _picked(_mapping(item, "data"), CILIUM)


def antrea(item: Object) -> Values:
    return _picked(_yaml(_mapping(item, "data").get("antrea-agent.conf")), ANTREA)


def kube_proxy(item: Object) -> Values:
    """KubeProxyConfiguration; an empty mode is iptables on Linux."""
    found = _yaml(_mapping(item, "data").get("config.conf"))
    if not found:
        return {}
    values = {"mode": _value(found.get("mode")) or "iptables", **_picked(found, ("clusterCIDR",))}
    for part in PROXY_PARTS:
        values |= _prefixed(part, _picked(found.get(part), PROXY_PART))
    return values


def _items(item: Object) -> Iterator[Object]:
    found = item.get("items")
    yield from (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()


SettingsPlace = tuple[str, str]  # path, and what to call it


def _config_map(namespace: str, name: str) -> SettingsPlace:
    return (
        f"/api/v1/namespaces/{namespace}/configmaps/{name}",
        f"configmap {namespace}/{name}",
    )


CALICO_API = "/apis/crd.projectcalico.org/v1"
# What has settings, where they may be, and how they are read. The first place that answers counts.
SOURCES: tuple[tuple[str, tuple[SettingsPlace, ...], Callable[[Object], Values]], ...] = (
    (
        "flannel",
        (
            _config_map("kube-flannel", "kube-flannel-cfg"),
            _config_map("kube-system", "kube-flannel-cfg"),
        ),
        flannel,
    ),
    ("calico", (_config_map("kube-system", "calico-config"),), calico),
    (
        "calico ippools",
        ((f"{CALICO_API}/ippools", "ippools.crd.projectcalico.org"),),
        ip_pools,
    ),
    (
        "calico felix",
        ((f"{CALICO_API}/felixconfigurations/default", "felixconfiguration default"),),
        felix,
    ),
    (
        "cilium",
        (_config_map("kube-system", "cilium-config"), _config_map("cilium", "cilium-config")),
        cilium,
    ),
    ("antrea", (_config_map("kube-system", "antrea-config"),), antrea),
    ("kube-proxy", (_config_map("kube-system", "kube-proxy"),), kube_proxy),
)


def row(name: str, source: str, values: Values) -> SettingsRow:
    return SettingsRow(name, source, tuple(sorted(values.items())))


async def read(cluster: Cluster, only: Collection[str] = ()) -> tuple[list[SettingsRow], str]:
    """What is configured, and why something could not be read ('' where all could).

    `only` are the sources to look at (default: every place). ClusterError where the server does
    not answer.
    """
    rows, refused = [], ""
    for name, places, reader in SOURCES:
        for path, source in places:
            if only and source not in only:
                continue
            try:
                item = await cluster.rest.get(path, what=f"reading {source}")
            except NotFound:
                continue
            except Forbidden as error:
                refused = refused or str(error)
                continue
            values = await asyncio.to_thread(reader, item)
            if values:
                rows.append(row(name, source, values))
            break
    return rows, refused


# --- what Cilium's agent really does

STATUS = (
    "KubeProxyReplacement",
    "Routing",
    "Masquerading",
    "BandwidthManager",
    "IPv4 BIG TCP",
    "IPv6 BIG TCP",
    "Encryption",
    "Cluster health",
    "Host firewall",
    "Attach Mode",
    "Device Mode",
)
_LINE = re.compile(r"^([A-Z][\w /-]*?):[ \t]+(\S.*)$", re.MULTILINE)
_PRESSURE = re.compile(
    r'^cilium_bpf_map_pressure\s+\S*map_name="([\w-]+)"\S*\s+([\d.eE+-]+)\s*$', re.MULTILINE
)
ASK = (
    "c=$(command -v cilium-dbg || command -v cilium) || exit 127; "
    '"$c" status --verbose; "$c" metrics list -p bpf_map_pressure 2>/dev/null'
)
SECONDS = 20.0


def cilium_status(text: str) -> Values:
    """`cilium-dbg status --verbose` and its metrics of maps: `Routing`, `map pressure ct4`."""
    found = {name: sanitize(value, 200) for name, value in _LINE.findall(text) if name in STATUS}
    return found | {
        f"map pressure {name}": sanitize(value, 20) for name, value in _PRESSURE.findall(text)
    }


async def cilium_agent(cluster: Cluster, source: str) -> SettingsRow | None:
    """What an agent says of itself; None where none can be asked. Only reads."""
    namespace = source.partition(" ")[2].partition("/")[0]
    try:
        name = await _running_agent(cluster, namespace)
        if not name:
            return None
        agent = ExecRunner(cluster, namespace, name, "cilium-agent")
        done = await run(agent, ["sh", "-c", ASK], timeout=SECONDS)
    except PodwireError:
        return None
    values = cilium_status(done.out.decode("utf-8", "replace"))
    if not values:
        return None
    return row("cilium status", f"cilium-dbg status --verbose in {namespace}/{name}", values)


async def _running_agent(cluster: Cluster, namespace: str) -> str:
    """The name of an agent's pod, '' where none runs."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    what = "listing Cilium's agents"
    listed = await cluster.rest.get(path, what=what, labelSelector="k8s-app=cilium", limit=10)
    for pod in _items(listed):
        if _mapping(pod, "status").get("phase") == "Running":
            return _value(_mapping(pod, "metadata").get("name"))
    return ""


async def follow(cluster: Cluster, session: Stream) -> None:
    """Publishes the settings until cancelled: what is there is read often, what may be elsewhere,
    and what agents say, seldom."""
    known: list[SettingsRow] = []
    agents: list[SettingsRow] = []
    looked = -EVERY_S
    while True:
        with contextlib.suppress(ClusterError):  # the inventory says it
            everything = time.monotonic() - looked >= EVERY_S
            rows, refused = await read(cluster, () if everything else [row.source for row in known])
            if everything:
                looked = time.monotonic()
                agents = await _agents(cluster, rows)
            if rows != known or everything:
                known = rows
                reason = "" if rows else refused
                session.publish(InventoryList(time.time(), "", KIND, (*rows, *agents), reason))
        await asyncio.sleep(OFTEN_S)


async def _agents(cluster: Cluster, rows: Iterable[SettingsRow]) -> list[SettingsRow]:
    if cluster.rest.read_only:
        return []
    sources = [row.source for row in rows if row.name == "cilium"]
    found = [await cilium_agent(cluster, source) for source in sources]
    return [row for row in found if row is not None]
