"""The man page, of the parser: python -m tools.man_page > man/podwire.1

Exit codes are those of cli/exit_codes.py.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.exit_codes import MEANINGS
from cli.parser import parser

OUTSIDE = {
    "KUBECONFIG": "Files of contexts, as kubectl reads them.",
    "XDG_CONFIG_HOME": "Where podwire/config.toml is (~/.config).",
    "XDG_STATE_HOME": "Where podwire/sessions are kept (~/.local/state).",
    "PODWIRE_PURE": "Packets are decoded by Python, not by the compiled core.",
    "PODWIRE_COMPLETION_S": "Seconds after which a shell's completion gives up (0.9).",
}


def version() -> str:
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    return str(re.findall(r'^version = "(.+)"', text, re.M)[0])


def escaped(text: str) -> str:
    """Text of no command to troff, and no hyphen where a minus is meant."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "")
    return r"\&" + plain if plain[:1] in (".", "'") else plain


def option(action: argparse.Action) -> Iterator[str]:
    value = action.metavar or (action.dest.upper() if action.nargs is None else "")
    if action.choices is not None and action.nargs is None:
        value = action.metavar or "|".join(map(str, action.choices))
    shown = ", ".join(rf"\fB{escaped(name)}\fR" for name in action.option_strings)
    yield ".TP"
    yield f"{shown} \\fI{escaped(str(value))}\\fR" if value else shown
    yield escaped((action.help or "").replace("%%", "%"))


def argument(action: argparse.Action) -> Iterator[str]:
    yield ".TP"
    yield rf"\fI{escaped(str(action.metavar or action.dest))}\fR"
    yield escaped(action.help or ", ".join(map(str, action.choices or ())))


def body(command: argparse.ArgumentParser) -> Iterator[str]:
    """Arguments and options that the command's own help shows."""
    for action in command._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            for name, help_text, inner in subcommands(action):
                yield from (".TP", rf"\fB{escaped(name)}\fR", escaped(help_text))
                yield from (".RS", *body(inner), ".RE")
        else:
            yield from option(action) if action.option_strings else argument(action)


def subcommands(action: Any) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    helps = {choice.dest: choice.help or "" for choice in action._get_subactions()}
    for name, command in action.choices.items():
        yield name, helps.get(name, ""), command


def page() -> str:
    """Of troff's macros man(7)."""
    top = parser()
    top.prog = "podwire"
    (commands,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    lines = [
        f'.TH PODWIRE 1 "" "podwire {version()}" "User Commands"',
        *(".SH NAME", r"podwire \- " + escaped((top.description or "").rstrip("."))),
        *(".SH SYNOPSIS", ".B podwire", r"[\fIoption\fR ...] [\fIcommand\fR | \fItarget\fR]"),
        *(".SH DESCRIPTION", escaped("Without a command: the console on the current context.")),
        *(".SH OPTIONS", *(line for a in options_of(top) for line in option(a))),
        ".SH COMMANDS",
    ]
    for name, help_text, command in subcommands(commands):
        lines += [
            f'.SS "{escaped(name)}"',
            escaped(f"{help_text[:1].upper()}{help_text[1:]}."),
            *body(command),
        ]
    for title, meanings in (("EXIT STATUS", MEANINGS), ("ENVIRONMENT", OUTSIDE)):
        lines.append(f".SH {title}")
        for name, meaning in meanings.items():
            lines += [".TP", rf"\fB{escaped(name)}\fR", escaped(meaning)]
    return "\n".join(lines) + "\n"


def options_of(top: argparse.ArgumentParser) -> list[argparse.Action]:
    return [a for a in top._actions if a.option_strings and a.help != argparse.SUPPRESS]


if __name__ == "__main__":
    sys.argv[0] = "podwire"
    sys.stdout.write(page())
