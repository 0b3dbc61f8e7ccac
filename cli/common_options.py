"""Options of several commands: how the console looks, which cluster, as which user, what may be
added there."""

from __future__ import annotations

import argparse
from math import inf
from pathlib import Path
from typing import Any

import themes
from cli.unused_options import UNUSED

SECONDS_PER = {"s": 1.0, "m": 60.0}
LONGEST_WATCH_S = 86_400.0


def above_zero(text: str) -> float:
    """A number that something can be more than."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def seconds(text: str) -> float:
    """`30s`, `2m` or a plain number of seconds."""
    number, factor = text, 1.0
    if text[-1:] in SECONDS_PER:
        number, factor = text[:-1], SECONDS_PER[text[-1]]
    try:
        duration = float(number) * factor
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: 30s, 2m") from None
    if not 0 <= duration <= LONGEST_WATCH_S:
        raise argparse.ArgumentTypeError("from 0s to a day")
    return duration


def target_name(text: str) -> str:
    """Not that of an unset variable, which would be a look at all."""
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name is no target")
    return text


def session_name(text: str) -> str:
    """Not that of an unset variable, which would compare with nothing, or look at a cluster."""
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name is no session and no file")
    return text


def session_path(text: str) -> Path:
    return Path(session_name(text))


def _add_pair(
    parser: argparse.ArgumentParser, setting: str, *options: tuple[str, str, str]
) -> None:
    """Options that exclude each other: of each its name, what it sets, its help."""
    group = parser.add_mutually_exclusive_group()
    for name, value, about in options:
        group.add_argument(name, dest=setting, action="store_const", const=value, help=about)


def add_console_options(parser: argparse.ArgumentParser, command: str = "") -> None:
    """What may stand before and after a command that opens the console. What that command cannot
    honour is not in its help: it is refused with a sentence."""
    before, parser.argument_default = parser.argument_default, argparse.SUPPRESS
    parser.add_argument(
        "--theme", metavar="NAME", help=f"one of {', '.join(themes.names())}, or your own"
    )
    _add_pair(
        parser,
        "characters",
        ("--ascii", "ascii", "draw with ASCII only; the default depends on locale and terminal"),
        ("--no-ascii", "unicode", "draw with all characters, whatever the locale says"),
    )
    _add_pair(
        parser,
        "mouse",
        ("--mouse", "on", "use the mouse; the default depends on the terminal"),
        ("--no-mouse", "off", "leave the mouse to the terminal, to select text"),
    )
    parser.add_argument(
        "--record", metavar="FILE", type=Path, help="write the session to a new file as well"
    )
    parser.add_argument(
        "--no-record",
        action="store_true",
        help="do not record the session; captures are kept on disk by themselves",
    )
    parser.add_argument(
        "--share", action="store_true", help="let colleagues join from the start, as S does"
    )
    parser.add_argument(
        "--share-group",
        metavar="GROUP",
        help="as --share, and members of this Unix group may join as well",
    )
    parser.argument_default = before
    _hide_unused(parser, command)


CLUSTER_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--kubeconfig",), {"help": "path of the kubeconfig"}),
    (
        ("--context",),
        {
            "action": "append",
            "metavar": "NAME",
            "help": "context of the kubeconfig",
        },
    ),
    (("-n", "--namespace"), {"help": "namespace to start in"}),
    (
        ("-A", "--all-namespaces"),
        {"action": "store_true", "help": "start with all namespaces"},
    ),
    (("--as",), {"dest": "as_user", "metavar": "USER", "help": "impersonate this user"}),
    (
        ("--as-group",),
        {"action": "append", "metavar": "GROUP", "help": "impersonate this group; repeatable"},
    ),
    (("--as-uid",), {"metavar": "UID", "help": "impersonate this uid"}),
    (
        ("--config",),
        {
            "type": Path,
            "metavar": "FILE",
            "help": "configuration (default: $XDG_CONFIG_HOME/podwire/config.toml)",
        },
    ),
    (
        ("--image",),
        {"help": "image of debug containers and node pods (default: nicolaka/netshoot)"},
    ),
    (
        ("--pull-policy",),
        {"metavar": "POLICY", "help": "Always, IfNotPresent (default) or Never"},
    ),
    (
        ("--pull-timeout",),
        {
            "type": above_zero,
            "metavar": "SECONDS",
            "help": "how long to wait for an image (default: 120)",
        },
    ),
    (
        ("--node-namespace",),
        {"metavar": "NAMESPACE", "help": "where node pods go (default: one that allows it)"},
    ),
    (
        ("--end-on-leave",),
        {"action": "store_true", "help": "end the processes of debug containers on leaving"},
    ),
    (
        ("--read-only",),
        {"action": "store_true", "help": "add, change and run nothing in the cluster"},
    ),
    (
        ("--yes",),
        {"action": "store_true", "help": "do not ask before a debug container is added"},
    ),
)


def _hide_unused(parser: argparse.ArgumentParser, command: str) -> None:
    for action in parser._actions:
        if action.dest in UNUSED.get(command, ()):
            action.help = argparse.SUPPRESS


def add_cluster_options(parser: argparse.ArgumentParser, of_command: bool = False) -> None:
    """Which cluster, as which user, and what may be added there. `of_command`: given after a
    command, where they replace those before it."""
    for names, options in CLUSTER_OPTIONS:
        default = False if options.get("action") == "store_true" else None
        parser.add_argument(*names, default=argparse.SUPPRESS if of_command else default, **options)
    _hide_unused(parser, parser.prog.rpartition(" ")[2] if of_command else "")


def add_no_capture(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--no-capture",
        action="store_true",
        default=default,
        help="do not start a capture when a pod is opened",
    )


def options_with_values() -> frozenset[str]:
    """Of those that may stand before a command, the ones that a value follows."""
    of_cluster = (names for names, more in CLUSTER_OPTIONS if more.get("action") != "store_true")
    return frozenset(("--theme", "--record")).union(*of_cluster)
