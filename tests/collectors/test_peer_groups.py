"""Sockets by their peers: names, zones, ports towards one destination."""

from collectors import events as ev
from collectors.cluster.inventory.address_book import AddressBook
from collectors.sockets.peer_groups import grouped
from collectors.sockets.rows import SocketRow


def pod(name: str, ip: str, node: str, workload: str = "") -> ev.PodRow:
    return ev.PodRow("shop", name, name, node, ip, "Running", "1/1", 0, 0.0, workload=workload)


def socket(state: str, port: int, peer: str, peer_port: int = 80, **more: object) -> SocketRow:
    return SocketRow("tcp", state, "10.0.0.1", port, peer, peer_port, **more)  # type: ignore[arg-type]


def book() -> AddressBook:
    found = AddressBook()
    nodes = tuple(
        ev.NodeRow(name, address, zone, True, "linux", "amd64")
        for name, address, zone in (("n1", "192.168.0.1", "a"), ("n2", "192.168.0.2", "b"))
    )
    pods = (
        pod("web", "10.0.0.1", "n1"),
        pod("api-1", "10.0.0.2", "n1", "Deployment/api"),
        pod("api-2", "10.0.0.3", "n2", "Deployment/api"),
        pod("db-0", "10.0.0.4", "n2"),
    )
    services = (ev.ServiceRow("shop", "api", ("10.96.0.1",), ("80/TCP",), "ClusterIP"),)
    for kind, rows in (("nodes", nodes), ("pods", pods), ("services", services)):
        found.apply(ev.InventoryList(0, "", kind, rows))
    return found


def test_replicas_are_one_peer_and_other_zones_are_marked() -> None:
    rows = [
        socket("ESTAB", 1, "10.0.0.2", rtt=1.0, min_rtt=0.5, retrans_total=3),
        socket("ESTAB", 2, "10.0.0.3", rtt=3.0),
        socket("TIME-WAIT", 3, "10.0.0.3"),
        socket("SYN-SENT", 4, "10.0.0.4", 5432),
        socket("ESTAB", 5, "10.96.0.1"),
        socket("ESTAB", 6, "203.0.113.9", 443, retrans=1),
        socket("LISTEN", 80, "0.0.0.0", 0),
        SocketRow("udp", "UNCONN", "0.0.0.0", 53, "0.0.0.0", 0),
    ]
    peers = {p.name: p for p in grouped(rows, book())}
    assert next(iter(peers)) == "shop/db-0", "a SYN without an answer comes first"
    assert set(peers) == {"shop/api", "shop/db-0", "svc/shop/api", "203.0.113.9"}
    api = peers["shop/api"]
    assert (api.open, api.time_wait, api.rtt, api.least, api.retransmitted) == (2, 1, 2.0, 0.5, 3)
    assert peers["shop/db-0"].cross_zone and peers["shop/db-0"].zone == "b"
    assert peers["203.0.113.9"].retransmitting == 1 and not peers["203.0.113.9"].cross_zone


def test_ports_are_counted_towards_one_destination() -> None:
    """What runs out is the ports to one address and port: TIME-WAIT ones are in use, too."""
    rows = [socket("TIME-WAIT", port, "10.96.0.1", 80) for port in range(1000, 1300)]
    rows += [socket("ESTAB", port, "10.96.0.1", 443) for port in range(40)]
    (peer,) = grouped(rows, book())
    assert (peer.ports, peer.destination, peer.open, peer.time_wait) == (
        300,
        "10.96.0.1:80",
        40,
        300,
    )
