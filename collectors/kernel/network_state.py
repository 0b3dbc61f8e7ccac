"""Parsers of how a network namespace is set up: `ip -j`, `bridge -j`, /proc/net/arp, resolv.conf.
Pure; what cannot be read is skipped."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from collectors.events import LinkRow, NeighbourRow, NetworkState, RouteRow
from collectors.sanitize import sanitize

MAX_ROWS = 5_000
Item = dict[str, Any]  # of `ip -j`, `bridge -j`
_TUNNEL = ("id", "local", "remote", "port", "group", "link")
# Side, name in `ip -s`, name here
_ONLY_IP = (("rx", "over_errors", "rx_over"), ("tx", "carrier_errors", "tx_carrier"))


def _objects(text: str) -> list[Item]:
    """The objects of a JSON list; [] where it is none (an old iproute2 knows no -j)."""
    try:
        return _dicts(json.loads(text))[:MAX_ROWS]
    except (ValueError, RecursionError):
        return []


def _dicts(found: object) -> list[Item]:
    """The objects of a list; [] where it is none."""
    if not isinstance(found, list):
        return []
    return [item for item in found if isinstance(item, dict)]


def _text(item: Item, name: str, limit: int = 64) -> str:
    value = item.get(name)
    return sanitize(value, limit) if isinstance(value, str) else ""


def _dict(item: Item, name: str) -> Item:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _mtu(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _addresses(item: Item) -> tuple[str, ...]:
    return tuple(_prefix(row) for row in _dicts(item.get("addr_info")) if _text(row, "local"))


def _prefix(row: Item) -> str:
    return f"{_text(row, 'local')}/{row.get('prefixlen')}"


def links(text: str) -> tuple[LinkRow, ...]:
    """`ip -s -d -j addr`: one row per interface, the loopback included."""
    return tuple(_link(item) for item in _objects(text))


def _link(item: Item) -> LinkRow:
    info = _dict(item, "linkinfo")
    hairpin = _dict(info, "info_slave_data").get("hairpin")
    return LinkRow(
        name=_text(item, "ifname"),
        kind=_text(info, "info_kind"),
        mtu=_mtu(item.get("mtu")) or 0,
        state=_text(item, "operstate"),
        addresses=_addresses(item),
        master=_text(item, "master"),
        detail=_tunnel(_dict(info, "info_data")),
        hairpin=hairpin if isinstance(hairpin, bool) else None,
        promiscuous=_promiscuous(item.get("flags")),
        lladdr=_lladdr(_text(item, "address")),
    )


def _lladdr(text: str) -> str:
    """Of Ethernet; '' for a loopback's zeros and for the addresses that tunnels have there."""
    return text.lower() if len(text) == 17 and text.strip("0:") else ""


def _tunnel(data: Item) -> str:
    """`id 1 local 10.0.0.1`: what a tunnel is made of."""
    return " ".join(f"{name} {sanitize(str(data[name]), 40)}" for name in _TUNNEL if name in data)


def _promiscuous(flags: object) -> bool:
    return isinstance(flags, list) and "PROMISC" in flags


def statistics(text: str) -> dict[str, int]:
    """What only `ip -s` prints of interfaces: overruns and carrier errors, as dev/IFACE/FIELD."""
    values: dict[str, int] = {}
    for item in _objects(text):
        if item.get("ifname") != "lo":
            values.update(_link_statistics(item))
    return values


def _link_statistics(item: Item) -> Iterator[tuple[str, int]]:
    device, stats = _text(item, "ifname", 32), _dict(item, "stats64")
    for side, theirs, ours in _ONLY_IP:
        number = _dict(stats, side).get(theirs)
        if isinstance(number, int):
            yield f"dev/{device}/{ours}", number


def routes(text: str) -> tuple[RouteRow, ...]:
    """`ip -j route show table all`: unicast routes, those of the local table left out."""
    return tuple(_route(item) for item in _objects(text) if _is_unicast(item))


def _is_unicast(item: Item) -> bool:
    return item.get("type", "unicast") == "unicast" and item.get("table") != "local"


def _route(item: Item) -> RouteRow:
    return RouteRow(_text(item, "dst"), _text(item, "dev"), _next_hop(item), _route_mtu(item))


def _next_hop(item: Item) -> str:
    """Of another address family where `via` has it."""
    return _text(item, "gateway") or _text(_dict(item, "via"), "host")


