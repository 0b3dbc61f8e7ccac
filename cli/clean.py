"""`podwire clean`: removes what consoles that no longer run left in their clusters."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from cli import config
from cli.cluster_options import connection_request
from cli.exit_codes import LEFT_BEHIND
from cli.messages import print_line, print_message
from collectors.cluster.api.connection import (
    IN_CLUSTER,
    Cluster,
    ConnectionRequest,
    every_context,
    open_cluster,
)
from collectors.cluster.api.credentials import Impersonation
from collectors.cluster.attach import leftovers
from collectors.cluster.attach.attacher import Attacher
from collectors.errors import PodwireError
from collectors.recording.journal import GONE, Journal, PendingDelete
from collectors.stream import Stream
from session.files import journal_path


def clean(options: argparse.Namespace) -> int:
    """Remove what consoles left behind; 5 where something stays, and it is named; where nobody can
    look and nothing is known to be there, the code of what is wrong."""
    return asyncio.run(_clean(options))


async def _clean(options: argparse.Namespace) -> int:
    journal = Journal(await asyncio.to_thread(journal_path))
    found = await asyncio.to_thread(_forget_unreachable, journal)
    known, stays, refused = _journalled(journal), 0, 0
    cleaned: set[tuple[str, str]] = set()
    for request in _requests(options, journal):
        try:
            left, outcomes = await _clean_once(request, options, journal, cleaned)
        except PodwireError as error:
            print_message(f"context {request.context}: {error}" if request.context else str(error))
            left, outcomes = request in known, 0
            refused = refused or error.exit_code
        stays, found = stays + left, found + outcomes
    if not found and not stays and not refused:
        print_line("nothing is left behind")
    await asyncio.to_thread(journal.compact)
    return LEFT_BEHIND if stays else refused


async def _clean_once(
    request: ConnectionRequest,
    options: argparse.Namespace,
    journal: Journal,
    cleaned: set[tuple[str, str]],
) -> tuple[int, int]:
    """As `_clean_one`; nothing in a cluster that was `cleaned` by another request. PodwireError
    where nobody can look."""
    cluster = await open_cluster(request)
    try:
        if (cluster.server, cluster.context) in cleaned:
            return 0, 0
        cleaned.add((cluster.server, cluster.context))
        return await _clean_one(cluster, options, journal)
    finally:
        await cluster.close()


async def _clean_one(
    cluster: Cluster, options: argparse.Namespace, journal: Journal
) -> tuple[int, int]:
    """(what stays, what was looked at) in one cluster."""
    settings = config.load(options.config).settings(options, cluster.context)
    cluster.rest.read_only = settings.read_only
    outcomes = await leftovers.clean(cluster, Attacher(cluster, Stream(), settings, journal))
    for outcome in outcomes:
        print_line(f"{outcome.context}: {outcome.text}")
    return sum(outcome.stays for outcome in outcomes), len(outcomes)


def _forget_unreachable(journal: Journal) -> int:
    """Close the pending deletes of clusters whose kubeconfig is gone, as a lab's is: nobody can
    ask those clusters again. Returns how many there were."""
    lost = [entry for entry in leftovers.abandoned(journal) if not _has_kubeconfig(entry)]
    for entry in lost:
        _forget(entry, journal)
        print_line(
            f"{entry.where.context}: forgot {entry.name}: the kubeconfig of its cluster is gone; "
            "it ends within 4 h"
        )
    return len(lost)


def _forget(entry: PendingDelete, journal: Journal) -> None:
    number = journal.begin(
        entry.where,
        verb="delete pods",
        namespace=entry.namespace,
        name=entry.pod,
        node=entry.node,
    )
    journal.end(number, GONE)


def _has_kubeconfig(entry: PendingDelete) -> bool:
    paths = entry.where.kubeconfig.split(os.pathsep)
    return not entry.where.kubeconfig or any(Path(path).exists() for path in paths)


def _requests(options: argparse.Namespace, journal: Journal) -> Sequence[ConnectionRequest]:
    """The clusters to clean: those of the journal first, after them the contexts that are named,
    or the current one."""
    asked = connection_request(options)
    named = [
        ConnectionRequest(asked.kubeconfig, name, "", asked.impersonation)
        for name in _contexts(options)
    ]
    return list(dict.fromkeys([*_journalled(journal), *named]))


def _journalled(journal: Journal) -> Sequence[ConnectionRequest]:
    """Of clusters in which something was left, as far as is known."""
    return [_request_of(entry) for entry in leftovers.abandoned(journal)]


def _contexts(options: argparse.Namespace) -> Sequence[str | None]:
    """None is the current one."""
    names = every_context(options.kubeconfig) if options.all_contexts else options.context
    return names or (None,)


def _request_of(entry: PendingDelete) -> ConnectionRequest:
    where = entry.where
    context = None if where.context == IN_CLUSTER else where.context
    impersonation = Impersonation(where.acting_as)
    return ConnectionRequest(where.kubeconfig or None, context, "", impersonation)
