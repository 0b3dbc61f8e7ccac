"""A parser of arguments that knows which command was meant."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from typing import Any, NoReturn

from cli.exit_codes import USAGE
from cli.messages import flush_output, print_message, write_output
from cli.open_target import OPEN
from collectors.sanitize import sanitize


class CommandParser(argparse.ArgumentParser):
    """What a command does not know is said with that command's usage."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._of(options).error(f"unrecognized arguments: {' '.join(unknown)}")
        return options

    def _print_message(self, message: str, file: Any = None) -> None:
        """A help that cannot be written is said: argparse would be silent."""
        if file is None or file is not sys.stdout:
            super()._print_message(message, file)
            return
        write_output(message)
        flush_output()

    def _of(self, options: argparse.Namespace) -> argparse.ArgumentParser:
        """The parser of the command that was given, the innermost."""
        for action in self._actions:
            chosen = getattr(options, action.dest, None)
            if isinstance(action, argparse._SubParsersAction) and chosen in action.choices:
                found = action.choices[chosen]
                return found._of(options) if isinstance(found, CommandParser) else found
        return self

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """A word that is not a command is a sentence; the usage of all of them would hide it."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            self._no_such_command(str(value), list(action.choices))
        super()._check_value(action, value)

    def _no_such_command(self, given: str, known: list[str]) -> NoReturn:
        word, near = sanitize(given, 100), get_close_matches(given, known, 1)
        hint = f"there are {', '.join(known)}."
        if near:
            hint = f"did you mean `{near[0]}`?"
        elif OPEN in known:
            hint = f"a pod is opened as NAMESPACE/{word}."
        print_message(f"there is no command `{word}`; {hint} `{self.prog} --help` lists them.")
        raise SystemExit(USAGE)
