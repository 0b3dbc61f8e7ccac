"""Lines of what was unpacked; a block that unpacks to more than any that podwire wrote."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, strategies as st

from collectors.recording import blocks
from collectors.recording.blocks import FileBlock, content, whole_lines
from collectors.recording.session_log import TIMELINE
from collectors.recording.session_reader import MOST_DAMAGED, SessionReader

HEADER = blocks._BEGIN + struct.pack("<8sdQ", b"of a foe", 1.7e9, 0)


@given(st.lists(st.binary(max_size=9).map(lambda data: data.replace(b"\x00", b"\n"))))
def test_lines_are_whole_wherever_the_pieces_end(pieces: list[bytes]) -> None:
    *lines, _ = b"".join(pieces).split(b"\n")
    assert list(whole_lines(pieces)) == list(filter(None, lines))


def test_pieces_of_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SPLIT", 3)
    assert list(whole_lines([b"\nab\ncdefg\n\nh", b"i\nj"])) == [b"ab", b"cdefg", b"hi"]


@pytest.mark.parametrize("line", [b"\0", b"\n", b"x\n"])
def test_a_bomb_costs_a_bounded_time(line: bytes, tmp_path: Path) -> None:
    """Of lines that say nothing no more are read than a disk may damage."""
    data = zstandard.ZstdCompressor(level=1).compress(line * (blocks.MOST // len(line) + 1))
    (tmp_path / TIMELINE).write_bytes(HEADER + data)
    assert (tmp_path / TIMELINE).stat().st_size < blocks.MOST / 1_000
    reader, begin = SessionReader(tmp_path), time.process_time()
    assert list(reader.timeline()) == []
    assert reader.skipped["damaged lines"] <= MOST_DAMAGED + 1
    assert time.process_time() - begin < 20.0


def test_what_a_block_has_too_much_is_damage(tmp_path: Path) -> None:
    data = zstandard.ZstdCompressor(level=1).compress(b"\0" * (2 * blocks.MOST))
    (tmp_path / TIMELINE).write_bytes(HEADER + data)
    (block,), found = blocks.blocks(tmp_path / TIMELINE), list[FileBlock]()
    assert sum(map(len, content(block, found.append))) < 1.5 * blocks.MOST
    assert found == [block]
