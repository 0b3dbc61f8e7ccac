"""`podwire check --from`: today's rules on what was recorded, on its own clock."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.support.incident import full_table, sample, written


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return written(tmp_path / "incident.jsonl", full_table())


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", "-o", "json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_what_appeared_is_printed_with_from_and_to(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, body = checked(capsys, "--from", str(recording))
    assert code == 1 and body["context"] == "prod"
    (finding,) = (one for one in body["findings"] if one["severity"] != "info")
    assert (finding["rule"], finding["where"]) == ("conntrack_full", "n1")
    assert finding["evidence"] and finding["fix"]
    began, ended = finding["from"], finding["to"]
    assert "2023-11-14T22:13:50Z" <= began <= "2023-11-14T22:13:54Z"
    assert "2023-11-14T22:14:30Z" <= ended <= "2023-11-14T22:14:42Z"


def test_gzipped_and_as_text_and_markdown(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "incident.jsonl.gz"
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    assert main(["check", "--from", str(packed)]) == 1
    text = capsys.readouterr().out
    assert "seen: 2023-11-14T22:13:5" in text and "conntrack table is 100 % full" in text
    assert main(["check", "-o", "markdown", "--from", str(packed), "--fail-on", "never"]) == 0
    assert "- seen: 2023-11-14T22:13:5" in capsys.readouterr().out


def test_a_quiet_recording_and_a_capture_give_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "quiet.jsonl", [sample(second, 100) for second in range(30)])
    code, body = checked(capsys, "--from", str(path))
    assert (code, body["findings"], body["summary"]) == (0, [], "nothing found")


def test_a_capture_beside_it_is_of_the_node_that_is_named(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = Path(__file__).parent.parent / "data" / "lab.pcap"
    code, body = checked(capsys, "--from", str(recording), "--from", f"node/n1={capture}")
    assert code == 1
    assert [finding["rule"] for finding in body["findings"]].count("conntrack_full") == 1


def test_what_cannot_be_read_is_said(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--from", str(tmp_path / "none")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    assert main(["check", "--from", f"node/n1={recording}"]) == 2
    assert "no capture" in capsys.readouterr().err
    assert main(["check", "ns/shop", "--from", str(recording)]) == 2
    assert "name no target" in capsys.readouterr().err
    torn = tmp_path / "torn.pcap"
    torn.write_bytes((Path(__file__).parent.parent / "data" / "lab.pcap").read_bytes()[:30])
    code, _ = checked(capsys, "--from", str(recording), "--from", str(torn))
    assert code == 1
