"""`podwire config --edit`: whatever the editor does, the file is the old one or the new one, and nothing is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cli import config_edit
from cli.main import main

OLD = 'theme = "day"\n'


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(config_edit, "EDITORS", ())
    return tmp_path / "podwire" / "config.toml"


def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """An editor whose last argument is the file: $FILE in the script."""
    program = tmp_path / "my editor"
    program.write_text(f'#!/bin/sh\nfor FILE in "$@"; do :; done\n{script}\n')
    program.chmod(0o700)
    monkeypatch.setenv("EDITOR", f"'{program}' --wait")


def edited() -> int:
    return main(["config", "--edit"])


def kept(path: Path) -> list[str]:
    """The copies that are left beside the file."""
    return [one.read_text() for one in path.parent.glob("config-edited-*")]


def test_what_is_right_replaces_the_file_and_the_one_before_is_kept(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    path.write_text(OLD)
    path.chmod(0o640)
    editor(monkeypatch, tmp_path, """echo 'theme = "night"' > "$FILE" """)
    assert edited() == 0
    assert path.read_text() == 'theme = "night"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.with_name("config.toml~").read_text() == OLD
    assert kept(path) == []


def test_a_new_one_begins_with_all_settings_as_comments(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(monkeypatch, tmp_path, """echo 'record = false' >> "$FILE" """)
    assert edited() == 0
    text = path.read_text()
    assert "# read_only = false" in text and text.endswith("record = false\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_nothing_was_changed_no_file_is_made(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(monkeypatch, tmp_path, "true")
    assert edited() == 0
    assert list(path.parent.iterdir()) == []


def test_what_is_wrong_is_said_by_line_and_nothing_is_lost(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path.parent.mkdir()
    path.write_text(OLD)
    editor(monkeypatch, tmp_path, """echo 'thme = "night"' > "$FILE" """)
    assert edited() == 1
    assert path.read_text() == OLD and kept(path) == ['thme = "night"\n']
    said = capsys.readouterr().err
    assert "config.toml, line 1: there is no key 'thme': the nearest is 'theme'." in said
    assert str(next(path.parent.glob("config-edited-*"))) in said


@pytest.mark.parametrize(("answers", "code", "text"), [("es", 0, "new"), ("s", 2, "bad")])
def test_it_may_be_edited_again_or_saved_as_it_is(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: str,
    code: int,
    text: str,
) -> None:
    script = 'grep -q bad "$FILE" && echo "theme = \'new\'" > "$FILE" || echo "bad = 1" > "$FILE"'
    editor(monkeypatch, tmp_path, script)
    given = iter(answers)
    monkeypatch.setattr(config_edit, "_asked", lambda: next(given))
    assert edited() == code
    assert text in path.read_text() and kept(path) == []


@pytest.mark.parametrize("script", ["exit 1", """echo 'theme = "x"' > "$FILE"; exit 1"""])
def test_an_editor_that_fails_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    path.parent.mkdir()
    path.write_text(OLD)
    editor(monkeypatch, tmp_path, script)
    assert edited() == 1
    assert path.read_text() == OLD
    assert kept(path) == (['theme = "x"\n'] if "echo" in script else [])


def test_what_somebody_else_wrote_meanwhile_stays(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path.parent.mkdir()
    path.write_text(OLD)
    editor(
        monkeypatch,
        tmp_path,
        f"""echo 'mouse = "off"' > "{path}"; echo 'bell = "bell"' > "$FILE" """,
    )
    assert edited() == 1
    assert path.read_text() == 'mouse = "off"\n' and kept(path) == ['bell = "bell"\n']
    assert "was changed by somebody else meanwhile" in capsys.readouterr().err


def test_a_link_stays_a_link(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "podwire.toml"
    real.write_text(OLD)
    path.parent.mkdir()
    path.symlink_to(real)
    editor(monkeypatch, tmp_path, """echo 'bell = "bell"' > "$FILE" """)
    assert edited() == 0
    assert path.is_symlink() and real.read_text() == 'bell = "bell"\n'


def test_without_an_editor_that_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    assert edited() == 2
    assert "set $VISUAL or $EDITOR" in capsys.readouterr().err


def test_where_no_file_can_be_made_that_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    editor(monkeypatch, tmp_path, "exit 0")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/1")  # nothing can be made there, by nobody
    assert edited() in (1, 2)
    said = capsys.readouterr().err
    assert "Nothing can be written to /proc/1/podwire" in said and "Give --config FILE" in said


def test_an_editor_that_is_not_there_is_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDITOR", "/nonexistent/vi")
    assert edited() == 1
    assert "the editor /nonexistent/vi cannot be started" in capsys.readouterr().err
    assert list(path.parent.iterdir()) == []


def test_an_editor_with_a_quotation_mark_too_few_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISUAL", "vi 'x")
    assert edited() == 2
    assert "$VISUAL is not a command: No closing quotation." in capsys.readouterr().err


@pytest.mark.parametrize("script", ['rm "$FILE"', 'rm "$FILE"; mkdir "$FILE"', 'rm "$FILE"; false'])
def test_an_editor_that_leaves_no_file_is_no_error_of_podwire(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
) -> None:
    path.parent.mkdir()
    path.write_text(OLD)
    editor(monkeypatch, tmp_path, script)
    assert edited() == 2
    assert "What was written cannot be read from" in capsys.readouterr().err
    assert path.read_text() == OLD


def test_what_is_no_toml_does_not_make_podwire_read_only(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    editor(monkeypatch, tmp_path, """echo '[' > "$FILE" """)
    assert edited() == 1
    said = capsys.readouterr().err
    assert "is not TOML" in said and "read-only" not in said
