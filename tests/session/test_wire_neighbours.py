"""ARP and neighbour discovery of captures: questions without an answer, addresses of two owners."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

import pytest

from collectors.packet import Packet
from diagnosis.wire_neighbours import WireNeighbour
from session.wire_neighbours import WireNeighbours, is_neighbourly

ETHERNET, COOKED2 = 1, 276
SECOND = 1_000_000_000
HOST, PEER, ZEROES = "10.0.0.11", "10.0.0.12", "00:00:00:00:00:00"
FIRST, SECOND_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
Said = tuple[float, bytes]  # seconds, a message


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def arp(operation: int, sender: tuple[str, str], target: str) -> bytes:
    own = mac(sender[1]) + ip_address(sender[0]).packed
    return (
        struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
        + own
        + mac(ZEROES)
        + ip_address(target).packed
    )


def asks(target: str, by: str = HOST) -> bytes:
    return arp(1, (by, "02:00:00:00:00:99"), target)


def has(address: str, owner: str) -> bytes:
    """Of its own accord."""
    return arp(1, (address, owner), address)


def rows(said: Iterable[Said], interface: int = 2, link: int = COOKED2) -> dict[str, WireNeighbour]:
    seen = WireNeighbours()
    for seconds, message in said:
        header = struct.pack(">HHIHBB8s", 0x0806, 0, interface, 1, 0, 6, b"")
        if link == ETHERNET:
            header = mac(FIRST) + mac(SECOND_MAC) + b"\x08\x06"
        data = header + message
        seen.add(link, (Packet(int((100 + seconds) * SECOND), data, len(data)),))
    return {row.address: row for row in seen.rows()}


@pytest.mark.parametrize("link", [ETHERNET, COOKED2])
def test_a_question_that_nobody_answers(link: int) -> None:
    said = [(number + copy, asks(PEER)) for number in range(5) for copy in (0, 0.00002)]
    row = rows(said, link=link)[PEER]
    assert (row.asked, row.asked_by, row.seconds) == (5, HOST, 4.0)  # on two interfaces, once
    assert not row.is_answered


def test_an_answer_and_what_was_asked_long_ago() -> None:
    said = [(0, asks(PEER)), (0.1, arp(2, (PEER, FIRST), HOST)), (1, asks(PEER))]
    assert rows(said)[PEER].is_answered
    assert PEER not in rows([(0, asks(PEER)), (60, asks("10.0.0.13"))])


def test_two_owners_in_turns() -> None:
    turns = [(number, has(PEER, (FIRST, SECOND_MAC)[number % 2])) for number in range(6)]
    row = rows(turns)[PEER]
    assert (row.changes, row.macs) == (5, (FIRST, SECOND_MAC))


@pytest.mark.alike
def test_an_address_that_moves_once() -> None:
    moves = [(number, has(PEER, FIRST if number < 3 else SECOND_MAC)) for number in range(6)]
    assert rows(moves)[PEER].changes == 1


@pytest.mark.alike
def test_a_gateway_that_answers_on_each_interface_by_another_address() -> None:
    seen = WireNeighbours()
    for number in range(8):
        interface = 5 + number % 2
        header = struct.pack(">HHIHBB8s", 0x0806, 0, interface, 1, 4, 6, b"")
        data = header + has("169.254.1.1", (FIRST, SECOND_MAC)[number % 2])
        seen.add(COOKED2, (Packet((100 + number) * SECOND, data, len(data)),))
    assert not seen.rows()


def discovery(kind: int, source: str, target: str) -> bytes:
    message = struct.pack(">BBHI", kind, 0, 0, 0) + ip_address(target).packed
    ends = ip_address(source).packed + ip_address("ff02::1").packed
    return struct.pack(">IHBB", 6 << 28, len(message), 58, 255) + ends + message


def test_neighbour_discovery() -> None:
    def seen(*kinds: int) -> dict[str, WireNeighbour]:
        def packets() -> Iterator[Packet]:
            for number, kind in enumerate(kinds):
                source = "fd50::1" if kind == 135 else "fd50::2"
                header = struct.pack(">HHIHBB8s", 0x86DD, 0, 2, 1, 0, 6, b"")
                data = header + discovery(kind, source, "fd50::2")
                yield Packet((100 + number) * SECOND, data, len(data))

        watched = WireNeighbours()
        watched.add(COOKED2, packets())
        return {row.address: row for row in watched.rows()}

    row = seen(135, 135, 135)["fd50::2"]
    assert (row.asked, row.asked_by, row.is_answered) == (3, "fd50::1", False)
    assert seen(135, 136, 135)["fd50::2"].is_answered


def test_what_is_neither_or_cut_short() -> None:
    assert not is_neighbourly(COOKED2, b"\x08\x00" + bytes(60))
    assert not is_neighbourly(COOKED2, b"\x86\xdd" + bytes(60))
    assert not is_neighbourly(12, asks(PEER))  # raw IP has no ARP
    assert not rows([(0, asks(PEER)[:9]), (1, b"")])
