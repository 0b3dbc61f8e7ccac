"""Local times of day, for people: with the date where it is not the day of what they look at."""

from __future__ import annotations

import time


def wall_clock(at: float, fraction: int = 0, beside: float = 0.0) -> str:
    """`14:03:20`, with so many digits of a `fraction`; `11-27 14:03:20` where `beside`, the present
    of whoever looks, is another day, and the whole date where it is another year. In seconds since
    the epoch; 0 is no present."""
    there = time.localtime(at)
    text = time.strftime("%H:%M:%S", there)
    if fraction:
        text = f"{text}.{int(at % 1 * 10**fraction):0{fraction}d}"
    return f"{_date(there, time.localtime(beside))}{text}" if beside else text


def _date(there: time.struct_time, here: time.struct_time) -> str:
    if there[:3] == here[:3]:
        return ""
    return time.strftime("%m-%d " if there[0] == here[0] else "%Y-%m-%d ", there)


def wall_date(at: float) -> str:
    """`2026-11-27`, of the local calendar."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def same_day(first: float, second: float) -> bool:
    """Of the local calendar."""
    return time.localtime(first)[:3] == time.localtime(second)[:3]
