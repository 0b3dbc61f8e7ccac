"""The command line. cli/exit_codes.py has what its exit codes mean."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cli.exit_codes import CRASHED, FAILED, INTERRUPTED, USAGE
from cli.messages import (
    OutputLost,
    exit_code_without_output,
    flush_output,
    print_message,
    replace_closed_streams,
)
from cli.plain_pcap import PlainPcap, plain_pcap
from cli.program_name import asks_for_completion
from collectors.account import ensure_home

if TYPE_CHECKING:
    import argparse

# command: the module and its function; only what is asked for is imported
WITHOUT_CONSOLE = {
    "lab serve": ("cli.lab", "serve"),
    "lab fault": ("cli.lab", "fault"),
    "lab check": ("cli.lab", "check"),
    "doctor": ("cli.doctor", "doctor"),
    "clean": ("cli.clean", "clean"),
    "check": ("cli.check", "check"),
    "check recorded": ("cli.check_recorded", "check_recorded"),
    "policy": ("cli.policy", "policy"),
    "sessions": ("cli.sessions", "sessions"),
    "pcap jsonl": ("cli.pcap", "print_jsonl"),
    "report": ("cli.report", "report"),
    "join stdio": ("cli.join", "relay"),
    "completion": ("cli.shell_scripts", "print_script"),
    "config": ("cli.config_command", "config_command"),
}
WITHOUT_TERMINAL = {
    "lab": "without one, `podwire lab --check` tries it",
    "replay": "without one, `podwire report` and `podwire check --from` read what was recorded",
    "pcap": "without one, `podwire pcap --flows` and `podwire check --from` read a capture",
    "join": "what is shared is shown there only",
    **dict.fromkeys(("demo", "local"), "what it shows is shown there only"),
}
ANSWERING = ("policy", "check")
AFTER_INTERRUPT = {
    **dict.fromkeys(ANSWERING, ": that is not an answer"),
    "report": ": no report was written",
    "sessions": ": of what it had begun to write nothing is left",
}
Options: TypeAlias = "argparse.Namespace | PlainPcap"
Command = Callable[["Options"], int]


def main(arguments: Sequence[str] | None = None) -> int:
    replace_closed_streams()
    ensure_home()
    code, command = 0, ""
    try:
        given = sys.argv[1:] if arguments is None else arguments
        if asks_for_completion(given):
            return _completed(given)
        options = plain_pcap(given) or parsed(given)
        command = options.command or ""
        reduce_repaints_over_ssh()
        collect_garbage_rarely()
        switch_threads_often()
        code = run_reporting_errors(options)
        flush_output()
    except OutputLost as lost:
        without_output = exit_code_without_output(lost)
        code = code or _unless_an_answer(without_output, command)
    return code


def parsed(given: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for; ends the process with a sentence where it is wrong."""
    from cli.open_target import with_open
    from cli.parser import parser

    words = with_open(given)
    return parser(words).parse_args(words)


def _completed(words: Sequence[str]) -> int:
    from cli.completion import complete

    return complete(words)


def _unless_an_answer(code: int, command: str) -> int:
    """Of `policy` and `check` 1 is an answer, which was not given."""
    return CRASHED if code == FAILED and command in ANSWERING else code


def reduce_repaints_over_ssh() -> None:
    """Fewer frames, no animation. Textual reads these at import."""
    if os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_FPS", "15")
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
        os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def collect_garbage_rarely() -> None:
    """Packets and rows are hundreds of thousands of tuples, none in a cycle: looking through them
    again and again costs more than 50 % of the decoder's time."""
    gc.set_threshold(100_000, 20, 100)


def switch_threads_often() -> None:
    """A key waits for a thread that writes a recording as long as this at each of its steps; 5 ms
    is Python's default."""
    sys.setswitchinterval(0.001)


def run_reporting_errors(options: Options) -> int:
    from collectors.errors import PodwireError

    try:
        return run(options)
    except PodwireError as error:
        print_message(str(error))
        return _unless_an_answer(error.exit_code, options.command or "")
    except KeyboardInterrupt:
        print_message(f"ended by Ctrl-C{AFTER_INTERRUPT.get(options.command or '', '')}")
        return INTERRUPTED
    except OutputLost:
        raise
    except Exception as error:
        if is_lab_unavailable(error):
            print_message(str(error))
            return FAILED
        from session.crash import report_crash

        print_message(report_crash(error))
        return CRASHED


def is_lab_unavailable(error: Exception) -> bool:
    """The lab stands alone: its error is none of podwire's, nor imported for other commands."""
    supervisor = sys.modules.get("lab.supervisor")
    return supervisor is not None and isinstance(error, supervisor.LabUnavailable)


def run(options: Options) -> int:
    if isinstance(options, PlainPcap):
        return function("cli.pcap", "print_jsonl")(options)
    from cli.unused_options import refuse

    command = command_of(options)
    refuse(command, options)
    if command in WITHOUT_CONSOLE:
        return function(*WITHOUT_CONSOLE[command])(options)
    options.pipe = None
    if command == "pcap" and Path("-") in options.files:
        options.pipe = set_standard_input_aside()
    if not has_terminal(options.command or ""):
        return USAGE
    # Nothing that is imported now is garbage; the console collects it between keys
    # (tui/garbage_collection.py).
    gc.disable()
    return function("cli.console", "console")(options)


def command_of(options: argparse.Namespace) -> str:
    if options.command == "lab" and options.lab_command:
        return f"lab {options.lab_command}"
    if options.command == "lab" and options.check:
        return "lab check"
    if options.command == "check" and options.recorded:
        return "check recorded"
    if options.command == "pcap" and (options.output == "jsonl" or options.flows or options.dns):
        return "pcap jsonl"
    if options.command == "join" and options.stdio:
        return "join stdio"
    return options.command or ""


def function(module: str, name: str) -> Command:
    found: Command = getattr(import_module(module), name)
    return found


def has_terminal(command: str) -> bool:
    lacking = _lacking()
    if lacking is None:
        return True
    instead = WITHOUT_TERMINAL.get(command, "without one, try `podwire check`")
    print_message(f"this is a console and needs a terminal{lacking}: {instead}.")
    return False


def _lacking() -> str | None:
    """What a terminal has to be that this one is not; None where it is all right."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    if os.environ.get("TERM") == "dumb":
        return " that can be drawn on; TERM is dumb, set it to what it is (TERM=xterm-256color)"
    return None


def set_standard_input_aside() -> int:
    """A capture comes by standard input: the console has the terminal's keys there instead. The
    descriptor of what it was."""
    pipe = os.dup(0)
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDWR)
        os.dup2(terminal, 0)
        os.close(terminal)
    return pipe


if __name__ == "__main__":
    raise SystemExit(main())
