"""Values for shell completion: contexts of the kubeconfig, names of objects in the cluster, faults
of the lab, sessions. One request to the API server at most, for at most 500 names.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from cli.completion import NO_FILES, NO_SPACE, Cursor, ShellOffer, remaining_s

MOST = 500  # names
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")  # of any object (RFC 1123)
TEXT = re.compile(r"[^\x00-\x20\x7f-\xa0]+")  # of a context: no blanks or control characters
FILES = ("kubeconfig", "config", "file", "files", "record", "output_file")
LISTS = {
    "pod": "/api/v1/namespaces/{}/pods",
    "svc": "/api/v1/namespaces/{}/services",
    "deploy": "/apis/apps/v1/namespaces/{}/deployments",
    "sts": "/apis/apps/v1/namespaces/{}/statefulsets",
    "ds": "/apis/apps/v1/namespaces/{}/daemonsets",
    "job": "/apis/batch/v1/namespaces/{}/jobs",
}
NODES, NAMESPACES = "/api/v1/nodes", "/api/v1/namespaces"
KINDS = {
    **dict.fromkeys(LISTS, "of the namespace"),
    "node": "a node",
    "ns": "a namespace",
}


def files_wanted(action: argparse.Action) -> bool:
    """Whether the shell should complete file names, and nothing else."""
    if sessions_wanted(action):
        return False
    return action.type is Path or action.dest in FILES


def values(cursor: Cursor, prefix: str) -> ShellOffer:
    """Values for the option or argument at the cursor."""
    assert cursor.wants is not None
    offer = sessions if sessions_wanted(cursor.wants) else OF.get(cursor.wants.dest)
    return offer(cursor, prefix) if offer else ShellOffer()


def targets(cursor: Cursor, prefix: str) -> ShellOffer:
    """NAMESPACE/POD, KIND/NAME, NAMESPACE/KIND/NAME; first only the part before the slash."""
    *before, _ = prefix.split("/")
    if not before:
        kinds = {f"{kind}/": said for kind, said in KINDS.items()}
        spaces = {f"{name}/": "namespace" for name in _names(cursor, NAMESPACES)}
        return ShellOffer({**kinds, **spaces}, NO_FILES | NO_SPACE)
    start = "/".join(before)
    return ShellOffer({f"{start}/{name}": "" for name in _names(cursor, _path(cursor, before))})


def _path(cursor: Cursor, before: list[str]) -> str:
    """API path of the list of names that can follow these words and a slash."""
    if before == ["node"]:
        return NODES
    if before == ["ns"]:
        return NAMESPACES
    kind = before[-1] if before[-1] in LISTS else "pod"
    namespace = before[0] if before[0] not in LISTS else cursor.value("namespace")
    return LISTS[kind].replace("{}", namespace) if namespace else LISTS[kind]


def namespaces(cursor: Cursor, _prefix: str) -> ShellOffer:
    return ShellOffer(dict.fromkeys(_names(cursor, NAMESPACES), ""))


def contexts(cursor: Cursor, _prefix: str) -> ShellOffer:
    """From the kubeconfig, without a request."""
    from collectors.cluster.api.connection import every_context

    names = every_context(cursor.value("kubeconfig") or None)
    return ShellOffer({name: "" for name in names if TEXT.fullmatch(name)})


def faults(_cursor: Cursor, _prefix: str) -> ShellOffer:
    from lab.faults import HERE

    return ShellOffer({path.stem: "" for path in sorted(HERE.glob("*.toml"))})


def themes(cursor: Cursor, _prefix: str) -> ShellOffer:
    """podwire's, and those beside the configuration."""
    from cli.config import default_path
    from themes import names, users

    own = Path(cursor.value("config") or default_path()).parent / "themes"
    known = [*names(), *(theme.name for theme in users(own)[0])]
    return ShellOffer(dict.fromkeys(sorted(known), ""))


def sessions_wanted(action: argparse.Action) -> bool:
    """Whether it names a session, or a file as well."""
    return action.metavar in ("SESSION", "SESSION|FILE")


def sessions(cursor: Cursor, prefix: str) -> ShellOffer:
    """Those recorded on this machine, of `join` those shared there; files where none begins so and
    the command reads them as well."""
    is_join = cursor.parser.prog.endswith(" join")
    found = _shared() if is_join else ["last", *_recorded()]
    if any(name.startswith(prefix) for name in found):
        return ShellOffer(dict.fromkeys(found, ""))
    reads_files = cursor.wants is not None and cursor.wants.dest != "session"
    return ShellOffer(directive=0 if reads_files else NO_FILES)


def _recorded() -> list[str]:
    from session.running_session import sessions_directory

    return sorted(path.name for path in sessions_directory().glob("*/") if path.is_dir())


def _shared() -> list[str]:
    from session.share.place import shared_sessions

    return [path.stem for path in shared_sessions()]


def pull_policies(_cursor: Cursor, _prefix: str) -> ShellOffer:
    return ShellOffer(dict.fromkeys(("Always", "IfNotPresent", "Never"), ""))


OF: dict[str, Callable[[Cursor, str], ShellOffer]] = {
    "target": targets,
    "source": targets,
    "namespace": namespaces,
    "node_namespace": namespaces,
    "context": contexts,
    "fault": faults,
    "serve_faults": faults,
    "name": faults,
    "theme": themes,
    "pull_policy": pull_policies,
}  # by the attribute of an option or argument


def _names(cursor: Cursor, path: str) -> list[str]:
    """Names in a list of the API server; none if it does not answer in time."""
    try:
        found = asyncio.run(asyncio.wait_for(_listed(cursor, path), remaining_s()))
    except TimeoutError:
        return []
    return sorted({name for name in found if NAME.fullmatch(name)})


async def _listed(cursor: Cursor, path: str) -> Iterable[str]:
    from collectors.cluster.api.connection import ConnectionRequest, open_unchecked
    from collectors.cluster.api.credentials import Impersonation

    who = Impersonation(
        cursor.value("as_user"),
        cursor.value("as_uid"),
        tuple(cursor.given.get("as_group", ())),
    )
    wanted = ConnectionRequest(
        cursor.value("kubeconfig") or None, cursor.value("context") or None, impersonation=who
    )
    rest, namespace = await open_unchecked(wanted)
    try:
        answer = await rest.get(path.replace("{}", namespace or "default"), limit=MOST)
    finally:
        await rest.close()
    return [str(item["metadata"]["name"]) for item in answer.get("items", ())]
