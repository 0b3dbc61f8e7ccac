"""The headers of a packet as one flat row: what the flow table needs of every packet."""

from __future__ import annotations

from operator import attrgetter
from struct import Struct
from typing import Any

# Both addresses, the lower end first, both ports, and VNI or VLAN where there is one: bytes are
# smaller than a tuple of the same
Key = bytes
End = tuple[bytes, int]  # address, port
_PORTS, _NETWORK, _EXCHANGE = Struct("!HH").pack, Struct("!Q").pack, Struct("!HHH").pack
_HEADERS = (
    "protocol",
    "source",
    "destination",
    "source_port",
    "destination_port",
    "sequence",
    "acknowledgment",
    "flags",
    "window",
    "length",
    "offset",
    "identification",
    "interface",
    "network",
)
_headers = attrgetter(*_HEADERS)


class HeaderRow:
    """Addresses are 4 or 16 bytes. Of UDP, sequence to window are 0. `length` is the payload's on
    the wire, `network` is made of VNI and VLAN (0: none). The packet was captured at `ns`, is
    `data` from `begin` up to `end`, and had `wire` bytes; `offset` is where in `data` its transport
    header begins. The flow table uses one row for all packets."""

    __slots__ = (
        "acknowledgment",
        "begin",
        "data",
        "destination",
        "destination_port",
        "end",
        "flags",
        "identification",
        "interface",
        "length",
        "network",
        "ns",
        "offset",
        "protocol",
        "sequence",
        "source",
        "source_port",
        "window",
        "wire",
    )

    def __init__(self, protocol: int, source: bytes, destination: bytes) -> None:
        self.protocol, self.source, self.destination = protocol, source, destination
        self.source_port = self.destination_port = 0
        self.sequence = self.acknowledgment = self.flags = self.window = 0
        self.length = self.offset = self.identification = self.interface = self.network = 0
        self.ns = self.wire = 0
        self.data = b""
        self.begin = self.end = 0

    def hold(self, ns: int, data: bytes, wire: int) -> None:
        """A packet of its own, whose headers are to be read."""
        self.ns, self.data, self.wire = ns, data, wire
        self.begin, self.end = 0, len(data)

    def packet(self) -> bytes:
        """The bytes that were captured."""
        return self.data[self.begin : self.end]

    def headers(self) -> tuple[Any, ...]:
        """What was read of the packet."""
        return _headers(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeaderRow) and self.headers() == other.headers()

    def __hash__(self) -> int:
        return hash(self.headers())

    def __repr__(self) -> str:
        return f"HeaderRow{self.headers()}"


def plain_flow_key(row: HeaderRow) -> Key:
    """How a packet's flow is found: the same for both of its directions."""
    source, destination = (row.source, row.source_port), (row.destination, row.destination_port)
    return key_of_ends(source, destination, row.network)


def key_of_ends(one: End, other: End, network: int) -> Key:
    """The same in either order."""
    (low, low_port), (high, high_port) = sorted((one, other))
    key = low + high + _PORTS(low_port, high_port)
    return key + _NETWORK(network) if network else key


def plain_exchange_key(
    client: bytes, client_port: int, server: bytes, server_port: int, identity: int
) -> bytes:
    """Of a question to a server and its answer: both ends and what the client called it."""
    return client + server + _EXCHANGE(client_port, server_port, identity)
