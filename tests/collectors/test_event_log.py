"""What is left out of a recording is said in words."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

from collectors.recording.event_log import Recording, left_out

LINES = b"".join(b"no event %d\n" % number for number in range(20_000))


def test_damaged_compression_is_said_once_in_a_sentence(tmp_path: Path) -> None:
    whole = gzip.compress(LINES)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[: len(whole) // 3])
    recording = Recording(cut)
    assert not list(recording.events())
    said = left_out(recording.skipped)
    assert "the file's compression is damaged: what comes after that is missing" in said
    assert f"damaged lines that are left out: {recording.skipped['damaged lines']:,}" in said


def test_unknown_kinds_and_missing_packets_are_counted() -> None:
    assert left_out(Counter({"x\x1b[1m": 2, "packets": 1_200})) == (
        "events of the unknown kind 'x␛[1m' that are left out: 2; packets that are missing: 1,200"
    )
    assert left_out(Counter()) == ""
