"""`podwire doctor`: what this user may do in a cluster, and the Role that is missing."""

from __future__ import annotations

import argparse
import asyncio

from cli import config
from cli.cluster_options import connection_request
from cli.exit_codes import FORBIDDEN
from cli.messages import print_line
from cli.packages import package_notes
from collectors.cluster.api import access_review
from collectors.cluster.api.connection import Cluster, open_cluster
from collectors.cluster.attach import leftovers
from collectors.cluster.attach.attacher import Attacher
from collectors.cluster.attach.settings import AttachSettings
from collectors.events import AccessReview, LeftBehind
from collectors.recording.journal import Journal
from collectors.stream import Stream
from session.files import journal_path


def doctor(options: argparse.Namespace) -> int:
    """0 where this user may do everything that podwire can use, 4 where something is missing."""
    return asyncio.run(_doctor(options))


async def _doctor(options: argparse.Namespace) -> int:
    configuration = config.load(options.config)
    cluster = await open_cluster(connection_request(options))
    try:
        settings = configuration.settings(options, cluster.context)
        review = await access_review.access(cluster, cluster.namespace)
        left = await _leftovers(cluster, settings)
    finally:
        await cluster.close()
    _print_cluster(cluster, settings)
    _print_access(review)
    _print_leftovers(left)
    if not review.refused:
        return 0
    _print_missing_role(review, cluster.user)
    return FORBIDDEN


def _print_missing_role(review: AccessReview, user: str) -> None:
    print_line()
    print_line("# the smallest Role that gives what is missing: kubectl apply -f - <<EOF … EOF")
    print_line(access_review.missing_role(review.rows, user).rstrip())


async def _leftovers(cluster: Cluster, settings: AttachSettings) -> LeftBehind:
    journal = Journal(await asyncio.to_thread(journal_path))
    return await leftovers.verified(cluster, Attacher(cluster, Stream(), settings, journal))


def _print_cluster(cluster: Cluster, settings: AttachSettings) -> None:
    where = f"namespace {cluster.namespace}" if cluster.namespace else "all namespaces"
    print_line(
        f"context {cluster.context}, {where}, as {cluster.user}, API server {cluster.version}"
    )
    print_line(f"image {settings.image}, pulled {settings.pull_policy}")
    for note in package_notes():
        print_line(note)
    print_line()


def _print_access(review: AccessReview) -> None:
    width = max(len(row.use) for row in review.rows)
    for row in review.rows:
        lacks = f"  (lacks {', '.join(row.missing)})" if row.missing else ""
        print_line(f"{'no ' if row.missing else 'yes'}  {row.use:<{width}}  {row.rights}{lacks}")


def _print_leftovers(left: LeftBehind) -> None:
    for row in left.rows:
        pod = f"{row.namespace}/{row.pod} in {row.context}"
        print_line(f"left by a console that ended: {pod}; `podwire clean`")
