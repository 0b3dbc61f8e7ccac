"""A parser of arguments that knows which command was meant."""

from __future__ import annotations

import argparse
from typing import Any


class CommandParser(argparse.ArgumentParser):
    """What a command does not know is said with that command's usage."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._of(options).error(f"unrecognized arguments: {' '.join(unknown)}")
        return options

    def _of(self, options: argparse.Namespace) -> argparse.ArgumentParser:
        """The parser of the command that was given, the innermost."""
        for action in self._actions:
            chosen = getattr(options, action.dest, None)
            if isinstance(action, argparse._SubParsersAction) and chosen in action.choices:
                found = action.choices[chosen]
                return found._of(options) if isinstance(found, CommandParser) else found
        return self
