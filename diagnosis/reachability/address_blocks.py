"""Blocks of addresses, as policies name them (ipBlock, nets, toCIDR), held against ends whose
address may be unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from collectors.address_text import unpadded
from collectors.frozen import frozen
from diagnosis.reachability.certainty import Match, doubt
from diagnosis.reachability.parties import Party

Network = IPv4Network | IPv6Network


@frozen
class Block:
    """A network without some of its parts."""

    network: Network
    holes: tuple[Network, ...] = ()

    def match(self, party: Party) -> Match:
        if not party.ips:
            return self._without_address(party)
        return any(self.contains(ip) for ip in party.ips)

    def contains(self, address: str) -> bool:
        return inside(address, self.network) and not any(inside(address, h) for h in self.holes)

    @property
    def whole(self) -> bool:
        """Whether it is every address of its family."""
        return not self.network.prefixlen and not self.holes

    def _without_address(self, party: Party) -> Match:
        """Every IPv4 address is in 0.0.0.0/0; more cannot be said of an address that is not
        known."""
        if self.network.version == 4 and self.whole:
            return True
        return doubt(f"the address of {party.name} is not known, and {self.text} decides by it")

    def miss(self, party: Party) -> str:
        hole = next((h for h in self.holes for ip in party.ips if inside(ip, h)), None)
        if hole is not None:
            return f"{hole} is excepted from {self.network}"
        return f"{', '.join(party.ips)} is not in {self.text}"

    @property
    def text(self) -> str:
        holes = ", ".join(map(str, self.holes))
        return f"{self.network} except {holes}" if holes else str(self.network)


def names_of(blocks: Iterable[Block]) -> str:
    return ", ".join(block.text for block in blocks)


def inside(address: str, network: Network) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        return False


def networks(texts: Iterable[object]) -> tuple[Network, ...]:
    """What of some texts are networks."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(unpadded(str(text)), strict=False))
        except ValueError:
            continue
    return tuple(found)


def block_of(cidr: object, holes: object = ()) -> Block | None:
    found = networks([cidr])
    if not found:
        return None
    return Block(found[0], networks(holes if isinstance(holes, Iterable) else ()))


def ip_block(entry: Mapping[str, Any]) -> Block | None:
    return block_of(entry.get("cidr"), entry.get("except") or ())
