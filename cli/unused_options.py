"""Options that a command cannot honour are refused: what is accepted and does nothing is believed
to be done."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from collectors.errors import ConfigError

SCREEN = ("theme", "characters", "mouse")
CLUSTER = ("kubeconfig", "context", "as_user", "as_group", "as_uid")
NAMESPACE = ("namespace", "all_namespaces")
ATTACH = ("image", "pull_policy", "pull_timeout", "node_namespace", "end_on_leave", "yes")
WRITES = ("record", "no_record", "no_capture", "share", "share_group")
NO_CLUSTER = (*CLUSTER, *NAMESPACE, *ATTACH, "read_only")
UNUSED: Mapping[str, tuple[str, ...]] = {
    "check": (*SCREEN, "no_record", "share", "share_group"),
    "check recorded": (*SCREEN, *WRITES, *NO_CLUSTER, "seconds", "strict"),
    "policy": (*SCREEN, *WRITES, *ATTACH),
    "doctor": (*SCREEN, *WRITES),
    "clean": (*SCREEN, *WRITES),
    "open": (),
    "config": (*CLUSTER, *NAMESPACE, "yes", "no_capture", "record", "share"),
    "lab": CLUSTER,
    "lab check": (*SCREEN, *WRITES, *NO_CLUSTER),
    "lab serve": (*SCREEN, *WRITES, *NO_CLUSTER),
    "lab fault": (*SCREEN, *WRITES, *NO_CLUSTER),
    "local": NO_CLUSTER,
    "pcap": (*NO_CLUSTER, "no_capture", "no_record", "share", "share_group"),
    "pcap jsonl": (*SCREEN, *WRITES, *NO_CLUSTER),
    "report": (*SCREEN, *WRITES, *NO_CLUSTER),
    "sessions": (*SCREEN, *WRITES, *NO_CLUSTER),
    "replay": (*NO_CLUSTER, *WRITES),
    "demo": (*NO_CLUSTER, *WRITES),
    "completion": (*SCREEN, *WRITES, *NO_CLUSTER),
    "join": (*NO_CLUSTER, *WRITES),
    "join stdio": (*SCREEN, *NO_CLUSTER, *WRITES),
}  # by command, the attributes of the options
TYPED = {
    "check recorded": "With --from FILE, check",
    "pcap jsonl": "podwire pcap -o jsonl",
    "join stdio": "podwire join --stdio",
    "lab check": "podwire lab --check",
}  # where it is not the command's name
# where it is not the attribute's name
SPELT = {"as_user": "as", "seconds": "for", "characters": "ascii"}


def refuse(command: str, options: argparse.Namespace) -> None:
    """ConfigError where an option was given that this command cannot honour."""
    given = [name for name in UNUSED.get(command, ()) if getattr(options, name, None)]
    if given:
        what, it = TYPED.get(command, f"podwire {command}"), "it" if len(given) == 1 else "them"
        raise ConfigError(f"{what} cannot honour {_spelt(given)}: leave {it} out.")


def _spelt(names: Iterable[str]) -> str:
    return ", ".join(f"--{SPELT.get(name, name).replace('_', '-')}" for name in names)
