"""What a viewer may ask for, and how often."""

from __future__ import annotations

import json

import pytest

from session.share.frames import FrameError, saying
from session.share.people import (
    BURST,
    PER_S,
    Allowance,
    LookRequest,
    MarkRequest,
    person_of,
    plain_person,
    request,
)
from session.share.person import Person, ScreenLook


def asked(say: str, **fields: object) -> object:
    return request(saying(say, **fields)[4:])


def test_a_mark_is_cleaned() -> None:
    mark = asked("mark", text=" we\x1b[2J roll \u202eback ", target="pod/shop/web")
    assert mark == MarkRequest("we␛[2J roll ⟨202E⟩back", "pod/shop/web")


@pytest.mark.parametrize(
    ("say", "fields", "why"),
    [
        ("mark", {"text": "x" * 301}, "more than 300"),
        ("mark", {"text": 3}, "or none"),
        ("look", {"key": "k" * 401}, "more than 400"),
        ("exec", {"argv": ["rm"]}, "cannot make"),
        ("join", {"protocol": 1}, "another version"),
        ("drive", {"wants": 1}, "true or false"),
        ("drive", {}, "true or false"),
        ("give", {"to": "2"}, "number"),
        ("give", {"to": True}, "number"),
        ("join", {"protocol": True}, "another version"),
    ],
)
def test_what_is_out_of_bounds_is_refused(say: str, fields: dict[str, object], why: str) -> None:
    with pytest.raises(FrameError, match=why):
        asked(say, **fields)


def test_where_somebody_looks() -> None:
    look = ScreenLook("target", "pod/shop/web", "sockets")
    assert asked("look", screen="target", key="pod/shop/web", view="sockets") == LookRequest(look)
    assert look.text == "target shop/web sockets"


def test_a_person_comes_back() -> None:
    person = Person(
        "alice",
        7,
        12.5,
        ScreenLook("cluster", "", "pods"),
        lost=3,
        drives=True,
        number=2,
        asks=True,
        turn=2,
    )
    assert person_of(json.loads(json.dumps(plain_person(person)))) == person
    with pytest.raises(FrameError):
        person_of({"name": "alice", "pid": "7", "since": 1, "lost": 0, "number": 1})
    for since in (1e300, -1.0, float("inf"), float("nan"), "1"):
        with pytest.raises(FrameError, match="without a time"):
            person_of({"name": "alice", "pid": 7, "since": since, "lost": 0, "number": 1})


def test_so_many_messages_and_no_more() -> None:
    now = 100.0
    allowance = Allowance(lambda: now)
    for _ in range(int(BURST)):
        allowance.use()
    with pytest.raises(FrameError, match="a second"):
        allowance.use()
    now += 2 / PER_S + 0.01
    allowance.use()
