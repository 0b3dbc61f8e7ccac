"""The command line. Exit codes: 0 well, 1 failed, 2 usage or not a terminal, 3 API server or credentials,
4 forbidden, 5 something was left in the cluster (it is named), 128+n ended by signal n."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli.exit_codes import (
    BROKEN_PIPE,
    FAILED,
    INTERRUPTED,
    USAGE,
    tell,
)


def parser() -> argparse.ArgumentParser:
    name = "kubectl podwire" if Path(sys.argv[0]).name.startswith("kubectl-") else "podwire"
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--theme", default=argparse.SUPPRESS, help="night, day or contrast")
    common.add_argument(
        "--mouse", action="store_true", default=argparse.SUPPRESS, help="use the mouse"
    )
    common.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        default=argparse.SUPPRESS,
        help="write the session to a new file",
    )
    top = argparse.ArgumentParser(
        prog=name,
        description="Finds out what is wrong with the network of a cluster.",
        parents=[common],
    )
    _cluster_options(top)
    top.add_argument(
        "--no-capture", action="store_true", help="do not start a capture when a pod is opened"
    )
    commands = top.add_subparsers(dest="command", metavar="command")
    lab = commands.add_parser(
        "lab", parents=[common], help="practise on an embedded cluster with real faults"
    )
    lab.add_argument(
        "--check", action="store_true", help="no console: try every stream for 5 s and report"
    )
    lab.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="begin with this fault on"
    )
    actions = lab.add_subparsers(dest="lab_command", metavar="lab command")
    serve = actions.add_parser("serve", help="run the lab alone and print its kubeconfig's path")
    serve.add_argument("--fault", action="append", default=[], metavar="NAME", dest="serve_faults")
    for name, help_text in (
        ("pods", "add so many pods"),
        ("services", "add so many Services"),
        ("nodes", "add so many nodes"),
    ):
        serve.add_argument(
            f"--{name}",
            type=int,
            default=0,
            metavar="N",
            help=f"{help_text}, with nothing behind them",
        )
    serve.add_argument(
        "--churn", type=float, default=0.0, metavar="N", help="change so many added pods a second"
    )
    fault = actions.add_parser("fault", help="switch a fault of the running lab")
    fault.add_argument("state", choices=("on", "off", "list"))
    fault.add_argument("name", nargs="?")
    doctor = commands.add_parser(
        "doctor", help="what you may do here, and the Role that is missing"
    )
    _cluster_options(doctor, below=True)
    clean = commands.add_parser("clean", help="remove what a killed console left in a cluster")
    _cluster_options(clean, below=True)
    clean.add_argument(
        "--all-contexts", action="store_true", help="look in every context of the kubeconfig"
    )
    check = commands.add_parser("check", help="no console: look for what is wrong, and print it")
    check.add_argument(
        "target", nargs="?", help="NAMESPACE/POD, node/NAME or ns/NAMESPACE (default: the nodes)"
    )
    check.add_argument(
        "--for",
        dest="seconds",
        type=_seconds,
        default=30.0,
        metavar="30s",
        help="watch for so long",
    )
    check.add_argument("-o", "--output", choices=("text", "json", "markdown"), default="text")
    check.add_argument(
        "--fail-on",
        choices=("critical", "warning", "info", "never"),
        default="warning",
        help="exit with 1 where something so bad is found (default: warning)",
    )
    check.add_argument(
        "--from",
        dest="recorded",
        action="append",
        default=[],
        metavar="FILE",
        help="no cluster: look at a recording or a capture; repeatable, and node/NAME=FILE says"
        " where a capture was made",
    )
    check.add_argument(
        "--budget", type=float, metavar="MS", help="round trips that take longer are a finding"
    )
    _cluster_options(check, below=True)
    policy = commands.add_parser(
        "policy", help="may A talk to B: policies, Services, endpoints, step by step"
    )
    policy.add_argument(
        "--from", dest="source", required=True, metavar="NS/POD", help="a pod, or an address"
    )
    policy.add_argument(
        "--to",
        dest="target",
        required=True,
        metavar="NS/POD|SERVICE|IP",
        help="pod, Service or address",
    )
    policy.add_argument(
        "--port", required=True, metavar="80/TCP", help="number or name, and protocol (TCP)"
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
    _cluster_options(policy, below=True)
    commands.add_parser("local", parents=[common], help="look at this machine, without a cluster")
    pcap = commands.add_parser(
        "pcap", parents=[common], help="look at capture files (pcap, pcapng, gzipped or not)"
    )
    pcap.add_argument("files", type=Path, nargs="+", metavar="FILE")
    pcap.add_argument(
        "-o",
        "--output",
        choices=("console", "jsonl"),
        default="console",
        help="jsonl: no console, a JSON object a line on standard output (docs/pcap.md)",
    )
    shown = pcap.add_mutually_exclusive_group()
    shown.add_argument(
        "--flows", action="store_true", help="with jsonl: an object a flow instead of a packet"
    )
    shown.add_argument("--dns", action="store_true", help="with jsonl: an object a DNS look-up")
    replay = commands.add_parser("replay", parents=[common], help="look at a recorded session")
    replay.add_argument("file", type=Path)
    return top


def _seconds(text: str) -> float:
    """`30s`, `2m` or a plain number of seconds."""
    number, factor = (
        (text[:-1], {"s": 1, "m": 60}[text[-1]]) if text[-1:] in ("s", "m") else (text, 1)
    )
    try:
        seconds = float(number) * factor
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: 30s, 2m") from None
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("from 0s to a day")
    return seconds


def _cluster_options(parser: argparse.ArgumentParser, below: bool = False) -> None:
    """Which cluster, as whom, and what may be added there. `below`: of a command, where they replace those before."""

    def add(*names: str, default: object = None, **how: Any) -> None:
        parser.add_argument(*names, default=argparse.SUPPRESS if below else default, **how)

    add("--kubeconfig", help="path of the kubeconfig")
    add(
        "--context",
        action="append",
        help="context of the kubeconfig; `clean` takes several",
        metavar="NAME",
    )
    add("-n", "--namespace", help="namespace to begin with")
    add(
        "-A",
        "--all-namespaces",
        action="store_true",
        default=False,
        help="begin with all namespaces",
    )
    add("--as", dest="as_user", metavar="USER", help="impersonate this user")
    add("--as-group", action="append", metavar="GROUP", help="and this group; repeatable")
    add("--as-uid", metavar="UID", help="and this uid")
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration (default: $XDG_CONFIG_HOME/podwire/config.toml)",
    )
    add("--image", help="image of debug containers and node pods (default: nicolaka/netshoot)")
    add("--pull-policy", metavar="POLICY", help="Always, IfNotPresent (default) or Never")
    add(
        "--pull-timeout",
        type=float,
        metavar="SECONDS",
        help="wait so long for an image (default: 120)",
    )
    add(
        "--node-namespace",
        metavar="NAMESPACE",
        help="where node pods go (default: one that allows it)",
    )
    add(
        "--end-on-leave",
        action="store_true",
        default=False,
        help="end the processes of debug containers on leaving",
    )
    add(
        "--read-only",
        action="store_true",
        default=False,
        help="add, change and run nothing in the cluster",
    )
    add(
        "--yes",
        action="store_true",
        default=False,
        help="do not ask before a debug container is added",
    )


def calm_terminal() -> None:
    """Over SSH every repaint costs: fewer frames, no animation. Textual reads these at import."""
    if os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_FPS", "15")
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
        os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def spare_collector() -> None:
    """Packets and rows are tuples by the hundred thousand, none in a cycle: looking through them all again and again
    costs more than half of the decoder's time."""
    gc.set_threshold(100_000, 20, 100)


