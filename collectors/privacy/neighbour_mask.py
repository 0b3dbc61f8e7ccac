"""Neighbour and router discovery (RFC 4861) with masked addresses, in place."""

from __future__ import annotations

from collectors.privacy.address_mask import AddressMask

SOLICITATION, ADVERTISEMENT, NEIGHBOUR, ANSWER = 133, 134, 135, 136
OPTIONS_AT = {SOLICITATION: 8, ADVERTISEMENT: 16, NEIGHBOUR: 24, ANSWER: 24}  # bytes
LINK_ADDRESSES, PREFIX, MTU = (1, 2), 3, 5


def mask_neighbour(data: bytearray, at: int, addresses: AddressMask) -> int:
    """An ICMPv6 message at `at`; how far of it stays: of other kinds the first eight bytes."""
    kind = data[at]
    begin = at + OPTIONS_AT.get(kind, 8)
    if kind not in OPTIONS_AT or begin > len(data):
        return at + 8 if kind in (128, 129) else _without_body(data, at)
    if kind in (NEIGHBOUR, ANSWER):
        data[at + 8 : at + 24] = addresses.packed(bytes(data[at + 8 : at + 24]))
    while begin + 8 <= len(data):
        end = begin + data[begin + 1] * 8
        if end == begin or end > len(data):
            break
        _option(data, begin, end, addresses)
        begin = end
    return begin


def _without_body(data: bytearray, at: int) -> int:
    data[at + 4 : at + 8] = bytes(4)
    return at + 8


def _option(data: bytearray, begin: int, end: int, addresses: AddressMask) -> None:
    kind, size = data[begin], end - begin
    if kind in LINK_ADDRESSES and size == 8:
        data[begin + 2 : end] = addresses.mac(bytes(data[begin + 2 : end]))
    elif kind == PREFIX and size == 32:
        data[begin + 16 : end] = addresses.packed(bytes(data[begin + 16 : end]))
    elif kind != MTU:
        data[begin + 2 : end] = bytes(size - 2)
