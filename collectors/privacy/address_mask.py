"""Addresses behind a mask: the same one always has the same mask, of its own family, and two that
share a prefix share as much of it masked, so that subnets stay subnets.

The construction is Crypto-PAn's (Xu, Fan, Ammar, Moon 2002), with keyed BLAKE2 for its cipher. What
says nothing about whose network it is stays: loopback, link-local, multicast, the private ranges'
own prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

AS_THEY_ARE = tuple(
    ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "ff00::/8")
)
PREFIXES = (
    *("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"),
    *("2000::/3", "fc00::/8", "fd00::/8", "fe80::/64"),
)
EMBEDDING = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96"))
SOLICITED = bytes.fromhex("ff0200000000000000000001ff")  # RFC 4291: 24 bits of an address follow
KEPT_MACS = (b"\x01\x00\x5e", b"\x01\x80\xc2")  # groups of IPv4 and of bridges
GROUPS_OF_V6, GROUPS_OF_NODES = b"\x33\x33", b"\x33\x33\xff"
SAME = bytes(6), b"\xff" * 6
ATTEMPTS = 32


def _ancestors(bits: int) -> frozenset[tuple[int, int]]:
    """(depth, prefix) at which nothing is changed, so that the prefixes that stay do."""
    found: set[tuple[int, int]] = set()
    for network in (*AS_THEY_ARE, *map(ip_network, PREFIXES), *EMBEDDING):
        if network.max_prefixlen == bits:
            value = int(network.network_address)
            found |= {(depth, value >> (bits - depth)) for depth in range(network.prefixlen)}
    return frozenset(found)


FIXED = {4: _ancestors(32), 16: _ancestors(128)}


class AddressMask:
    """Masks by a secret key of at most 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[bytes, bytes] = {}

    @classmethod
    def apart_from(cls, key: bytes, plain: Iterable[bytes]) -> AddressMask:
        """One that gives no address the mask that is another one of `plain`, where that can be."""
        met = [one for one in plain if not _stays(one)]
        for attempt in range(ATTEMPTS):
            found = cls(blake2b(bytes([attempt]), key=key).digest())
            if {found.packed(one) for one in met}.isdisjoint(met):
                break
        return found

    @property
    def met(self) -> list[bytes]:
        """All that were masked so far."""
        return list(self._known)

    def text(self, address: str) -> str:
        """ValueError where it is not an address. What is behind a `%` is left out."""
        packed = self.packed(ip_address(address.partition("%")[0]).packed)
        return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))

    def network(self, address: str, length: int) -> str:
        """An address before a prefix's length: that of a network stays one."""
        plain = ip_address(address)
        below = (1 << max(0, plain.max_prefixlen - length)) - 1
        masked = ip_address(self.packed(plain.packed))
        return str(masked if int(plain) & below else type(masked)(int(masked) & ~below))

    def packed(self, address: bytes) -> bytes:
        """Of four or sixteen bytes."""
        if (known := self._known.get(address)) is None:
            known = self._known[address] = self._of(address)
        return known

    def _of(self, address: bytes) -> bytes:
        if address.startswith(SOLICITED):
            return SOLICITED + self._of_group(address[13:])
        if _stays(address):
            return address
        if len(address) == 16 and any(IPv6Address(address) in network for network in EMBEDDING):
            return address[:12] + self.packed(address[12:])
        return self._by_bits(address)

    def _by_bits(self, address: bytes) -> bytes:
        bits, value, masked = len(address) * 8, int.from_bytes(address), 0
        for depth in range(bits):
            prefix = value >> (bits - depth)
            bit = value >> (bits - 1 - depth) & 1
            if (depth, prefix) not in FIXED[len(address)]:
                bit ^= self._secret(b"%d %d %d" % (bits, depth, prefix))[0] & 1
            masked = masked << 1 | bit
        return masked.to_bytes(len(address))

    def _secret(self, text: bytes) -> bytes:
        return blake2b(text, digest_size=8, key=self._key).digest()

    def _of_group(self, low: bytes) -> bytes:
        """The part of an address that neighbour discovery asks a group for."""
        return self._secret(b"group " + low)[:3]

    def mac(self, address: bytes) -> bytes:
        """Of six bytes; its mask is locally administered. Groups and none at all stay."""
        if address in SAME or address.startswith(KEPT_MACS):
            return address
        if address.startswith(GROUPS_OF_NODES):
            return GROUPS_OF_NODES + self._of_group(address[3:])
        if address.startswith(GROUPS_OF_V6):
            return address
        masked = self._secret(b"mac " + address)
        return bytes([masked[0] & 0xFE | 2]) + masked[1:6]


def _stays(address: bytes) -> bool:
    plain = ip_address(address)
    return any(
        plain in network for network in AS_THEY_ARE if network.version == plain.version
    ) and not address.startswith(SOLICITED)
