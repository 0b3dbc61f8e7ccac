"""A time as a person types it, within what was recorded: `14:03`, `14:03:20`, `14:03:20.125` as
packets are listed, `14:03 UTC` as reports have it, `+90`, `-5m`, ISO."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from collectors.errors import ConfigError
from collectors.sanitize import sanitize
from session.wall_clock import same_day

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(\s*(?:Z|UTC))?", re.ASCII)
_STEP = re.compile(r"([+-])(\d{1,6})([smh]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
FORMS = "14:03, 14:03:20, 2026-11-27T14:03:20"
STEPS = ", +90, -5m"  # from where a replay is


def time_within(text: str, began: float, ended: float, now: float = 0.0) -> float:
    """Seconds since the epoch. Without a zone it is local time, and without a date that of the
    recording: of several the one of `now`, else the first. `+` and `-` are from `now`. ConfigError
    where it is not a time, or is outside."""
    text = text.strip()
    if now and (step := _STEP.fullmatch(text)) is not None:
        seconds = float(step[2]) * _SECONDS[step[3]]
        return min(max(now + (seconds if step[1] == "+" else -seconds), began), ended)
    known = list(_readings(text, began, ended))
    if not known:
        raise ConfigError(f"{sanitize(text, 40)!r} is not a time: {FORMS}{STEPS if now else ''}.")
    # a minute that was typed begins before the second in which the recording does
    wanted = 60.0 if text.count(":") == 1 else 1.0
    within = [max(at, began) for at in known if began - wanted < at <= ended]
    if within:  # of several days, the one that is looked at
        return next((at for at in within if now and same_day(at, now)), within[0])
    raise ConfigError(
        f"{sanitize(text, 40)} is not within the recording, which is from {_shown(began)} to "
        f"{_shown(ended)}."
    )


def _readings(text: str, began: float, ended: float) -> Iterator[float]:
    if (clock := _CLOCK.fullmatch(text)) is not None:
        *parts, zone = clock.groups("")
        parts[3] = parts[3].ljust(6, "0")
        of_day = tuple(int(part or 0) for part in parts)
        yield from _on_each_day(of_day, began, ended, UTC if zone else None)
        return
    try:
        yield datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return


def _on_each_day(
    clock: tuple[int, ...], began: float, ended: float, zone: tzinfo | None
) -> Iterator[float]:
    """The same time of the day on each day of the recording; without a zone it is local."""
    hour, minute, second, fraction = clock
    if hour > 23 or minute > 59 or second > 59:
        return
    day = datetime.fromtimestamp(began, zone).replace(hour=hour, minute=minute, second=second)
    day = day.replace(microsecond=fraction)
    while day.timestamp() <= ended + 86_400:
        yield day.timestamp()
        day += timedelta(days=1)


def _shown(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
