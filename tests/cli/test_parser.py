"""The arguments of a command are made where it was given."""

from __future__ import annotations

import argparse

from cli.parser import COMMANDS, parser


def test_a_command_has_the_arguments_that_the_whole_parser_gives_it() -> None:
    """Only those of the command that was given are made."""
    for name in COMMANDS:
        alone, whole = (sub_parsers(parser(words)) for words in ([name, "x"], None))
        assert alone[name].format_help() == whole[name].format_help()
        assert list(alone) == list(whole)
        others = {one for one, made in alone.items() if len(made._actions) > 1}
        assert others == {name}


def sub_parsers(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (commands,) = (one for one in top._actions if isinstance(one, argparse._SubParsersAction))
    return dict(commands.choices)
