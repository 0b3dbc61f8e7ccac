"""Figures as text: short, aligned, with units."""

from __future__ import annotations

from collectors.plural import plural
from session.wall_clock import wall_clock

NONE = "–"
QUOTED = 30  # characters of what was typed


def count(value: float | None) -> str:
    """A count with thin grouping up to 6 digits, above that in M or G."""
    if value is None:
        return NONE
    if abs(value) < 1_000_000:
        return f"{value:,.0f}"
    for size, unit in ((1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:,.0f}"


def compact(text: str) -> str:
    """A figure as `count` writes it, in at most four characters: 56, 4.9k, 391k, 1.2M."""
    number = text.replace(",", "")
    if not number.isdecimal() or len(number) < 4:
        return text.replace(" ", "")
    value, unit = _scaled(int(number))
    return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"


def rounded(text: str) -> str:
    """The same without a decimal: 56, 5k, 391k, 1M."""
    number = text.replace(",", "")
    if not number.isdecimal() or len(number) < 4:
        return text.replace(" ", "")
    value, unit = _scaled(int(number))
    return f"{value:.0f}{unit}"


def _scaled(number: int) -> tuple[float, str]:
    """With its unit; what would be rounded up to 1000k is of the next."""
    return (number / 1e6, "M") if number >= 999_500 else (number / 1e3, "k")


def many(number: int, one: str, several: str = "") -> str:
    """`1 finding`, `2 findings`, `2 queries`."""
    return f"{count(number)} {plural(number, one, several)}"


def times(number: int) -> str:
    """`once`, `2 times`."""
    return "once" if number == 1 else f"{count(number)} times"


def rate(value: float | None) -> str:
    """A rate to three figures."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    if value < 10:
        return f"{value:.1f}"
    return count(value)


def percent(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.0f} %" if value >= 99.95 or value == 0 else f"{value:.1f} %"


def bits(value: float | None) -> str:
    """bits/s."""
    if value is None:
        return NONE
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}b/s"
    return f"{value:.0f} b/s"


def milliseconds(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def quoted(words: str) -> str:
    """What was typed, cut so that what is said after it is seen."""
    short = words if len(words) <= QUOTED else words[: QUOTED - 1] + "…"
    return f"“{short}”"


def clock(at: float, fraction: int = 0, beside: float = 0.0) -> str:
    """Wall time of day, local, with the date where that is not the day of `beside`; of what has no
    time, as a file that cannot be read, none."""
    return wall_clock(at, fraction, beside) if at else NONE


def age(seconds: float) -> str:
    """How long ago, in the largest whole unit, as kubectl shows it."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"


def duration(seconds: float) -> str:
    """A length of time, in the unit that gives two or three figures."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"
