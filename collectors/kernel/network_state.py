"""Parsers of how a network namespace is set up: `ip -j`, `bridge -j`, /proc/net/arp, resolv.conf.
Pure; what cannot be read is skipped."""

from __future__ import annotations

import json
from typing import Any

from collectors.events import LinkRow, NeighbourRow, NetworkState, RouteRow
from collectors.sanitize import sanitize

MAX_ROWS = 5_000
_TUNNEL = ("id", "local", "remote", "port", "group", "link")


def _objects(text: str) -> list[dict[str, Any]]:
    """The objects of a JSON list; [] where it is none (an old iproute2 knows no -j)."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, list):
        return []
    return [item for item in found if isinstance(item, dict)][:MAX_ROWS]


def _text(item: dict[str, Any], name: str, limit: int = 64) -> str:
    value = item.get(name)
    return sanitize(value, limit) if isinstance(value, str) else ""


def _dict(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _mtu(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _addresses(item: dict[str, Any]) -> tuple[str, ...]:
    listed = item.get("addr_info")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return tuple(
        f"{_text(row, 'local')}/{row.get('prefixlen')}" for row in rows if _text(row, "local")
    )


def links(text: str) -> tuple[LinkRow, ...]:
    """`ip -s -d -j addr`: one row per interface, the loopback included."""
    return tuple(_link(item) for item in _objects(text))


def _link(item: dict[str, Any]) -> LinkRow:
    info = _dict(item, "linkinfo")
    data, port, flags = _dict(info, "info_data"), _dict(info, "info_slave_data"), item.get("flags")
    hairpin = port.get("hairpin")
    return LinkRow(
        name=_text(item, "ifname"),
        kind=_text(info, "info_kind"),
        mtu=_mtu(item.get("mtu")) or 0,
        state=_text(item, "operstate"),
        addresses=_addresses(item),
        master=_text(item, "master"),
        detail=" ".join(f"{n} {sanitize(str(data[n]), 40)}" for n in _TUNNEL if n in data),
        hairpin=hairpin if isinstance(hairpin, bool) else None,
        promiscuous=isinstance(flags, list) and "PROMISC" in flags,
    )


def statistics(text: str) -> dict[str, int]:
    """What only `ip -s` prints of interfaces: overruns and carrier errors, as dev/IFACE/FIELD."""
    wanted = (("rx", "over_errors", "rx_over"), ("tx", "carrier_errors", "tx_carrier"))
    values = {}
    for item in _objects(text):
        stats = _dict(item, "stats64")
        for side, theirs, ours in wanted:
            number = _dict(stats, side).get(theirs)
            if isinstance(number, int) and item.get("ifname") != "lo":
                values[f"dev/{_text(item, 'ifname', 32)}/{ours}"] = number
    return values


def routes(text: str) -> tuple[RouteRow, ...]:
    """`ip -j route show table all`: unicast routes, those of the local table left out."""
    rows = []
    for item in _objects(text):
        if item.get("type", "unicast") != "unicast" or item.get("table") == "local":
            continue
        via = _text(item, "gateway") or _text(_dict(item, "via"), "host")
        rows.append(RouteRow(_text(item, "dst"), _text(item, "dev"), via, _route_mtu(item)))
    return tuple(rows)


def _route_mtu(item: dict[str, Any]) -> int | None:
    metrics = item.get("metrics")
    first = metrics[0] if isinstance(metrics, list) and metrics else None
    return _mtu(first.get("mtu")) if isinstance(first, dict) else None


def forwarding(text: str) -> tuple[tuple[str, str, str], ...]:
    """`bridge -j fdb`: entries that lead to another host."""
    return tuple(
        (_text(item, "mac"), _text(item, "dst"), _text(item, "ifname"))
        for item in _objects(text)
        if _text(item, "dst")
    )


def neighbours(text: str) -> tuple[NeighbourRow, ...]:
    """/proc/net/arp. Flag 0x2 (ATF_COM) says that the link-layer address is known."""
    rows = []
    for line in text.splitlines()[1 : MAX_ROWS + 1]:
        fields = line.split()
        if len(fields) < 6 or not fields[2].startswith("0x"):
            continue
        known = fields[2][-1:] not in "01" and fields[3] != "00:00:00:00:00:00"
        rows.append(
            NeighbourRow(
                sanitize(fields[0], 64),
                sanitize(fields[5], 32),
                sanitize(fields[3], 32) if known else "",
            )
        )
    return tuple(rows)


def resolver(text: str) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """resolv.conf: servers, search domains, ndots (1 where it is not set, as in resolv.conf(5))."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    ndots = 1
    for line in text.splitlines():
        name, *fields = line.split() or [""]
        if name == "nameserver" and fields:
            servers.append(sanitize(fields[0], 64))
        elif name in ("search", "domain"):
            search = tuple(sanitize(field, 128) for field in fields)
        elif name == "options":
            ndots = _ndots(fields, ndots)
    return tuple(servers), search, ndots


def _ndots(options: list[str], default: int) -> int:
    """The last `ndots:N` that is a number; `default` without one."""
    values = [option[6:] for option in options if option.startswith("ndots:")]
    if not values or not values[-1].isdecimal() or len(values[-1]) > 3:
        return default
    return int(values[-1])


def ethtool(text: str, device: str) -> dict[str, int]:
    """`ethtool -S`: `     name: figure` per line, as ethtool/IFACE/NAME. Counters that are 0 are
    kept: lists show only those that move."""
    values = {}
    for line in text.splitlines():
        name, _, figure = line.rpartition(":")
        figure = figure.strip()
        if name.startswith(" ") and figure.isdecimal() and len(figure) < 20:
            values[f"ethtool/{sanitize(device, 32)}/{sanitize(name.strip(), 48)}"] = int(figure)
    return dict(list(values.items())[:MAX_ROWS])


def state(at: float, target: str, sections: dict[str, str]) -> NetworkState:
    """All of it, from the sampler's sections by their names."""
    servers, search, ndots = resolver(sections.get("resolv", ""))
    return NetworkState(
        at=at,
        target=target,
        links=links(sections.get("ip addr", "")),
        routes=routes(sections.get("ip route", "")),
        neighbours=neighbours(sections.get("arp", "")),
        forwarding=forwarding(sections.get("ip fdb", "")),
        nameservers=servers,
        search=search,
        ndots=ndots,
        kernel=sanitize(sections.get("kernel", "").strip(), 80),
    )
