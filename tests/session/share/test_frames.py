"""Messages on the socket, whatever the pieces in which bytes arrive."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings, strategies as st

from session.share.frames import (
    EVENT,
    MOST_OF_VIEWER,
    PROTOCOL,
    SAID,
    FrameError,
    MessageReader,
    frame,
    said,
    saying,
)
from session.share.people import JoinRequest, request
from tests.support.examples import examples

ALLOWED = ("join", "mark", "look", "drive", "give")
payloads = st.lists(st.tuples(st.sampled_from([EVENT, SAID]), st.binary(max_size=200)), max_size=8)
cuts = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    found, place, turn = [], 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        found.append(data[place : place + size])
        place, turn = place + size, turn + 1
    return found


@given(payloads, cuts)
def test_messages_come_whole_and_in_order_however_they_are_cut(
    sent: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    reader = MessageReader(MOST_OF_VIEWER)
    data = b"".join(frame(kind, payload) for kind, payload in sent)
    got = [body for piece in pieces(data, sizes) for body in reader.feed(piece)]
    assert got == [kind + payload for kind, payload in sent]


@given(payloads, cuts, st.integers(1, 100))
def test_a_message_that_is_cut_off_is_none(
    sent: list[tuple[bytes, bytes]], sizes: list[int], missing: int
) -> None:
    reader = MessageReader(MOST_OF_VIEWER)
    data = b"".join(frame(kind, payload) for kind, payload in sent)
    whole = [kind + payload for kind, payload in sent]
    got = [
        body
        for piece in pieces(data[: max(0, len(data) - missing)], sizes)
        for body in reader.feed(piece)
    ]
    assert got == whole[: len(got)] and (not whole or len(got) < len(whole))


@settings(max_examples=examples(300))
@given(st.binary(max_size=4_000))
def test_garbage_is_refused_or_waited_for_and_never_kept_without_bound(data: bytes) -> None:
    reader = MessageReader(MOST_OF_VIEWER)
    with contextlib.suppress(FrameError):
        for body in [one for _ in range(5) for one in reader.feed(data)]:
            assert 0 < len(body) <= MOST_OF_VIEWER
            with contextlib.suppress(FrameError):
                request(body)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_request_is_known_or_refused(value: object) -> None:
    for say in (*ALLOWED, "run", value):
        fields = {"say": say, "text": value, "target": value, "protocol": value, "key": value}
        fields |= {"wants": value, "to": value}
        body = SAID + json.dumps(fields).encode()
        with contextlib.suppress(FrameError):
            asked = request(body)
            assert say in ALLOWED and not isinstance(asked, JoinRequest)


def test_a_length_beyond_the_bound_is_refused_before_anything_is_kept() -> None:
    with pytest.raises(FrameError, match="1,195,725,856 bytes"):
        MessageReader(MOST_OF_VIEWER).feed(b"GET / HTTP/1.1")
    with pytest.raises(FrameError, match="0 bytes"):
        MessageReader(MOST_OF_VIEWER).feed(bytes(4))


def test_what_is_said_comes_back() -> None:
    (body,) = MessageReader(100).feed(saying("join", protocol=PROTOCOL))
    assert said(body) == {"say": "join", "protocol": PROTOCOL}
    assert request(body) == JoinRequest(PROTOCOL)
