"""Writes to a cluster: into the journal before they are sent, onto the stream once they ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import yaml

from collectors.cluster.api.connection import Cluster
from collectors.errors import ClusterError, NotFound
from collectors.events import Command
from collectors.frozen import frozen
from collectors.recording.journal import GONE, REFUSED, ClusterIdentity, Journal
from collectors.stream import Stream
from collectors.target import Target

UNANSWERED = "no answer: it may have been done"


@frozen
class Write:
    """One change of a cluster. `verb` and resource as RBAC names them: `create pods`.

    `success` is the journal's word for its success.
    """

    target: Target
    verb: str
    namespace: str
    name: str
    success: str
    manifest: Mapping[str, Any] | None = None

    @property
    def deletes(self) -> bool:
        return self.verb.startswith("delete")


class JournaledWrites:
    """Sends the writes of one console to one cluster. JournalError where they cannot be noted."""

    def __init__(self, cluster: Cluster, session: Stream, journal: Journal) -> None:
        self.cluster, self.session, self.journal = cluster, session, journal
        self._where = ClusterIdentity(
            context=cluster.context,
            kubeconfig=cluster.kubeconfig,
            server=cluster.server,
            user=cluster.user,
            acting_as=cluster.rest.credentials.impersonation.user,
        )

    async def send(self, write: Write, request: Callable[[], Awaitable[object]]) -> None:
        """Journal, request, journal again; what the request raises is raised."""
        number = await asyncio.to_thread(self._begin, write)
        result = UNANSWERED
        try:
            await request()
            result = write.success
        except ClusterError as error:
            result = _result(write, error)
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(self.journal.end, number, result))
            self._publish(write, result)

    def _begin(self, write: Write) -> str:
        return self.journal.begin(
            self._where,
            verb=write.verb,
            namespace=write.namespace,
            name=write.name,
            node=write.target.node or write.target.name,
            manifest=write.manifest,
        )

    def _publish(self, write: Write, result: str) -> None:
        command = Command(
            at=time.time(),
            target=write.target.key,
            user=self.cluster.user,
            verb=write.verb,
            what=f"{write.namespace}/{write.name}",
            result=result,
            manifest=yaml_of(write.manifest),
        )
        self.session.publish(command)


def _result(write: Write, error: ClusterError) -> str:
    if write.deletes and isinstance(error, NotFound):
        return GONE
    if not error.status:
        return UNANSWERED
    return f"{'failed' if write.deletes else REFUSED}: {error}"


def yaml_of(manifest: Mapping[str, Any] | None) -> str:
    """What is sent, as YAML to read."""
    return str(yaml.safe_dump(manifest, sort_keys=False, width=100)) if manifest else ""
