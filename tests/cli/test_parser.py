"""The arguments of a command are made where it was given."""

from __future__ import annotations

import argparse

import pytest

from cli.parser import COMMANDS, parser


def test_a_command_has_the_arguments_that_the_whole_parser_gives_it() -> None:
    """Only those of the command that was given are made."""
    for name in COMMANDS:
        alone, whole = (sub_parsers(parser(words)) for words in ([name, "x"], None))
        assert alone[name].format_help() == whole[name].format_help()
        assert list(alone) == list(whole)
        others = {one for one, made in alone.items() if len(made._actions) > 1}
        assert others == {name}


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--since", ""],
        ["check", "--from", " "],
        ["report", ""],
        ["replay", ""],
        ["sessions", "export", ""],
        ["sessions", "import", ""],
    ],
    ids=" ".join,
)
def test_an_unset_variable_is_no_session(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser(words).parse_args(words)
    assert ended.value.code == 2
    assert "an empty name is no session and no file" in capsys.readouterr().err


def sub_parsers(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (commands,) = (one for one in top._actions if isinstance(one, argparse._SubParsersAction))
    return dict(commands.choices)
