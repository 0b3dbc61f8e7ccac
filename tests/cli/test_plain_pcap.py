"""What is understood without the parser is what the parser understands."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from cli.parser import parser
from cli.plain_pcap import plain_pcap

WORDS = (
    "a.pcap",
    "b c.pcap",
    "-",
    "-o jsonl",
    "--output jsonl",
    "-o console",
    "--flows",
    "--dns",
    "",
)
OTHERS = ("--", "--flow", "-ojsonl", "--output=jsonl", "--theme day", "--help", "-o", "-x")


def understood(words: list[str]) -> tuple[list[Path], bool, bool] | None:
    """By the parser; None where it ends the process or a console is asked for."""
    try:
        options = parser().parse_args(words)
    except SystemExit:
        return None
    is_jsonl = options.output == "jsonl" or options.flows or options.dns
    return (options.files, options.flows, options.dns) if is_jsonl else None


def test_the_same_as_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    plain_ones = 0
    for count in range(4):
        for chosen in permutations(WORDS, count):
            words = ["pcap", *(word for one in chosen for word in one.split(" ", one[0:1] == "-"))]
            found = plain_pcap(words)
            if found is not None:
                plain_ones += 1
                assert (found.files, found.flows, found.dns) == understood(words), words
    assert plain_ones > 50
    capsys.readouterr()


@pytest.mark.parametrize("other", OTHERS)
def test_whatever_else_is_written_is_for_the_parser(other: str) -> None:
    assert plain_pcap(["pcap", "a.pcap", "-o", "jsonl"]) is not None
    assert plain_pcap(["pcap", *other.split(), "-o", "jsonl", "a.pcap"]) is None
    assert plain_pcap([other, "pcap", "a.pcap", "-o", "jsonl"]) is None
    assert plain_pcap(["pcap", "a.pcap"]) is None and plain_pcap([]) is None
