"""`podwire policy`: may A talk to B, from a live cluster or from manifests alone."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from cli.check import KINDS, LISTED_S, until
from cli.cluster_options import connection_request
from cli.messages import write_output
from collectors import manifests
from collectors.cluster.api.connection import open_cluster
from collectors.cluster.inventory.inventory import Inventory
from collectors.errors import ClusterError, ConfigError
from collectors.events import PodRow
from collectors.stream import Stream
from diagnosis.reachability.path import (
    ClusterState,
    PathStep,
    PathVerdict,
    Unknown,
)
from session import path_text
from session.store import Store

MARKS = {"ok": "✓", "stops": "✗", "note": "·"}


def policy(options: argparse.Namespace) -> int:
    """0 where it is allowed, 1 where it is not."""
    port, _, protocol = options.port.partition("/")
    cluster = _of_files(options) if options.files else asyncio.run(_live(options))
    try:
        source = cluster.find(options.source)
        if not isinstance(source, (PodRow, str)):
            raise ConfigError(
                f"{options.source} is a Service: only a pod or an address opens connections."
            )
        target = cluster.find(
            options.target, source.namespace if isinstance(source, PodRow) else "", port
        )
        answer = cluster.ask(source, target, port, (protocol or "TCP").upper())
    except Unknown as error:
        raise ConfigError(str(error)) from None
    write_output(_json(options, answer) if options.output == "json" else _text(options, answer))
    return 0 if answer.allowed else 1


def _of_files(options: argparse.Namespace) -> ClusterState:
    rows: Any = manifests.read(options.files).rows
    return ClusterState.of(*(rows[kind] for kind in path_text.KINDS))


async def _live(options: argparse.Namespace) -> ClusterState:
    opened = await open_cluster(connection_request(options))
    store, session = Store(), Stream()
    subscription = session.subscribe(65_536)
    listing = asyncio.create_task(Inventory(opened, session).run())

    def listed() -> bool:
        store.apply_all(subscription.pending())
        return all(kind in store.inventory or kind in store.refused for kind in KINDS)

    try:
        if not await until(listed, LISTED_S):
            raise ClusterError("The cluster's lists did not come in time. Try again.")
        for kind in ("pods", "namespaces", "networkpolicies"):
            if kind in store.refused:
                raise ClusterError(f"Without {kind} there is no verdict. {store.refused[kind]}")
    finally:
        listing.cancel()
        await asyncio.gather(listing, return_exceptions=True)
        await opened.close()
    return path_text.cluster_of(store)


def _json(options: argparse.Namespace, answer: PathVerdict) -> str:
    decided = answer.decided_by
    body = {
        "schema": 1,
        "from": options.source,
        "to": options.target,
        "port": options.port,
        "allowed": answer.allowed,
        "partly": answer.partly,
        "decided_by": {
            "policy": decided.policy or None,
            "rule": decided.rule,
            "side": decided.side,
            "reason": decided.reason,
        }
        if decided
        else None,
        "path": [{"step": s.what, "result": s.result, "reason": s.reason} for s in answer.path],
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def _text(options: argparse.Namespace, answer: PathVerdict) -> str:
    word = (
        "allowed"
        if answer.allowed
        else "allowed to some endpoints only"
        if answer.partly
        else "not allowed"
    )
    lines = [f"{options.source} → {options.target} {options.port}: {word}"]
    lines += [_line(step) for step in answer.path]
    return "\n".join(lines) + "\n"


def _line(step: PathStep) -> str:
    return f"  {MARKS[step.result]} {step.what}: {step.reason}"
