"""Numbers and their nouns: by one helper, on every screen and in every line of the log."""

from __future__ import annotations

import re
from pathlib import Path

from collectors.plural import counted, plural

ROOT = Path(__file__).parent.parent.parent
NOUNS = (
    "packets|events|entries|bytes|queries|commands|sockets|findings|counters|pods|nodes|services"
)
BY_HAND = re.compile(r"\{(?:fmt\.count\([^{}]*\)|[^{}]*:,)\} (?:" + NOUNS + r")\b")
OTHERS = {"frames.py"}  # `from 1 to 4 bytes`


def test_one_and_several() -> None:
    assert (counted(1, "packet"), counted(1_200, "packet")) == ("1 packet", "1,200 packets")
    assert (plural(1, "entry", "entries"), plural(0, "entry", "entries")) == ("entry", "entries")


def test_no_screen_and_no_line_of_the_log_does_it_by_hand() -> None:
    assert BY_HAND.search('f"{fmt.count(seen)} packets"') and BY_HAND.search('f"{n:,} events"')
    paths = [path for place in ("tui", "session") for path in (ROOT / place).rglob("*.py")]
    assert not [
        f"{path.name}: {found[0]}"
        for path in paths
        if path.name not in OTHERS and (found := BY_HAND.search(path.read_text()))
    ]
