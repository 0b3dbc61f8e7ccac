"""What a shell may offer at the cursor: commands, options and values, by the parser itself.

`podwire __complete WORD…`, the last one unfinished, prints candidates as cobra's programs do: a
line each, a tab before what it means, and last `:N`, the sum of NO_SPACE and NO_FILES (cobra,
ShellCompDirective). kubectl asks an executable `kubectl_complete-podwire` in the same form
(kubectl, `plugin list --help`).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import field
from types import FrameType
from typing import Any

from cli.open_target import OPEN
from cli.program_name import COMPLETE
from collectors.frozen import slotted

DEADLINE_S = 0.9  # after it nothing is offered: a shell's user waits for the prompt
LONGER = "PODWIRE_COMPLETION_S"  # in the environment: another deadline, for a far or busy machine
NO_SPACE, NO_FILES = 2, 4
ENDING_S = 0.15  # before the deadline: a plugin for credentials is ended, a connection closed
_BEGUN = time.monotonic()
GLUE = "=:@"  # bash makes words of their own of these (COMP_WORDBREAKS)


@slotted
class ShellOffer:
    """Candidates with what each means ('' for nothing), and cobra's directive."""

    candidates: dict[str, str] = field(default_factory=dict)
    directive: int = NO_FILES

    def beginning_with(self, prefix: str) -> ShellOffer:
        kept = {name: said for name, said in self.candidates.items() if name.startswith(prefix)}
        return ShellOffer(kept, self.directive)

    @property
    def text(self) -> str:
        rows = [f"{name}\t{said}" if said else name for name, said in self.candidates.items()]
        return "".join(f"{row}\n" for row in (*rows, f":{self.directive}"))


@slotted
class Cursor:
    """Where the last word stands. `wants`: the option or argument whose value it is, None where
    there is none. `given`: values by the option's attribute."""

    parser: argparse.ArgumentParser
    wants: argparse.Action | None = None
    given: dict[str, list[str]] = field(default_factory=dict)
    begun: int = 0  # arguments of this parser that have a value
    options_over: bool = False  # after `--`

    def value(self, name: str) -> str:
        return self.given.get(name, [""])[-1]

    @property
    def argument(self) -> argparse.Action | None:
        """The next one without a dash."""
        rest = [action for action in self.parser._actions if not action.option_strings]
        for action in rest[self.begun :] or rest[-1:]:
            if action in rest[self.begun :] or action.nargs in ("+", "*"):
                return action
        return None


def complete(words: Sequence[str]) -> int:
    """Prints what may be at the last word, and ends the process, by itself at the deadline."""
    words = list(words[1:] if list(words[:1]) == [COMPLETE] else words)
    _bound()
    in_bash = os.environ.get("PODWIRE_COMPLETION") == "bash"
    if in_bash:
        words = glued(words)
    *before, prefix = words or [""]
    found = _offered_or_nothing(before, prefix)
    _print_and_end(without_glue(found, prefix) if in_bash else found)
    return 0


def deadline_s() -> float:
    """Seconds from the start of this module, at most a minute."""
    try:
        return min(60.0, float(os.environ.get(LONGER, DEADLINE_S)))
    except ValueError:
        return DEADLINE_S


def remaining_s() -> float:
    """Seconds that a request may last."""
    return max(0.0, _BEGUN + deadline_s() - ENDING_S - time.monotonic())


def _bound() -> None:
    """No questions of a plugin for credentials on the terminal, no message between the shell's, and
    an end where a server, a name or a disk does not answer. A signal also ends what blocks."""
    import signal  # here and below: a start of podwire without completion needs none of it

    def expired(_signal: int, _frame: FrameType | None) -> None:
        from collectors.child_processes import kill_children

        kill_children()  # plugins for credentials that have not answered would outlive the prompt
        _print_and_end(ShellOffer())

    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, max(0.05, remaining_s() + ENDING_S))


def _print_and_end(offer: ShellOffer) -> None:
    """Without waiting for threads that still look a name up."""
    try:
        os.write(1, offer.text.encode("utf-8", "replace"))
    finally:
        os._exit(0)


def _offered_or_nothing(before: Sequence[str], prefix: str) -> ShellOffer:
    """In the middle of a line there is no place for an error: nothing is offered."""
    from cli.parser import parser

    try:
        return offered(parser(), before, prefix)
    except Exception:
        return ShellOffer()


