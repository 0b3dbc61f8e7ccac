"""A recording that is damaged is opened with what is left of it."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest

from collectors.errors import ConfigError
from collectors.recording.session_log import TIMELINE
from session.opened_recording import open_recording
from session.session_files import opened

LAB = Path(__file__).parent.parent / "data" / "lab.pcap"
DEMO = Path(__file__).parent.parent.parent / "cli" / "demo.tar"


def test_one_whose_timeline_cannot_be_read_shows_its_evidence() -> None:
    with contextlib.ExitStack() as places:
        directory = opened(DEMO, places)
        (directory / TIMELINE).write_bytes(b"\0" * 100)
        archive = open_recording(directory, again=False, places=places).archive
        assert archive.ended > archive.began
        store = archive.state_at(archive.ended).store
        assert store.latest > 0


@pytest.mark.parametrize("name", ["seen.pcap", "seen here.pcap", "seen.pcap.gz"])
def test_a_capture_is_called_so_with_what_opens_it(tmp_path: Path, name: str) -> None:
    content = LAB.read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with contextlib.ExitStack() as places, pytest.raises(ConfigError) as refused:
        open_recording(path, again=False, places=places)
    wanted = f"'{path}'" if " " in name else f"{path}"
    assert str(refused.value).startswith(f"{path} is a capture")
    assert f"`podwire pcap {wanted}`" in str(refused.value)
    assert "neither" not in str(refused.value)
