"""The field's terms, one meaning a word: names that only this project would use are not in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# word: what the field calls it
WORDS = {
    r"footholds?": "attachment",
    r"ways?(?!points?)": "path, route, direction, how",
    r"rungs?": "access level",
    r"owed|owes|owe": "pending delete, left behind",
    r"pays?|paid": "clean up",
    r"settles?|settled": "finish, stable",
    r"told|tells?": "say, report, message",
    r"whom": "who, which",
    r"anew": "again",
    r"but for": "except",
    r"happenings?": "kube events",
    r"hal(f|ves)(?![ -](open|clos))": "direction, 50 %",
    r"takes?|took|taken": "read, need, accept, last",
    r"tally|tallies": "count",
    r"sure": "confidence, verify",
    r"(?<!; )then": "after that, or a new sentence",
    r"lost races": "insert_failed",
    r"sick": "unhealthy",
    r"back[ _]ports?": "reply port",
    r"midway": "midstream pickup",
    r"reaches whom": "connectivity matrix",
    r"resent|resends?|resending|s(ent|ends?|ending)[ _]again": "retransmitted, RETRANS",
    r"in vain": "spurious, without an answer",
    r"(stands?|stood|standing) still": "does not increase, stall",
}
MARKS = re.compile(
    r"(?<![a-z0-9])(marks?)(?![a-z0-9])", re.IGNORECASE
)  # analysis flags; a person may set a mark
WORD = re.compile(rf"(?<![a-z0-9])({'|'.join(WORDS)})(?![a-z0-9])", re.IGNORECASE)
SELF = "tests/test_vocabulary.py"
OLD_NAMES = "collectors/recording/earlier_formats.py"  # fields as recordings of 0.1.0 have them
SKIPPED = ("LICENSE", "requirements.lock", "tests/data/", "tests/lab/transcripts/", SELF, OLD_NAMES)
TEXT = (".py", ".pyi", ".pyx", ".pxd", ".md", ".toml", ".tcss", ".yaml", ".yml", ".sh", "Makefile")


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:  # an unpacked source archive
        pytest.skip("not a git checkout")
    names = (name for name in listed.stdout.split("\n") if name.endswith(TEXT))
    return [name for name in names if not name.startswith(SKIPPED) and (ROOT / name).exists()]


def words_in(name: str, text: str) -> list[str]:
    patterns = [WORD, *([MARKS] if name.startswith("collectors/capture/") else [])]
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return [
        f"{name}:{number} {found[0]!r} in: {line.strip()[:90]}"
        for pattern in patterns
        if pattern.search(words)  # most files have none
        for number, line in enumerate(words.splitlines(), 1)
        for found in pattern.finditer(line)
    ]


def test_the_fields_terms_are_used() -> None:
    found = [hit for name in tracked() for hit in words_in(name, (ROOT / name).read_text())]
    assert not found, f"{len(found)} places, e.g.\n" + "\n".join(found[:400])
