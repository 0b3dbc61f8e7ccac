"""`podwire pcap FILE… -o jsonl [--flows | --dns]` without the parser of all commands, which needs
longer than many a capture. Whatever else is written is for the parser, errors among it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

COMMAND, OUTPUT, JSONL = "pcap", ("-o", "--output"), "jsonl"
SHOWN = ("--flows", "--dns")


class PlainPcap:
    """The options of such a command line, by the parser's names."""

    command = COMMAND

    def __init__(self, files: list[Path], shown: str) -> None:
        self.files = files
        self.flows, self.dns = shown == "--flows", shown == "--dns"


def plain_pcap(words: Sequence[str]) -> PlainPcap | None:
    """None where it is anything else."""
    if not words or words[0] != COMMAND:
        return None
    before, rest = _options(list(words[1:]))
    files = list(takewhile(_is_file, rest))
    after, rest = _options(rest[len(files) :])
    given = before + after
    shown = [word for word in given if word in SHOWN]
    if rest or not files or len(set(given)) < len(given) or len(shown) > 1 or not given:
        return None
    return PlainPcap([Path(name) for name in files], "".join(shown))


def _options(words: list[str]) -> tuple[list[str], list[str]]:
    """The options that come first, those of the output as one word, and what follows."""
    found = []
    while words:
        if words[0] in SHOWN:
            found.append(words.pop(0))
        elif words[0] in OUTPUT and words[1:2] == [JSONL]:
            found.append(OUTPUT[0])
            del words[:2]
        else:
            break
    return found, words


def _is_file(word: str) -> bool:
    return word == "-" or (word != "" and not word.startswith("-"))
