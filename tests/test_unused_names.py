"""Nothing is defined that nothing of the product uses: a test alone keeps no function."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # every word is counted

ROOT = Path(__file__).parent.parent
PACKAGES = ("cli", "tui", "session", "diagnosis", "collectors", "lab", "podwire", "themes")
DEFINED = re.compile(r"^ *(?:async def|def|class) (\w+)", re.M)
# methods that Textual, aiohttp and Python call by their names
BY_NAME = re.compile(r"__\w+__|(_?on|action|watch|_command|render|get)_\w+")
CALLED_ELSEWHERE = {
    "_fatal_error",  # Textual's
    "_run_input_thread",
    "_sigcont_application",
    "_wrap_create_connection",  # aiohttp's
    "flow_line",  # of tests, beside the lines that the core writes
    "read_rows",  # of benchmarks and fuzzing, which measure and break this step alone
    "formula",  # of docs/reference/counters.md, held by a test
    # of collectors/privacy/known_names.py, by an event's class
    "_of_change",
    "_of_left",
    "_of_network",
    "_of_person",
    "_of_start",
    "_of_write",
}


def unused(texts: list[str]) -> set[str]:
    """Names of functions and classes that stand nowhere but where they are defined."""
    words = Counter(word for text in texts for word in re.findall(r"\w+", text))
    defined = Counter(name for text in texts for name in DEFINED.findall(text))
    return {
        name
        for name, count in defined.items()
        if words[name] <= count and not BY_NAME.fullmatch(name)
    }


def test_every_function_and_class_is_used() -> None:
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py*"))
    texts = [path.read_text() for path in paths if path.suffix in (".py", ".pyx", ".pxd")]
    assert unused(texts) - CALLED_ELSEWHERE == set()
    assert unused(texts) >= CALLED_ELSEWHERE, "used by now: remove it from the list"


def test_what_is_unused_is_found() -> None:
    assert unused(
        ["def one(): two()", "def two(): ...", "class Three:\n    def on_key(self): ..."]
    ) == {
        "one",
        "Three",
    }