def need_terminal() -> bool:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return True
    tell("this is a console and needs a terminal. Without one, try `podwire lab --check`.")
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    calm_terminal()
    spare_collector()
    from collectors.errors import PodwireError

    unavailable: tuple[type[Exception], ...] = ()
    if options.command == "lab":
        from lab.supervisor import LabUnavailable

        unavailable = (LabUnavailable,)
    try:
        return run(options)
    except PodwireError as error:
        tell(str(error))
        return error.exit_code
    except unavailable as error:
        tell(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `podwire doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        from session.crash import report_crash

        tell(report_crash(error))
        return FAILED


def run(options: argparse.Namespace) -> int:
    if options.command == "lab" and options.lab_command:
        from cli import lab

        return lab.serve(options) if options.lab_command == "serve" else lab.fault(options)
    if options.command == "lab" and options.check:
        from cli import lab

        return lab.check(options)
    if options.command == "doctor":
        from cli import doctor

        return doctor.doctor(options)
    if options.command == "clean":
        from cli import clean

        return clean.clean(options)
    if options.command == "check" and options.recorded:
        from cli import check_recorded

        return check_recorded.check_recorded(options)
    if options.command == "check":
        from cli import check

        return check.check(options)
    if options.command == "policy":
        from cli import policy

        return policy.policy(options)
    if options.command == "pcap" and (options.output == "jsonl" or options.flows or options.dns):
        from cli import pcap

        return pcap.print_jsonl(options)
    if not need_terminal():
        return USAGE
    gc.disable()  # nothing that is imported now is garbage; the console then collects between keys (tui/tidy.py)
    from cli import console

    return console.console(options)


if __name__ == "__main__":
    raise SystemExit(main())
