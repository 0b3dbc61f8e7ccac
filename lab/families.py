"""The address families of the lab: IPv4 always, IPv6 where it is asked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SERVICES6 = int(ipaddress.IPv6Address("fd00:96::"))
LOW_BITS = 0xF_FFFF  # of a cluster IP that distinguish Services of 10.96.0.0/12


@dataclass(frozen=True, slots=True)
class Family:
    """`name` is the API's, `keyword` that of nftables."""

    name: str
    keyword: str
    version: int
    nobody: str  # an address that nobody has

    @property
    def set_type(self) -> str:
        return f"ipv{self.version}_addr"

    def has(self, address: str) -> bool:
        """Whether an address, or a block of them, is of this family."""
        return (":" in address) == (self.version == 6)

    def of(self, addresses: Iterable[str]) -> str:
        """The first of some addresses that is of this family, '' where none is."""
        return next((address for address in addresses if address and self.has(address)), "")

    def socket(self, address: str, port: int) -> str:
        return f"[{address}]:{port}" if self.version == 6 else f"{address}:{port}"


IPV4 = Family("IPv4", "ip", 4, nobody="192.0.2.1")  # RFC 5737
IPV6 = Family("IPv6", "ip6", 6, nobody="2001:db8::1")  # RFC 3849
FAMILIES = (IPV4, IPV6)


def named(name: str) -> Family:
    return IPV6 if name == IPV6.name else IPV4


def service_address(address: str, family: Family) -> str:
    """A cluster IP of IPv4, or its like of IPv6."""
    if family is IPV4:
        return address
    low = int(ipaddress.IPv4Address(address)) & LOW_BITS
    return str(ipaddress.IPv6Address(SERVICES6 + low))


def pod_ips(pod: dict[str, object]) -> Sequence[str]:
    """Every address that a pod's status has."""
    status = pod.get("status")
    listed = status.get("podIPs") if isinstance(status, dict) else None
    return [entry["ip"] for entry in listed or ()]
