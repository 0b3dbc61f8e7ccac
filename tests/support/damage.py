"""Lines of a recording with one value in them replaced by what no podwire would write there."""

from __future__ import annotations

import json
from random import Random
from typing import Any

HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1 << 63, 10**30, 1e300, -1e18, 1e11, float("nan"), float("inf")),
    *("", "x", "\ud800", "\x1b]52;c;eA==\x07\x1b[2J\x00\u202e", "pod/", "pod/a/b/c"),
    *([], ["a"], {}, {"_": "Mark"}, {"_b": 1}, {"_l": 3}, {"_d": [1]}),
)


def damaged(line: str, random: Random) -> str:
    return json.dumps(_damaged(json.loads(line), random))


def _damaged(value: Any, random: Random) -> Any:
    if isinstance(value, dict) and (names := [name for name in value if name != "_"]):
        name = random.choice(names)
        deeper = random.random() < 0.6
        return {**value, name: _damaged(value[name], random) if deeper else random.choice(HOSTILE)}
    if isinstance(value, list) and value and random.random() < 0.7:
        place = random.randrange(len(value))
        return [*value[:place], _damaged(value[place], random), *value[place + 1 :]]
    return random.choice(HOSTILE)
