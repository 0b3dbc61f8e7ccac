"""Plain values: `@frozen` is `@dataclass(frozen=True, slots=True)` to whoever reads and to mypy,
`@frozen_by_name` the same with `kw_only=True`, `@frozen_with_cache` the same without slots, and
`@slotted` is `@dataclass(slots=True)`; but they are created in a tenth of the time: the console
has 150 of them before its first list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


class Form(NamedTuple):
    """What a class is made as."""

    is_frozen: bool = True
    kw_only: bool = False
    has_slots: bool = True


FROZEN, BY_NAME = Form(), Form(kw_only=True)
WITH_CACHE, SLOTTED = Form(has_slots=False), Form(is_frozen=False)


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Equal where its class and all its fields are. Methods of its own are kept."""
    return _made(cls, FROZEN)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen_by_name(cls: type[T]) -> type[T]:
    """Of values that are given by their names alone."""
    return _made(cls, BY_NAME)


@dataclass_transform(frozen_default=True)
def frozen_with_cache(cls: type[T]) -> type[T]:
    """One that keeps what it worked out (`cached_property`)."""
    return _made(cls, WITH_CACHE)


@dataclass_transform()
def slotted(cls: type[T]) -> type[T]:
    """One whose values may be changed."""
    return _made(cls, SLOTTED)


def _remade(cls: type[T], values: Mapping[str, Any]) -> T:
    return cls(**values)


def _made(cls: type[T], form: Form) -> type[T]:
    own = vars(cls)
    cls.__doc__ = cls.__doc__ or f"{cls.__name__}()"  # dataclass would look up its signature
    made: Any = dataclass(
        init=False, repr=False, eq=False, slots=form.has_slots, kw_only=form.kw_only
    )(cls)
    names = tuple(field.name for field in fields(made))
    made.__match_args__ = () if form.kw_only else names  # type: ignore[misc]
    methods = {"__init__": _filled_later(made, form), **_compared(names)}
    methods |= _unchanged(names, form.kw_only) if form.is_frozen else {"__hash__": None}
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _compared(names: tuple[str, ...]) -> dict[str, Any]:
    values = attrgetter(*names)

    def equal(self: object, other: object) -> Any:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def shown(self: object) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return {"__eq__": equal, "__repr__": shown}


def _unchanged(names: tuple[str, ...], kw_only: bool) -> dict[str, Any]:
    values = attrgetter(*names)

    def hashed(self: object) -> int:
        return hash(values(self))

    def reduced(self: object) -> tuple[Any, ...]:
        own = {name: getattr(self, name) for name in names}
        return (_remade, (type(self), own)) if kw_only else (type(self), tuple(own.values()))

    refused = {"__setattr__": _refuse, "__delattr__": _refuse}
    return {"__hash__": hashed, "__reduce__": reduced, **refused}


def _filled_later(made: Any, form: Form) -> Any:
    """An `__init__` that compiles its successor when it is first called: of most classes no value
    is needed before the first list is drawn."""

    def first(self: Any, *values: Any, **named: Any) -> None:
        made.__init__ = filler = _filler(made, form)
        filler(self, *values, **named)

    return first


def _filler(made: Any, form: Form) -> Any:
    """An `__init__`. One of a frozen class fills the slots directly: nothing else can."""
    scope: dict[str, Any] = {}
    parameters, body = ["self", "*"] if form.kw_only else ["self"], []
    for field in fields(made):
        name = field.name
        scope[f"_or_{name}"] = either = (
            field.default if field.default_factory is MISSING else field.default_factory
        )
        parameters.append(name if either is MISSING else f"{name}=_or_{name}")
        fresh = field.default_factory is not MISSING
        value = f"_or_{name}() if {name} is _or_{name} else {name}" if fresh else name
        if form.is_frozen and form.has_slots:
            scope[f"_set_{name}"] = getattr(made, name).__set__
            body.append(f"_set_{name}(self, {value})")
        elif form.is_frozen:
            body.append(f"self.__dict__['{name}'] = {value}")
        else:
            body.append(f"self.{name} = {value}")
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body), scope)
    return scope["__init__"]


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")
