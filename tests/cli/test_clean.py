"""`podwire clean` where nobody can look."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import main
from collectors.recording.journal import ClusterIdentity, Journal
from session.files import journal_path


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_kubeconfig_that_is_not_there_is_a_wrong_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["clean", "--kubeconfig", "/nope"]) == main(["doctor", "--kubeconfig", "/nope"])
    assert main(["clean", "--kubeconfig", "/nope"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "context" not in err and "There is no kubeconfig at /nope." in err


def test_what_is_known_to_be_left_stays_where_nobody_can_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    config.write_text("clusters: []\ncontexts: []\n")
    journal = Journal(journal_path(), session="1-gone")
    where = ClusterIdentity("prod", str(config))
    journal.begin(where, verb="create pods", namespace="shop", name="podwire-1", node="n1")
    assert main(["clean", "--kubeconfig", str(config)]) == 5
    out, err = capsys.readouterr()
    assert out == "" and "context prod: " in err


@pytest.mark.parametrize("command", ["clean", "check", "doctor"])
def test_where_nothing_can_be_kept_the_answer_is_as_elsewhere(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", __file__)  # no directory can be made below a file
    assert main([command, "--kubeconfig", "/nope"]) == 2
    assert "There is no kubeconfig at /nope." in capsys.readouterr().err
