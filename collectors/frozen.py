"""Plain values: `@frozen` is `@dataclass(frozen=True, slots=True)` to whoever reads and to mypy,
but created and filled twice as fast: the console has a hundred of them before its first list."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Equal where its class and all its fields are. Methods of its own are kept; a `__post_init__`
    is not called."""
    own = vars(cls)
    made: Any = dataclass(init=False, slots=True, repr=False, eq=False)(cls)
    names: tuple[str, ...] = tuple(field.name for field in fields(made))
    made.__match_args__ = names  # type: ignore[misc]
    values = attrgetter(*names)

    def equal(self: T, other: object) -> Any:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hashed(self: T) -> int:
        return hash(values(self))

    def shown(self: T) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    def reduced(self: T) -> tuple[type[T], tuple[Any, ...]]:
        return type(self), tuple(getattr(self, name) for name in names)

    methods = {
        "__init__": _filler(made),
        "__eq__": equal,
        "__hash__": hashed,
        "__repr__": shown,
        "__reduce__": reduced,
    }
    for name, method in (methods | {"__setattr__": _refuse, "__delattr__": _refuse}).items():
        if name not in own:
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _filler(made: Any) -> Any:
    """An `__init__` that fills the slots directly: nothing else can."""
    scope: dict[str, Any] = {}
    parameters, body = [], []
    for field in fields(made):
        name = field.name
        scope[f"_set_{name}"] = getattr(made, name).__set__
        scope[f"_or_{name}"] = either = (
            field.default if field.default_factory is MISSING else field.default_factory
        )
        parameters.append(name if either is MISSING else f"{name}=_or_{name}")
        fresh = field.default_factory is not MISSING
        value = f"_or_{name}() if {name} is _or_{name} else {name}" if fresh else name
        body.append(f"_set_{name}(self, {value})")
    exec(f"def __init__(self, {', '.join(parameters)}):\n " + "\n ".join(body), scope)
    return scope["__init__"]


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")
