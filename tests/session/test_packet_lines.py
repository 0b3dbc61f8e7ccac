"""The list of a capture's packets."""

from __future__ import annotations

import random

import pytest

from collectors.events import Packet
from session.packet_lines import LEAST, GapLine, PacketLine, PacketLines


def lines(first: int, count: int, kind: int = 1) -> list[PacketLine]:
    return [PacketLine(kind, 1, Packet(n, b"", 0), n % 3, n) for n in range(first, first + count)]


def add(to: PacketLines, new: list[PacketLine]) -> None:
    flows = [(line.flags, line.flow) for line in new]
    to.add(new[0].capture if new else 1, 1, [line.packet for line in new], flows)


def test_it_is_what_a_plain_list_of_the_same_lines_is() -> None:
    chance, held, plain = random.Random(21), PacketLines(), list[PacketLine | GapLine]()
    for turn in range(60):
        if chance.random() < 0.1:
            gap = GapLine(float(turn), "gap")
            held.add_gap(gap)
            plain.append(gap)
        new = lines(len(plain), chance.choice((0, 1, 7, LEAST, 600)), 1 + turn // 20)
        add(held, new)
        plain += new
        if chance.random() < 0.1:
            held, plain = held[50:], plain[50:]
        start, stop = sorted(chance.choices(range(len(plain) + 1), k=2))
        assert len(held) == len(plain) and list(held) == plain
        assert list(held[start:stop]) == list(held[start:][: stop - start]) == plain[start:stop]
        assert list(held[-9:]) == plain[-9:] and list(held[stop:start]) == plain[stop:start]
        for place in chance.choices(range(len(plain)), k=9) if plain else ():
            assert held[place] == plain[place] and held[place - len(plain)] == plain[place]


def test_a_part_stays_as_it_is_while_the_whole_goes_on() -> None:
    held = PacketLines()
    add(held, lines(0, 5))
    shown, going = held[:], iter(held)
    next(going)
    add(held, lines(5, 3))
    assert list(shown) == lines(0, 5) and shown[-1] == lines(4, 1)[0]
    assert list(going) == lines(1, 4) and list(held) == lines(0, 8)
    add(shown, lines(9, 1))
    assert list(held) == lines(0, 8) and list(shown) == [*lines(0, 5), *lines(9, 1)]


def test_small_batches_of_one_capture_are_joined_until_they_are_large() -> None:
    held = PacketLines()
    for number in range(3 * LEAST):
        add(held, lines(number, 1))
    assert len(held._pieces) == 3 and list(held) == lines(0, 3 * LEAST)


def test_there_is_nothing_outside_of_it() -> None:
    held = PacketLines()
    assert not held and not list(held[2:]) and not list(held[-3:])
    add(held, lines(0, 3))
    for place in (3, -4):
        with pytest.raises(IndexError):
            held[place]
    with pytest.raises(ValueError, match="line by line"):
        held[::2]