def _route_mtu(item: Item) -> int | None:
    metrics = item.get("metrics")
    first = _dicts(metrics[:1]) if isinstance(metrics, list) else []
    return _mtu(first[0].get("mtu")) if first else None


def forwarding(text: str) -> tuple[tuple[str, str, str], ...]:
    """`bridge -j fdb`: entries that lead to another host."""
    entries = map(_forwarding_entry, _objects(text))
    return tuple(entry for entry in entries if entry[1])


def _forwarding_entry(item: Item) -> tuple[str, str, str]:
    """MAC address, the other host, interface."""
    return _text(item, "mac"), _text(item, "dst"), _text(item, "ifname")


def neighbours(text: str) -> tuple[NeighbourRow, ...]:
    """/proc/net/arp. Flag 0x2 (ATF_COM) says that the link-layer address is known, 0x4 (ATF_PERM)
    that the entry is permanent."""
    lines = text.splitlines()[1 : MAX_ROWS + 1]
    return tuple(filter(None, map(_neighbour, map(str.split, lines))))


def _neighbour(fields: list[str]) -> NeighbourRow | None:
    if len(fields) < 6 or not fields[2].startswith("0x"):
        return None
    address, _, flags, mac, _, device = fields[:6]
    known = flags[-1:] not in "01" and mac != "00:00:00:00:00:00"
    return NeighbourRow(
        sanitize(address, 64),
        sanitize(device, 32),
        sanitize(mac, 32) if known else "",
        permanent=flags[-1:] in "4567cdef",
    )


def neighbours_v6(text: str) -> tuple[NeighbourRow, ...]:
    """`ip -6 -j neigh`: IPv6's, which /proc/net/arp does not have."""
    return tuple(_neighbour_v6(item) for item in _objects(text) if _text(item, "dst"))


def _neighbour_v6(item: Item) -> NeighbourRow:
    lladdr = _lladdr(_text(item, "lladdr"))
    return NeighbourRow(_text(item, "dst"), _text(item, "dev", 32), lladdr)


def resolver(text: str) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """resolv.conf: servers, search domains, ndots (1 where it is not set, as in resolv.conf(5))."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    ndots = 1
    for words in _named(lines, "options"):
        ndots = _ndots(words[1:], ndots)
    return _servers(lines), _search_domains(lines), ndots


def _servers(lines: list[list[str]]) -> tuple[str, ...]:
    return tuple(sanitize(words[1], 64) for words in _named(lines, "nameserver") if words[1:])


def _named(lines: list[list[str]], *names: str) -> list[list[str]]:
    return [words for words in lines if words[0] in names]


def _search_domains(lines: list[list[str]]) -> tuple[str, ...]:
    """The last line of either kind holds."""
    found = _named(lines, "search", "domain")
    return tuple(sanitize(domain, 128) for domain in found[-1][1:]) if found else ()


def _ndots(options: list[str], default: int) -> int:
    """The last `ndots:N` that is a number; `default` without one."""
    values = [option[6:] for option in options if option.startswith("ndots:")]
    return int(values[-1]) if values and _is_small(values[-1]) else default


def _is_small(figure: str) -> bool:
    return figure.isdecimal() and len(figure) <= 3


def ethtool(text: str, device: str) -> dict[str, int]:
    """`ethtool -S`: `     name: figure` per line, as ethtool/IFACE/NAME. Counters that are 0 are
    kept: lists show only those that move."""
    prefix = f"ethtool/{sanitize(device, 32)}/"
    values = {prefix + name: figure for name, figure in _driver_counters(text)}
    return dict(islice(values.items(), MAX_ROWS))


def _driver_counters(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, figure = line.rpartition(":")
        figure = figure.strip()
        if name.startswith(" ") and figure.isdecimal() and len(figure) < 20:
            yield sanitize(name.strip(), 48), int(figure)


def state(at: float, target: str, sections: dict[str, str]) -> NetworkState:
    """All of it, from the sampler's sections by their names."""
    text = defaultdict(str, sections)
    servers, search, ndots = resolver(text["resolv"])
    return NetworkState(
        at=at,
        target=target,
        links=links(text["ip addr"]),
        routes=routes(text["ip route"]),
        neighbours=neighbours(text["arp"]) + neighbours_v6(text["ip neigh"]),
        forwarding=forwarding(text["ip fdb"]),
        nameservers=servers,
        search=search,
        ndots=ndots,
        kernel=sanitize(text["kernel"].strip(), 80),
    )
