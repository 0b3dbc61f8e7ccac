"""The command line's arguments: a function for each command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from cli.command_parser import CommandParser
from cli.common_options import (
    above_zero,
    add_cluster_options,
    add_console_options,
    add_no_capture,
    seconds,
    session_name,
    session_path,
    target_name,
)
from cli.messages import flush_output, print_line
from cli.program_name import is_of_kubectl

Commands = Any  # argparse's type for it is private


def parser(words: Collection[str] | None = None) -> argparse.ArgumentParser:
    """Only a command that is one of the `words` has its own arguments: those of all need time.
    Without words all have them."""
    top = CommandParser(
        prog="kubectl podwire" if is_of_kubectl() else "podwire",
        description="Finds out what is wrong with the network of a cluster.",
    )
    add_console_options(top)
    add_cluster_options(top)
    add_no_capture(top, False)
    top.add_argument("--version", action=Version, help="print the version and exit")
    made: Any = partial(_made, words, CommandParser(add_help=False))
    commands = top.add_subparsers(dest="command", metavar="command", parser_class=made)
    for name, (add_arguments, help_text) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        if words is None or name in words:
            add_arguments(command)
    return top


def _made(
    words: Collection[str] | None, unused: CommandParser, prog: str, **options: Any
) -> CommandParser:
    """Of a command; one is enough for all that were not given."""
    is_given = words is None or prog.rpartition(" ")[2] in words
    return CommandParser(prog=prog, **options) if is_given else unused


class Version(argparse.Action):
    """Prints the version and leaves; nothing is looked up before it is asked for."""

    def __init__(self, option_strings: list[str], dest: str, **options: Any) -> None:
        options["default"] = argparse.SUPPRESS
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from cli.version import version_text

        print_line(version_text())
        flush_output()
        parser.exit()


def add_open(opened: argparse.ArgumentParser) -> None:
    add_console_options(opened, "open")
    add_no_capture(opened, argparse.SUPPRESS)
    opened.add_argument(
        "target",
        help="NAMESPACE/POD, or with -n pod/NAME, deploy/NAME, sts/NAME, svc/NAME (of several pods "
        "the worst); node/NAME; ns/NAMESPACE",
    )
    add_cluster_options(opened, of_command=True)


def add_lab(lab: argparse.ArgumentParser) -> None:
    add_console_options(lab, "lab")
    lab.add_argument(
        "--check", action="store_true", help="no console: try every stream for 5 s and report"
    )
    lab.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="start with this fault on"
    )
    actions = lab.add_subparsers(dest="lab_command", metavar="lab command")
    add_lab_serve(actions)
    fault = actions.add_parser("fault", help="switch a fault of the running lab")
    fault.add_argument("state", choices=("on", "off", "list"))
    fault.add_argument("name", nargs="?")


def add_lab_serve(actions: Commands) -> None:
    serve = actions.add_parser("serve", help="run the lab alone and print its kubeconfig's path")
    serve.add_argument("--fault", action="append", default=[], metavar="NAME", dest="serve_faults")
    serve.add_argument(
        "--noise",
        choices=("none", "healthy", "changing"),
        default="healthy",
        help="what else runs in the cluster: nothing, probes and long polls and Jobs and the like"
        " (default), or rollouts and autoscaling as well",
    )
    for kind, label in (("pods", "pods"), ("services", "Services"), ("nodes", "nodes")):
        serve.add_argument(
            f"--{kind}",
            type=int,
            default=0,
            metavar="N",
            help=f"how many {label} to add, with nothing behind them",
        )
    serve.add_argument(
        "--churn",
        type=float,
        default=0.0,
        metavar="N",
        help="how many of the added pods to change per second",
    )


def add_doctor(doctor: argparse.ArgumentParser) -> None:
    add_cluster_options(doctor, of_command=True)


def add_clean(clean: argparse.ArgumentParser) -> None:
    clean.epilog = "--context may be given several times."
    add_cluster_options(clean, of_command=True)
    clean.add_argument(
        "--all-contexts", action="store_true", help="look in every context of the kubeconfig"
    )


def add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument(
        "target",
        nargs="?",
        type=target_name,
        help="NAMESPACE/POD, pod/NAME, deploy/NAME or svc/NAME with -n, node/NAME or ns/NAMESPACE "
        "(default: the context's namespace, and every node; with -A all namespaces)",
    )
    check.add_argument(
        "--for",
        dest="seconds",
        type=seconds,
        metavar="30s",
        help="how long to watch (default: 30s; at least 3.5s)",
    )
    check.add_argument("-o", "--output", choices=("text", "json", "markdown"), default="text")
    check.add_argument(
        "--fail-on",
        choices=("critical", "warning", "info", "never"),
        default="warning",
        help="exit with 1 if a finding is at least this severe (default: warning)",
    )
    check.add_argument(
        "--from",
        dest="recorded",
        action="append",
        default=[],
        type=session_name,
        metavar="SESSION|FILE",
        help="no cluster: look at a session, a file that was recorded or a capture; repeatable, and"
        " node/NAME=FILE says where a capture was made",
    )
    check.add_argument(
        "--since",
        type=session_name,
        metavar="SESSION",
        help="say what is new, still there and gone against what an earlier session found",
    )
    check.add_argument(
        "--strict",
        action="store_true",
        help="exit with 4 if a part of what was asked for could not be looked at",
    )
    check.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        nargs="?",
        const=Path(),
        default=argparse.SUPPRESS,
        help="record what is seen, as the console does, or write it to a new FILE: `podwire replay`"
        " and `check --from` read both",
    )
    check.add_argument(
        "--budget", type=above_zero, metavar="MS", help="round trips longer than this are a finding"
    )
    add_cluster_options(check, of_command=True)


def add_policy(policy: argparse.ArgumentParser) -> None:
    policy.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="NS/POD",
        help="a pod (NS/POD, deploy/NAME with -n), or an address",
    )
    policy.add_argument(
        "--to",
        dest="target",
        required=True,
        metavar="NS/POD|SERVICE|IP",
        help="pod, deploy/NAME, svc/NAME, name in DNS, URL or address, with or without :PORT",
    )
    policy.add_argument(
        "--port",
        metavar="80/TCP",
        help="number or name, and protocol (TCP); else that of --to, as in svc/NAME:80",
    )
    policy.add_argument(
        "-f",
        "--file",
        dest="files",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="manifests instead of a cluster; repeatable",
    )
    policy.add_argument("-o", "--output", choices=("text", "json"), default="text")
    add_cluster_options(policy, of_command=True)


def add_local(command: argparse.ArgumentParser) -> None:
    add_console_options(command, "local")


def add_pcap(pcap: argparse.ArgumentParser) -> None:
    add_console_options(pcap, "pcap")
    pcap.add_argument("files", type=Path, nargs="+", metavar="FILE")
    pcap.add_argument(
        "-o",
        "--output",
        choices=("console", "jsonl"),
        default="console",
        help="jsonl: no console, and no recording; one JSON object per line on standard output"
        " (docs/pcap.md)",
    )
    shown = pcap.add_mutually_exclusive_group()
    shown.add_argument(
        "--flows", action="store_true", help="with jsonl: one object per flow instead of per packet"
    )
    shown.add_argument("--dns", action="store_true", help="with jsonl: one object per DNS lookup")


def add_replay(replay: argparse.ArgumentParser) -> None:
    add_console_options(replay, "replay")
    replay.add_argument(
        "file",
        type=session_path,
        metavar="SESSION|FILE",
        help="a session (`podwire sessions`), a prefix of its name, `last`, or a file",
    )
    replay.add_argument(
        "--at", default="", metavar="TIME", help="open at this time: 14:03, 14:03:20, ISO (local)"
    )
    _add_rules(replay)


def add_demo(command: argparse.ArgumentParser) -> None:
    add_console_options(command, "demo")


def add_join(join: argparse.ArgumentParser) -> None:
    add_console_options(join, "join")
    join.add_argument(
        "session",
        nargs="?",
        default="",
        metavar="SESSION",
        help="which session, if several are shared: its name or a prefix of it",
    )
    how = join.add_mutually_exclusive_group()
    how.add_argument(
        "--ssh",
        metavar="HOST",
        default="",
        help="a session on another machine, where podwire is installed too",
    )
    how.add_argument(
        "--via",
        metavar="COMMAND",
        default="",
        help="the same through another command, which ends in `podwire join --stdio`; it is run"
        " without a shell",
    )
    how.add_argument(
        "--stdio",
        action="store_true",
        help="no console: the session on standard input and output, for a console on another"
        " machine",
    )


def add_sessions(sessions: argparse.ArgumentParser) -> None:
    sessions.add_argument("-o", "--output", choices=("text", "json"), default="text")
    actions = sessions.add_subparsers(dest="sessions_command", metavar="sessions command")
    export = actions.add_parser("export", help="write one session into one new file")
    export.add_argument(
        "session", type=session_name, metavar="SESSION", help="its name, a prefix of it, or `last`"
    )
    export.add_argument("file", type=Path, nargs="?", metavar="FILE", help="new; SESSION.podwire")
    imported = actions.add_parser("import", help="add a session from such a file")
    imported.add_argument("file", type=session_path, metavar="FILE", help="what `export` wrote")
    bounds = "(sessions_gib, sessions_days of the configuration: 2 GiB, 14 days)"
    actions.add_parser("prune", help=f"remove now what exceeds the bounds of size and age {bounds}")


def add_report(report: argparse.ArgumentParser) -> None:
    report.add_argument(
        "files",
        type=session_name,
        nargs="+",
        metavar="SESSION|FILE",
        help="a session (`podwire sessions`), a prefix of its name, `last`, a file that was"
        " recorded or a capture; node/NAME=FILE says where a capture was made",
    )
    report.add_argument(
        "-o", dest="output", choices=("markdown", "html", "json"), default="markdown"
    )
    report.add_argument(
        "--output",
        dest="output_file",
        type=Path,
        metavar="PATH",
        help="write to this file (0600) instead of standard output",
    )
    report.add_argument(
        "--private",
        action="store_true",
        help="mask names and addresses, and write the captures beside it with the same mask",
    )
    _add_rules(report)


def add_completion(completion: argparse.ArgumentParser) -> None:
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def add_config(config: argparse.ArgumentParser) -> None:
    add_console_options(config, "config")
    how = config.add_mutually_exclusive_group()
    how.add_argument(
        "--edit", action="store_true", help="open the file in $VISUAL or $EDITOR, and check it"
    )
    how.add_argument("--schema", action="store_true", help="print the JSON schema of the file")
    add_cluster_options(config, of_command=True)


def _add_rules(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rules",
        choices=("recorded", "today"),
        default="recorded",
        help="findings as they were recorded (default), or of today's rules",
    )


Arguments = Callable[[argparse.ArgumentParser], None]
COMMANDS: dict[str, tuple[Arguments, str]] = {
    "open": (add_open, "open the console on a pod or node; `podwire shop/web` is short for it"),
    "lab": (add_lab, "practise on an embedded cluster with real faults"),
    "doctor": (add_doctor, "what you may do here, and the Role that is missing"),
    "clean": (add_clean, "remove what a killed console left in a cluster"),
    "check": (add_check, "no console: look for what is wrong, and print it"),
    "policy": (add_policy, "may A talk to B: policies, Services, endpoints, step by step"),
    "local": (add_local, "look at this machine, without a cluster"),
    "pcap": (
        add_pcap,
        "look at capture files (pcap, pcapng; gzip, bzip2, xz, zstd), or a pipe (-)",
    ),
    "demo": (
        add_demo,
        "a recorded incident of the lab, with a tour of the keys: no cluster, no root",
    ),
    "replay": (add_replay, "look at a recorded session"),
    "join": (
        add_join,
        "look at the session that a colleague shares (S in a console), with your own cursor and"
        " window size",
    ),
    "report": (add_report, "write up a session: what was found, and when"),
    "sessions": (add_sessions, "what was recorded here: list, export, import, prune"),
    "completion": (
        add_completion,
        "print what a shell needs to complete commands, options and names",
    ),
    "config": (
        add_config,
        "the settings in force, and where each comes from (docs/configuration.md)",
    ),
}  # what adds a command's arguments, and what the command is for
