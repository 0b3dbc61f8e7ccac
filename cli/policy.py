"""`podwire policy`: may A talk to B, from a live cluster or from manifests alone."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from cli.check import LISTED_S, until
from cli.cluster_options import connection_request
from cli.exit_codes import FAILED, NOT_KNOWN
from cli.messages import write_output
from collectors import manifests
from collectors.cluster.api.connection import open_cluster
from collectors.cluster.inventory.inventory import Inventory
from collectors.errors import ClusterError, ConfigError
from collectors.events import PodRow
from collectors.stream import Stream
from diagnosis.reachability.blind_spots import DECIDING, BlindSpots, not_evaluated
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.end_names import AskedPort, End, EndFinder, Unknown, asked_port
from diagnosis.reachability.path import ask_ends
from diagnosis.reachability.verdicts import Decision, Outcome
from session import path_text
from session.store import Store

SCHEMA = 2
CODES: dict[Outcome, int] = {"allowed": 0, "denied": FAILED, "unknown": NOT_KNOWN}
DEFAULT_NAMESPACE = "default"


def policy(options: argparse.Namespace) -> int:
    """0 where it is allowed, 1 where it is not, 6 where that cannot be known."""
    try:
        port = asked_port(options.port)
        cluster, namespace = _cluster(options)
        answer = _asked(options, cluster, namespace, port)
    except Unknown as error:
        raise ConfigError(str(error)) from None
    text = _json(options, answer) if options.output == "json" else _text(options, answer)
    write_output(text)
    return CODES[answer.verdict]


def _asked(
    options: argparse.Namespace, cluster: ClusterState, namespace: str, port: AskedPort
) -> PathVerdict:
    explicit = bool(options.namespace)
    source = EndFinder(cluster, namespace, explicit=True).find(options.source)
    near = namespace if explicit else _namespace(source, namespace)
    finder = EndFinder(cluster, near, explicit=explicit)
    destination = finder.find(options.target, port.port)
    return ask_ends(cluster, source, destination, port=port.port, protocol=port.protocol)


def _namespace(source: End, default: str) -> str:
    """Names alone are looked up as the source's pod would."""
    return source.row.namespace if isinstance(source.row, PodRow) else default


def _cluster(options: argparse.Namespace) -> tuple[ClusterState, str]:
    """The objects, and the namespace of names that say none."""
    if not options.files:
        return asyncio.run(_live(options))
    namespace = options.namespace or DEFAULT_NAMESPACE
    found = manifests.read(options.files, namespace)
    rows: dict[str, list[Any]] = {**found.rows, "foreignpolicies": list(found.foreign)}
    return ClusterState.of(rows, BlindSpots(tuple(not_evaluated(found.others)))), namespace


async def _live(options: argparse.Namespace) -> tuple[ClusterState, str]:
    opened = await open_cluster(connection_request(options))
    store, session = Store(), Stream()
    subscription = session.subscribe(65_536)
    listing = asyncio.create_task(Inventory(opened, session).run())

    def listed() -> bool:
        store.apply_all(subscription.pending())
        return all(kind in store.inventory or kind in store.refused for kind in DECIDING)

    try:
        if not await until(listed, LISTED_S) and not store.inventory:
            raise ClusterError("The cluster's lists did not come in time. Try again.")
    finally:
        listing.cancel()
        await asyncio.gather(listing, return_exceptions=True)
        await opened.close()
    return path_text.cluster_of(store, DECIDING), opened.namespace or DEFAULT_NAMESPACE


def _json(options: argparse.Namespace, answer: PathVerdict) -> str:
    unknown = answer.verdict == "unknown"
    body = {
        "schema": SCHEMA,
        "from": options.source,
        "to": options.target,
        "port": options.port,
        "verdict": answer.verdict,
        "allowed": None if unknown else answer.allowed,
        "unknown_because": list(answer.unknown_because),
        "partly": answer.partly,
        "decided_by": _decided_by(answer.decided_by),
        "path": [{"step": s.what, "result": s.result, "reason": s.reason} for s in answer.path],
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def _decided_by(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "kind": decision.kind or None,
        "policy": decision.policy or None,
        "rule": decision.rule,
        "side": decision.side,
        "reason": decision.reason,
    }


def _text(options: argparse.Namespace, answer: PathVerdict) -> str:
    word = path_text.word(answer)
    lines = [f"{options.source} → {options.target} {options.port}: {word}"]
    lines += [path_text.step_line(step) for step in answer.path]
    return "\n".join(lines) + "\n"
