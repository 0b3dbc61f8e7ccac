"""A frozen value is a frozen dataclass with slots, by whatever one can see of it."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import cast

import pytest

from collectors.frozen import frozen


@frozen
class Base:
    at: float


@frozen
class Mine(Base):
    name: str
    words: tuple[str, ...] = ()
    more: list[int] = field(default_factory=list)

    def size(self) -> int:
        return len(self.words)


@frozen
class Other(Base):
    name: str
    words: tuple[str, ...] = ()
    more: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Usual:
    at: float
    name: str
    words: tuple[str, ...] = ()
    more: list[int] = field(default_factory=list)


def test_as_a_frozen_dataclass() -> None:
    mine, usual = Mine(1.0, "a", words=("x",)), Usual(1.0, "a", words=("x",))
    assert repr(mine) == repr(usual).replace("Usual", "Mine")
    assert asdict(mine) == asdict(usual)
    assert is_dataclass(mine) and [f.name for f in fields(mine)] == ["at", "name", "words", "more"]
    assert replace(mine, name="b") == Mine(1.0, "b", ("x",)) != mine
    assert (
        mine == Mine(1.0, "a", ("x",))
        and mine != cast(object, Other(1.0, "a", ("x",)))
        and mine != cast(object, (1.0, "a", ("x",)))
    )
    assert len({Base(1.0), Base(1.0), Base(2.0)}) == 2
    assert mine.more is not Mine(1.0, "a").more
    assert mine.size() == 1 and not hasattr(mine, "__dict__")
    assert pickle.loads(pickle.dumps(mine)) == copy.deepcopy(mine) == mine
    match mine:
        case Mine(at, name, words, more):
            assert (at, name, words, more) == (1.0, "a", ("x",), [])


def test_nothing_is_assigned_or_forgotten() -> None:
    mine = Mine(1.0, "a")
    with pytest.raises(FrozenInstanceError):
        mine.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del mine.name
    with pytest.raises(TypeError):
        Mine(1.0)  # type: ignore[call-arg]