def glued(words: Iterable[str]) -> list[str]:
    """bash's words as they were typed: --context=a is three of its own."""
    whole: list[str] = []
    joined = False
    for word in words:
        breaks = bool(word) and all(letter in GLUE for letter in word)
        if whole and (breaks or joined):
            whole[-1] += word
        else:
            whole.append(word)
        joined = breaks
    return whole


def without_glue(offer: ShellOffer, prefix: str) -> ShellOffer:
    """bash replaces what is after the last of those letters alone."""
    cut = max(map(prefix.rfind, GLUE)) + 1
    return ShellOffer(
        {name[cut:]: said for name, said in offer.candidates.items()}, offer.directive
    )


def offered(top: argparse.ArgumentParser, before: Sequence[str], prefix: str) -> ShellOffer:
    """What may stand at the cursor after the words before it."""
    cursor = _walked(top, before)
    option, equals, begun = prefix.partition("=")
    if cursor.wants is None and equals and (action := _option(cursor, option)):
        cursor.wants = action
        found = _values(cursor, begun)
        return ShellOffer(
            {f"{option}={name}": said for name, said in found.candidates.items()}, found.directive
        )
    if cursor.wants is None and prefix.startswith("-") and not cursor.options_over:
        return ShellOffer(_options(cursor)).beginning_with(prefix)
    if cursor.wants is None:
        cursor.wants = cursor.argument
    return _values(cursor, prefix)


def _walked(top: argparse.ArgumentParser, before: Iterable[str]) -> Cursor:
    cursor = Cursor(top)
    for word in before:
        if cursor.wants is not None:
            cursor.given.setdefault(cursor.wants.dest, []).append(word)
            cursor.wants = None
        elif word == "--" and not cursor.options_over:
            cursor.options_over = True
        elif word.startswith("-") and word != "-" and not cursor.options_over:
            _note_option(cursor, word)
        else:
            _note_argument(cursor, word)
    return cursor


def _note_option(cursor: Cursor, word: str) -> None:
    name, equals, value = word.partition("=")
    action = _option(cursor, name)
    if action is None:
        return
    if equals:
        cursor.given.setdefault(action.dest, []).append(value)
    elif action.nargs is None:
        cursor.wants = action


def _note_argument(cursor: Cursor, word: str) -> None:
    action = cursor.argument
    if isinstance(action, argparse._SubParsersAction):
        name = OPEN if "/" in word and OPEN in action.choices else word
        if name in action.choices:
            cursor.parser, cursor.begun = action.choices[name], int(name != word)
        return
    cursor.begun += 1
    if action is not None:
        cursor.given.setdefault(action.dest, []).append(word)


def _option(cursor: Cursor, name: str) -> argparse.Action | None:
    return cursor.parser._option_string_actions.get(name)


def _options(cursor: Cursor) -> dict[str, str]:
    """Those in the help, the long forms where there are some."""
    shown = (a for a in cursor.parser._actions if a.option_strings and a.help != argparse.SUPPRESS)
    return {max(action.option_strings, key=len): _first_words(action.help) for action in shown}


def _first_words(text: str | None) -> str:
    return (text or "").partition(";")[0].partition(" (")[0]


def _values(cursor: Cursor, prefix: str) -> ShellOffer:
    wants = cursor.wants
    if wants is None:
        return ShellOffer()
    if isinstance(wants, argparse._SubParsersAction):
        return _commands(cursor, wants, prefix)
    if wants.choices is not None:
        return ShellOffer(dict.fromkeys(map(str, wants.choices), "")).beginning_with(prefix)
    from cli.completion_values import files_wanted, values

    if files_wanted(wants):
        return ShellOffer(directive=0)
    return values(cursor, prefix).beginning_with(prefix)


def _commands(cursor: Cursor, action: Any, prefix: str) -> ShellOffer:
    """Commands by their help; at the top also a target, which opens at once."""
    if "/" in prefix and OPEN in (action.choices or ()):
        from cli.completion_values import targets

        return targets(cursor, prefix).beginning_with(prefix)
    helps = {choice.dest: choice.help for choice in action._get_subactions()}
    names = {str(name): _first_words(helps.get(str(name))) for name in action.choices or ()}
    return ShellOffer(names).beginning_with(prefix)
