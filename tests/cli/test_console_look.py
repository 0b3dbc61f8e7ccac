"""How the console looks: by options, the environment, the configuration and the terminal. What is wrong never keeps it
from opening."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import config
from cli.console_look import look_of
from cli.parser import parser
from collectors.errors import ConfigError
from tui.look import TerminalLook

THEME = "[colours]\nprimary = '#ffffff'\n"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("LC_ALL", "LC_CTYPE", "NO_COLOR", "PODWIRE_THEME", "PODWIRE_CHARACTERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    (tmp_path / "podwire" / "themes").mkdir(parents=True)
    return tmp_path / "podwire"


def look(*arguments: str) -> TerminalLook:
    return look_of(parser().parse_args(arguments), config.read(None))


def test_without_anything_it_is_as_usual() -> None:
    usual = look()
    assert usual == TerminalLook()


def test_no_color_is_honoured_and_a_theme_that_is_asked_for_wins(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert look().theme == "plain"
    assert look("--theme", "day").theme == "day"
    (directory / "config.toml").write_text('theme = "contrast"')
    assert look().theme == "contrast"
    monkeypatch.setenv("PODWIRE_THEME", "auto")
    assert look().theme == "plain"
    monkeypatch.setenv("NO_COLOR", "")  # as https://no-color.org says
    assert look().theme == "night"


def test_the_linux_console_has_16_colours_ascii_and_no_mouse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "linux")
    chosen = look()
    assert (chosen.theme, chosen.is_ascii, chosen.mouse) == ("sixteen", True, False)
    chosen = look("--theme", "night", "--no-ascii", "--mouse")
    assert (chosen.theme, chosen.is_ascii, chosen.mouse) == ("night", False, True)


@pytest.mark.parametrize(("name", "value"), [("LANG", "C"), ("LC_ALL", "POSIX")])
def test_a_locale_of_ascii_is_seen_and_overridden(
    directory: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert not look().is_ascii and look("--ascii").is_ascii
    monkeypatch.setenv(name, value)
    assert look().is_ascii
    (directory / "config.toml").write_text('characters = "unicode"')
    assert not look().is_ascii and look("--ascii").is_ascii


def test_a_theme_of_ones_own_is_used(directory: Path) -> None:
    (directory / "themes" / "mine.toml").write_text(THEME)
    (directory / "config.toml").write_text('theme = "mine"')
    chosen = look()
    assert (chosen.theme, chosen.notices) == ("mine", ())
    assert chosen.theme_file("mine").colours["primary"] == "#ffffff"
    assert chosen.theme_file("mine").colours["error"] == chosen.theme_file("night").colours["error"]


def test_one_that_cannot_be_read_well_is_named_with_pair_and_figure(directory: Path) -> None:
    (directory / "themes" / "mine.toml").write_text("[colours]\nsecondary = '#333333'\n")
    (directory / "config.toml").write_text('theme = "mine"')
    (notice,) = look().notices
    assert "Text of the theme mine is hard to read, below a contrast of 4.5: secondary on" in notice
    assert "secondary on background 1.5" in notice


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("themes/mine.toml", "[colours", "The theme mine.toml cannot be read"),
        ("themes/night.toml", THEME, "needs a name of its own"),
        ("themes/Ä.toml", THEME, "needs a name of its own"),
        ("config.toml", 'theme = "mine"', "line 1: There is no theme 'mine'. Known: night, cont"),
        ("config.toml", 'theme = "Day"', "There is no theme 'Day'. The nearest is 'day'."),
        ("themes/mine.toml", "drak = true", "mine.toml has no key 'drak': the nearest is 'dark'"),
        ("themes/mine.toml", "[colors]", "has no key 'colors': the nearest is 'colours'"),
        ("config.toml", "theme = 3", "'theme' has a value of the wrong type: it must be text."),
        ("config.toml", "colours = 3", "colours must be a table."),
        ("config.toml", "keys = 3", "keys must be tables, as [keys.target]."),
        ("config.toml", "keys.target = 3", "keys must be tables, as [keys.target]."),
        (
            "config.toml",
            "[colours]\nprimry = '#000000'",
            "line 2: there is no key 'colours.primry'",
        ),
        (
            "config.toml",
            "[keys.targt]\nx = 'y'",
            "line 1: there is no key 'keys.targt': the nearest",
        ),
        ("config.toml", "[keys.app]\nhelp = 'wrod'", "line 2: keys.app.help: 'wrod' is not a key"),
        ("config.toml", "[keys.app]\nhelp = []", "must be a key or a list of keys"),
        ("config.toml", "[keys.app]\nhelp = 3", "must be a key or a list of keys"),
        ("config.toml", "[keys.app]\nhelp = ['f1', 'ctrl+p']", "is app.command_palette already"),
        ("config.toml", "bell = 'loud'", "'bell' is 'loud'; it must be one of off, bell"),
        ("config.toml", "= 3", "is not TOML"),
        (
            "config.toml",
            "image = 'a b'",
            "'image' cannot be used: 'a b' is not the name of an image",
        ),
    ],
)
def test_what_is_wrong_is_a_sentence_and_it_opens(
    directory: Path, file: str, text: str, says: str
) -> None:
    (directory / file).write_text(text)
    chosen = look()
    assert len(chosen.notices) == 1 and says in chosen.notices[0]
    assert (chosen.theme, chosen.keymap) == ("night", {})
    config.read(None).settings(parser().parse_args([]), "prod")


def test_a_theme_of_the_command_line_that_is_not_there_ends_it() -> None:
    with pytest.raises(ConfigError, match=r"There is no theme 'nope'\. Known: night"):
        look("--theme", "nope")


def test_a_theme_that_is_asked_for_and_is_none_says_why(directory: Path) -> None:
    (directory / "themes" / "mine.toml").write_text("dark = 'x'")
    with pytest.raises(ConfigError, match=r"The theme mine\.toml needs dark as true or false"):
        look("--theme", "mine")
    (directory / "config.toml").write_text('theme = "mine"')
    (notice,) = look().notices
    assert "mine.toml needs dark" in notice


def test_keys_are_those_of_the_file(directory: Path) -> None:
    (directory / "config.toml").write_text(
        '[keys.target]\ncapture = "w"\nsave = ["c", "ctrl+w"]\nclose = "f4"\n'
    )
    assert look().keymap == {
        "target.capture": "w",
        "target.save": "c,ctrl+w",
        "target.close": "f4",
    }
