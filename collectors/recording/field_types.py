"""What a field of a recorded event may hold, by its type: checked once, where an event is read.

A recording may be damaged or hostile. Numbers are finite and as large as the kernel's counters at
most, times are such as a calendar has, and text is safe to show (collectors/sanitize.py).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from collectors.sanitize import visible, visible_lines

Check = Callable[[Any], Any]  # the value as it may stay, or Unfit
LATEST = 32_503_680_000.0  # seconds since the epoch: the year 3000
LARGEST = 1e18  # of a number with a fraction: a sum of many is a number still
MOST = 1 << 64  # a counter of the kernel, and its negative
LONGEST = 1 << 20  # characters of a text: a manifest is the longest
_TIME = (0, int(LATEST))
_U32 = (0, (1 << 32) - 1)
RANGES: dict[str, tuple[int, int]] = {  # of numbers, by the name of their field
    **dict.fromkeys(("at", "since", "created", "changed", "last", "times"), _TIME),
    "seconds": (0, 100_000_000),
    "ns": (0, (1 << 32) * 10**9 - 1),  # as pcap's own limit
    "linktype": _U32,
    "length": _U32,
}
OF_LINES = frozenset({"manifest", "output", "fix", "verify", "disproof"})


class Unfit(ValueError):
    """A value is not of its field's type, or out of its range."""


def checks_of(kind: type) -> dict[str, Check]:
    """For each field of an event or a row."""
    return {name: check_of(hint, name) for name, hint in get_type_hints(kind).items()}


def check_of(hint: Any, name: str = "") -> Check:
    """For values of a type, in a field of that name."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _scalar(hint, name)
    if origin is Literal:
        return _among(frozenset(inner))
    if origin in (Union, types.UnionType):
        return _any_of([check_of(one, name) for one in inner])
    if origin is tuple and inner[-1] is not Ellipsis:
        return _tuple_of([check_of(one, name) for one in inner])
    if origin is tuple:
        return _tuple_like(check_of(inner[0], name))
    if origin in (dict, Mapping):
        return _mapping(*(check_of(one, name) for one in inner))
    return _exactly(hint)  # its own fields were checked when it was made


def column_check(hint: Any, name: str) -> Callable[[Any], Sequence[Any]]:
    """For many values of a type that is a scalar or None: each different one is looked at once."""
    check = check_of(hint, name)

    def column(values: Any) -> Sequence[Any]:
        if not isinstance(values, (list, tuple)):
            raise Unfit("not a column")
        different = set(zip(map(type, values), values, strict=True))
        made = {one: check(one[1]) for one in different}
        if all(value is one[1] for one, value in made.items()):
            return values
        return [made[type(one), one] for one in values]

    return column


def is_time(at: float) -> bool:
    return 0.0 <= at <= LATEST


# --- scalars


def _text(value: Any) -> str:
    return visible(_known_text(value))


def _lines(value: Any) -> str:
    return visible_lines(_known_text(value))


def _known_text(value: Any) -> str:
    if type(value) is not str or len(value) > LONGEST:
        raise Unfit("not a text")
    return value


def _whole(value: Any) -> int:
    if type(value) is int and -MOST <= value <= MOST:
        return value
    raise Unfit("not a whole number, or too large")


def _number(value: Any) -> float:
    if type(value) in (float, int) and -LARGEST <= value <= LARGEST:  # NaN is neither
        return value  # type: ignore[no-any-return]
    raise Unfit("not a number, or too large")


def _between(check: Check, low: int, high: int) -> Check:
    def between(value: Any) -> Any:
        if low <= check(value) <= high:
            return value
        raise Unfit("out of its range")

    return between


def _exactly(kind: type) -> Check:
    def exact(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise Unfit(f"not of {kind.__name__}")

    return exact


def _anything(value: Any) -> Any:
    """JSON of any form."""
    if isinstance(value, str):
        return _lines(value)
    if isinstance(value, dict):
        return {_text(key): _anything(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_anything, value))
    if value is None or isinstance(value, (bool, int)) or (type(value) is float and value == value):
        return value
    raise Unfit("not JSON")


_SCALARS: dict[Any, Check] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _exactly(bool),
    bytes: _exactly(bytes),
    type(None): _exactly(type(None)),
    Any: _anything,
}


def _scalar(hint: Any, name: str) -> Check:
    if hint in (int, float) and name in RANGES:
        return _between(_SCALARS[hint], *RANGES[name])
    return _lines if hint is str and name in OF_LINES else _SCALARS[hint]


# --- what is made of them


def _among(known: Container[str]) -> Check:

    def among(value: Any) -> Any:
        if isinstance(value, str) and value in known:
            return value
        raise Unfit("not one of the known words")

    return among


def _any_of(checks: Sequence[Check]) -> Check:
    def any_of(value: Any) -> Any:
        for check in checks:
            try:
                return check(value)
            except Unfit:
                continue
        raise Unfit("of none of the types that are possible")

    return any_of


def _tuple_of(checks: Sequence[Check]) -> Check:
    def tuple_of(value: Any) -> Any:
        if type(value) is not tuple or len(value) != len(checks):
            raise Unfit(f"not {len(checks)} values")
        return tuple(check(one) for check, one in zip(checks, value, strict=True))

    return tuple_of


def _tuple_like(check: Check) -> Check:
    def all_of(value: Any) -> Any:
        if type(value) is not tuple:
            raise Unfit("not a list")
        return tuple(map(check, value))

    return all_of


def _mapping(key: Check, item: Check) -> Check:
    def mapping(value: Any) -> Any:
        if type(value) is not dict:
            raise Unfit("not a mapping")
        return {key(name): item(one) for name, one in value.items()}

    return mapping
