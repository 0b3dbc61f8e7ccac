"""`podwire doctor` and `podwire clean`: without a console."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cli import config
from cli.exit_codes import FORBIDDEN, LEFT_BEHIND, tell
from collectors.cluster.api import access_review
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
from tui.screens.access import missing, rights


def wanted(options: argparse.Namespace) -> ConnectionRequest:
    """The cluster that the command line asks for."""
    acting = Impersonation(
        options.as_user or "", options.as_uid or "", tuple(options.as_group or ())
    )
    namespace = "" if options.all_namespaces else options.namespace
    return ConnectionRequest(
        options.kubeconfig, options.context[-1] if options.context else None, namespace, acting
    )


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def doctor(options: argparse.Namespace) -> int:
    """What this user may do here; 0 where everything, 4 where something is missing."""
    return asyncio.run(_doctor(options))


async def _doctor(options: argparse.Namespace) -> int:
    settings_of = config.load(options.config)
    cluster = await open_cluster(wanted(options))
    try:
        settings = settings_of.settings(options, cluster.context)
        review = await access_review.told(cluster, cluster.namespace)
        journal = Journal(journal_path())
        left = await leftovers.verified(
            cluster, journal, Attacher(cluster, Stream(), settings, journal)
        )
    finally:
        await cluster.close()
    where = f"namespace {cluster.namespace}" if cluster.namespace else "all namespaces"
    say(f"context {cluster.context}, {where}, as {cluster.user}, API server {cluster.version}")
    say(f"image {settings.image}, pulled {settings.pull_policy}")
    say()
    width = max(len(row.use) for row in review.rows)
    for row in review.rows:
        lacking = f"  (lacks {', '.join(row.missing)})" if row.missing else ""
        say(f"{'no ' if row.missing else 'yes'}  {row.use:<{width}}  {rights(row)}{lacking}")
    for entry in left.rows:
        say(
            f"left by a console that ended: {entry.namespace}/{entry.pod} in {entry.context}; `podwire clean`"
        )
    if not missing(review):
        return 0
    say()
    say("# the smallest Role that gives what is missing: kubectl apply -f - <<EOF … EOF")
    say(access_review.missing_role(review.rows, cluster.user).rstrip())
    return FORBIDDEN


def clean(options: argparse.Namespace) -> int:
    """Remove what consoles that run no more left behind; 5 where something stays, and it is named."""
    return asyncio.run(_clean(options))


async def _clean(options: argparse.Namespace) -> int:
    journal = Journal(await asyncio.to_thread(journal_path))
    seen: set[tuple[str, str]] = set()
    stays, found = 0, await asyncio.to_thread(_forget, journal)
    for place in _places(options, journal):
        try:
            cluster = await open_cluster(place)
        except PodwireError as error:
            tell(f"context {place.context or 'current'}: {error}")
            stays += 1
            continue
        if (cluster.server, cluster.context) not in seen:
            seen.add((cluster.server, cluster.context))
            owed, rows = await _clean_one(cluster, options, journal)
            stays, found = stays + owed, found + rows
        await cluster.close()
    if not found and not stays:
        say("nothing is left behind")
    await asyncio.to_thread(journal.tidy)
    return LEFT_BEHIND if stays else 0


async def _clean_one(
    cluster: Cluster, options: argparse.Namespace, journal: Journal
) -> tuple[int, int]:
    settings = config.load(options.config).settings(options, cluster.context)
    cluster.rest.read_only = settings.read_only
    try:
        outcomes = await leftovers.clean(cluster, Attacher(cluster, Stream(), settings, journal))
    except PodwireError as error:
        tell(f"context {cluster.context}: {error}")
        return 1, 0
    for outcome in outcomes:
        say(f"{outcome.context}: {outcome.text}")
    return sum(outcome.owed for outcome in outcomes), len(outcomes)


def _forget(journal: Journal) -> int:
    """Close the accounts of clusters whose kubeconfig is gone, a lab's for one: nobody can be asked any more."""
    lost = [owed for owed in leftovers.abandoned(journal) if not _reachable(owed)]
    for owed in lost:
        journal.end(
            journal.begin(owed.where, "delete pods", owed.namespace, owed.pod, owed.node, None),
            GONE,
        )
        say(
            f"{owed.where.context}: forgot {owed.name}: the kubeconfig of its cluster is gone; it ends within 4 h"
        )
    return len(lost)


def _reachable(owed: PendingDelete) -> bool:
    return not owed.where.kubeconfig or any(
        Path(path).exists() for path in owed.where.kubeconfig.split(os.pathsep)
    )


def _places(options: argparse.Namespace, journal: Journal) -> Sequence[ConnectionRequest]:
    """Where to look: what the journal owes first, then the contexts that are named, else the current one."""
    places = [
        ConnectionRequest(
            owed.where.kubeconfig or None,
            None if owed.where.context == IN_CLUSTER else owed.where.context,
            "",
            Impersonation(owed.where.acting_as),
        )
        for owed in leftovers.abandoned(journal)
    ]
    names = every_context(options.kubeconfig) if options.all_contexts else options.context or ()
    asked = wanted(options)
    places += [ConnectionRequest(asked.kubeconfig, name, "", asked.impersonation) for name in names]
    if not names:
        places.append(ConnectionRequest(asked.kubeconfig, None, "", asked.impersonation))
    return list(dict.fromkeys(places))
