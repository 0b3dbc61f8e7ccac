"""A frozen value is a frozen dataclass with slots, by whatever one can see of it."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import cast

import pytest

from collectors.frozen import frozen, frozen_by_name, frozen_with_cache, slotted


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


@frozen_by_name
class ByName:
    name: str
    at: float = 0.0


@frozen_with_cache
class Cached:
    words: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(self.words)


@slotted
class Slotted:
    """Not empty."""

    name: str
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.name.upper()


def test_by_name_alone() -> None:
    one = ByName(name="a", at=1.0)
    with pytest.raises(TypeError):
        ByName("a")  # type: ignore[call-arg]
    assert one == replace(one, at=1.0) == pickle.loads(pickle.dumps(one)) != replace(one, at=2.0)
    assert hash(one) == hash(ByName(at=1.0, name="a")) and repr(one) == "ByName(name='a', at=1.0)"
    with pytest.raises(FrozenInstanceError):
        one.name = "b"  # type: ignore[misc]


def test_what_was_worked_out_is_kept_and_does_not_count() -> None:
    one = Cached(("a", "b"))
    assert one.text == "a b" and one.text is one.text
    assert one == Cached(("a", "b")) != Cached(("a",)) and hash(one) == hash(Cached(("a", "b")))
    assert pickle.loads(pickle.dumps(one)) == copy.copy(one) == one
    with pytest.raises(FrozenInstanceError):
        one.words = ()  # type: ignore[misc]


def test_one_that_may_be_changed() -> None:
    one = Slotted("a")
    one.words.append("x")
    assert (one.name, one) == ("A", Slotted("A", ["x"])) and Slotted("a").words == []
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == replace(one) == one
    assert repr(one).endswith("(name='A', words=['x'])") and not hasattr(one, "__dict__")
    with pytest.raises(TypeError):
        hash(one)
    one.name = "b"
    assert one != Slotted("A", ["x"])


def test_a_class_has_its_own_first_value_whoever_made_one_before() -> None:
    """The `__init__` of each is compiled when it is first called."""

    @frozen
    class First:
        at: float

    @frozen
    class Second(First):
        name: str = "b"

    assert (Second(1.0).name, First(2.0).at, Second(3.0, "c").name) == ("b", 2.0, "c")
    assert First(4.0) != cast(object, Second(4.0)) and First(at=4.0) == First(4.0)
