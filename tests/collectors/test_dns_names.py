"""The question of a DNS message that lies among other bytes."""

from __future__ import annotations

import struct

import pytest

from collectors.capture.dns_names import plain_question

NAME = b"\3Www\7Example\3org\0"
ASKED = ("www.example.org", "AAAA")


def message(name: bytes = NAME, questions: int = 1) -> bytes:
    return struct.pack("!6H", 7, 0x100, questions, 0, 0, 0) + name + b"\0\x1c\0\1"


def read(data: bytes, before: bytes = b"", after: bytes = b"") -> tuple[str, str] | None:
    return plain_question(before + data + after, len(before), len(before) + len(data))


def test_it_is_read_where_it_lies() -> None:
    for before, after in ((b"", b""), (bytes(28), b""), (b"\1" * 30, b"\0" * 9), (b"", b"\3abc\0")):
        assert read(message(), before, after) == ASKED
    assert read(message(b"\0")) == (".", "AAAA")


def test_nothing_behind_the_message_is_read() -> None:
    whole = message()
    for size in range(len(whole)):
        assert plain_question(whole + bytes(20), 0, size) is None
        assert read(whole[:size]) is None
    assert plain_question(whole, 5, 4) is None


@pytest.mark.parametrize(
    "data",
    [
        message(questions=2),
        message(b"\xc0\x0c\0"),  # a pointer
        message(b"\3www\xc0\x0c\0"),
        message(b"\x40a\0"),  # a label of no known kind
        message(b"\4www\0"),  # a label that goes on behind the end of the name
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(data: bytes) -> None:
    assert read(data) is None
