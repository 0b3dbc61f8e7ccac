"""`podwire policy`: may A talk to B, from a live cluster or from manifests alone."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from typing import Any

from cli.check import LISTED_S
from cli.cluster_options import connection_request
from cli.exit_codes import FAILED, NOT_KNOWN
from cli.messages import write_output
from cli.waiting import until
from collectors import manifests
from collectors.address_text import is_address
from collectors.cluster.api.connection import Cluster, open_cluster
from collectors.cluster.inventory import network_settings
from collectors.cluster.inventory.inventory import Inventory
from collectors.errors import ClusterError, ConfigError
from collectors.events import InventoryList, PodRow, SettingsRow
from collectors.stream import Stream, Subscription
from diagnosis.reachability import name_doubts
from diagnosis.reachability.blind_spots import DECIDING, BlindSpots, not_evaluated, noted
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathStep, PathVerdict
from diagnosis.reachability.end_names import End, EndFinder, EndRow, aliases_of
from diagnosis.reachability.path import ask_ends
from diagnosis.reachability.verdicts import Decision, Outcome
from diagnosis.reachability.written_ends import (
    AskedPort,
    Unknown,
    check_source,
    port_of,
    written_end,
)
from session import path_text
from session.store import Store

SCHEMA = 2
CODES: dict[Outcome, int] = {"allowed": 0, "denied": FAILED, "unknown": NOT_KNOWN}
DEFAULT_NAMESPACE = "default"


def policy(options: argparse.Namespace) -> int:
    """0 where it is allowed, 1 where it is not, 6 where that cannot be known."""
    try:
        check_source(written_end(options.source))
        port = port_of(written_end(options.target), options.port)
        cluster, namespace, notes = _cluster(options)
        answer = _asked(options, cluster, namespace, port).noted(*notes)
    except Unknown as error:
        raise ConfigError(str(error)) from None
    options.port = options.port or port.text
    text = _json(options, answer) if options.output == "json" else _text(options, answer)
    write_output(text)
    return CODES[answer.verdict]


def _asked(
    options: argparse.Namespace, cluster: ClusterState, namespace: str, port: AskedPort
) -> PathVerdict:
    explicit = bool(options.namespace)
    source = EndFinder(cluster, namespace, explicit=True).find(options.source)
    near = namespace if explicit else _namespace(source, namespace)
    finder = EndFinder(cluster, near, explicit=explicit, aliases=aliases_of(source))
    destination = finder.find(options.target, port.port)
    answer = ask_ends(cluster, source, destination, port=port.port, protocol=port.protocol)
    if not options.files:
        return answer
    said = {end.row: _of_nobody(cluster, end.row) for end in (source, destination)}
    new = (one for one in said.items() if one[1] and one[1] not in answer.unknown_because)
    return answer.noted(*(PathStep(str(row), "note", reason) for row, reason in new))


def _of_nobody(cluster: ClusterState, row: EndRow) -> str:
    """What is to be said of an address that nobody in the files has, and of a name."""
    if not isinstance(row, str):
        return ""
    return cluster.nobodys(row) if is_address(row) else name_doubts.read_as_outside(row)


def _namespace(source: End, default: str) -> str:
    """Names alone are looked up as the source's pod would."""
    return source.row.namespace if isinstance(source.row, PodRow) else default


def _cluster(options: argparse.Namespace) -> tuple[ClusterState, str, list[PathStep]]:
    """The objects, the namespace of names that say none, and what is worth saying of objects that
    are not known."""
    if not options.files:
        return *asyncio.run(_live(options)), []
    namespace = options.namespace or DEFAULT_NAMESPACE
    found = manifests.read(options.files, namespace)
    rows: dict[str, list[Any]] = {**found.rows, "foreignpolicies": list(found.foreign)}
    blind = BlindSpots(tuple(not_evaluated(found.others)))
    notes = [PathStep("other objects", "note", text) for text in noted(found.others)]
    return ClusterState.of(rows, blind), namespace, notes


async def _live(options: argparse.Namespace) -> tuple[ClusterState, str]:
    opened = await open_cluster(connection_request(options))
    store, session = Store(), Stream()
    subscription = session.subscribe(65_536)
    listing = asyncio.create_task(Inventory(opened, session).run())
    try:
        await _until_listed(store, subscription)
        store.apply(await _settings(opened))
    finally:
        listing.cancel()
        await asyncio.gather(listing, return_exceptions=True)
        await opened.close()
    return path_text.cluster_of(store, DECIDING), opened.namespace or DEFAULT_NAMESPACE


async def _settings(cluster: Cluster) -> InventoryList:
    """Those of the network, which say whose policies are in force; none where they may not be
    read."""
    rows: list[SettingsRow] = []
    with contextlib.suppress(ClusterError):
        rows, _ = await network_settings.read(cluster)
    return InventoryList(time.time(), "", network_settings.KIND, tuple(rows))


async def _until_listed(store: Store, subscription: Subscription) -> None:
    """ClusterError where nothing came in time."""

    def listed() -> bool:
        store.apply_all(subscription.pending())
        return all(kind in store.inventory or kind in store.refused for kind in DECIDING)

    if not await until(listed, LISTED_S) and not store.inventory:
        raise ClusterError("The cluster's lists did not come in time. Try again.")


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
        "share": answer.share or None,
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
    head = f"{options.source} → {options.target} {options.port}: {path_text.word(answer)}"
    return "\n".join([head, *map(path_text.step_line, answer.path)]) + "\n"
