"""`podwire check`: the rules without a console, for runbooks, CI and cron."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cli import check_output, config
from cli.check_targets import Selection, selection
from cli.cluster_options import connection_request
from cli.exit_codes import CRASHED, FORBIDDEN, LEFT_BEHIND
from cli.messages import print_message, print_messages
from cli.packages import package_notes
from cli.recorder import Recorders
from cli.waiting import until
from collectors.cluster.api.connection import Cluster, open_cluster
from collectors.events import NodeRow, PodRow
from collectors.findings import Finding
from collectors.frozen import frozen
from collectors.recording.journal import Journal
from collectors.stream import Stream
from diagnosis.reachability.blind_spots import DECIDING, BlindSpot, sentences
from diagnosis.report import LookedAt, Report
from diagnosis.tracker import RISE_S
from session.blind_spots import blind_spots
from session.controller import Controller
from session.crash import report_crash
from session.earlier_findings import EarlierFindings, LookedAgain, earlier_findings
from session.files import journal_path
from session.store import Store

LISTED_S, LIVE_S, WATCH_S = 15.0, 40.0, 30.0
LEAST_WATCH_S = RISE_S + 0.5
KINDS = ("pods", "nodes", "namespaces", "services", "endpointslices", "networkpolicies")
NAMED = 3  # of those that cannot be attached to for one reason
OBJECTS_ONLY = "only the cluster's objects were looked at: --yes attaches to pods and nodes as well"


def check(options: argparse.Namespace) -> int:
    """0 where nothing as bad as --fail-on was found, 1 where something was, 4 where nothing could
    be looked at (with --strict: where a part could not), 5 where something was left behind."""
    return asyncio.run(_check(options))


def may_attach(options: argparse.Namespace) -> bool:
    """An ephemeral container stays in its pod: a person says yes, or --yes does."""
    if options.read_only:
        return False
    if options.yes:
        return True
    return sys.stdin.isatty() and sys.stdout.isatty() and _is_agreed()


def _is_agreed() -> bool:
    print_message(
        "this adds a debug container to each pod (it stays in the pod's spec) "
        "and a short-lived pod to each node."
    )
    sys.stderr.write("podwire: go on? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _check(options: argparse.Namespace) -> int:
    settings = config.load(options.config)
    unused = settings.set_thresholds()
    earlier = earlier_findings(options.since) if options.since else None
    cluster = await open_cluster(connection_request(options))
    recorders = Recorders(options, settings)
    await recorders.prepare()
    control = _opened(options, settings, cluster, recorders)
    try:
        outcome = await _outcome(options, control, cluster.context, unused)
        if earlier is not None:
            outcome = _compared(outcome, earlier, control)
    finally:
        await control.close()
        await recorders.finished()
    recorders.say_where()
    check_output.write(options.output, outcome.report)
    trouble = _trouble(control)
    return _exit_code(options, outcome) if trouble is None else trouble


@frozen
class CheckOutcome:
    """`blind`: what could not be listed, `failed`: not attached to all that it should be."""

    report: Report
    blind: Sequence[BlindSpot]
    failed: bool


async def _outcome(
    options: argparse.Namespace, control: Controller, context: str, unused: Sequence[str]
) -> CheckOutcome:
    looked = await _prepare(options, control)
    findings = await watched(control, _watch_s(options))
    blind = blind_spots(control.store).spots
    unseen = [spot.unseen for spot in blind]
    notes = [*looked.notes, *unused, *package_notes()]
    report = Report(findings, context, time.time(), notes, unseen=unseen, looked_at=looked.at)
    return CheckOutcome(report, blind, looked.failed)


def _watch_s(options: argparse.Namespace) -> float:
    """In a shorter look nothing holds for long enough to be found: that would be no all-clear."""
    return WATCH_S if options.seconds is None else max(float(options.seconds), LEAST_WATCH_S)


def _compared(outcome: CheckOutcome, earlier: EarlierFindings, control: Controller) -> CheckOutcome:
    namespace, report = control.diagnosis.namespace, outcome.report
    again = LookedAgain(control.store, bool(outcome.blind), namespace)
    comparison = earlier.against(report.findings, again)
    return replace(outcome, report=replace(report, comparison=comparison))


def _exit_code(options: argparse.Namespace, outcome: CheckOutcome) -> int:
    if {spot.kind for spot in outcome.blind if spot.total} >= set(KINDS):
        return FORBIDDEN
    if code := check_output.exit_code(outcome.report.deciding, options.fail_on):
        return code
    is_partial = bool(outcome.blind) or outcome.failed
    return FORBIDDEN if options.strict and is_partial else 0


def _trouble(control: Controller) -> int | None:
    """The exit code where podwire itself did not do what it should; it is said."""
    print_messages(control.left_behind)
    if control.tasks.crash is not None:  # a part is missing, so that this is not an answer
        print_message(report_crash(control.tasks.crash))
        return CRASHED
    return LEFT_BEHIND if control.left_behind else None


def _opened(
    options: argparse.Namespace, settings: config.Config, cluster: Cluster, recorders: Recorders
) -> Controller:
    control = Controller(Store(), Stream(), capture_on_attach=not options.no_capture)
    recorders.begin(control.stream, control.store)
    control.captures.kept_by = recorders.session
    control.diagnosis.budget_ms = options.budget
    control.start()
    control.open(
        cluster,
        is_lab=False,
        settings=settings.settings(options, cluster.context),
        journal=Journal(journal_path()),
    )
    return control


@frozen
class Attached:
    """What a check is attached to; `failed`: not to all that it should be."""

    at: LookedAt
    notes: Sequence[str]
    failed: bool = False


async def _prepare(options: argparse.Namespace, control: Controller) -> Attached:
    """List the cluster and attach."""
    store = control.store
    await until(lambda: all(_is_answered(store, kind) for kind in KINDS), LISTED_S)
    notes = _notes(store)
    selected = selection(options, store)
    control.diagnosis.namespace = selected.namespace
    if not may_attach(options):
        return _objects_only(selected, notes)
    trouble = await _attach(options, control, selected)
    return Attached(_looked_at(selected, store), [*notes, *trouble], bool(trouble))


def _objects_only(selected: Selection, notes: Sequence[str]) -> Attached:
    none = LookedAt(other_pods=selected.all_pods, other_nodes=selected.all_nodes)
    return Attached(none, [*notes, OBJECTS_ONLY])


async def _attach(
    options: argparse.Namespace, control: Controller, selected: Selection
) -> list[str]:
    """What of the selection is not looked at, with the reason."""
    wanted: list[PodRow | NodeRow] = [*selected.pods, *selected.nodes]
    failed = await attach(control, control.store, wanted, capture=not options.no_capture)
    return [*selected.notes, *failed]


def _is_answered(store: Store, kind: str) -> bool:
    return kind in store.inventory or kind in store.refused


def _notes(store: Store) -> list[str]:
    return [*_refusals(store), *sentences(blind_spots(store).spots)]


def _refusals(store: Store) -> Iterator[str]:
    for kind, why in store.refused.items():
        if kind not in DECIDING:
            yield f"{kind} could not be listed: {why}"


def _looked_at(selected: Selection, store: Store) -> LookedAt:
    live = Counter(key.partition("/")[0] for key in store.targets if _is_live(store, key))
    pods, nodes = live["pod"], live["node"]
    return LookedAt(pods, nodes, selected.all_pods - pods, selected.all_nodes - nodes)


def _is_live(store: Store, key: str) -> bool:
    return store.target(key).phase == "live"


async def attach(
    control: Controller, store: Store, rows: Sequence[PodRow | NodeRow], capture: bool = True
) -> list[str]:
    """Attach to all at once, capture on the nodes; what cannot be attached to, with the reason."""
    keys = [_watched_key(control, row) for row in rows]
    await until(lambda: all(store.target(key).has_started for key in keys), LIVE_S)
    for key in keys:
        if key.startswith("node/") and _is_live(store, key):
            _begin_on_node(control, key, capture)
    return by_reason({key: store.target(key).message for key in keys if not _is_live(store, key)})


def by_reason(reasons: Mapping[str, str]) -> list[str]:
    """What is the same for many targets (a disk, a right) is said once."""
    targets: dict[str, list[str]] = {}
    for target, reason in reasons.items():
        targets.setdefault(reason, []).append(target)
    return [f"{_named(keys)}: {reason}" for reason, keys in targets.items()]


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more


def _watched_key(control: Controller, row: PodRow | NodeRow) -> str:
    if isinstance(row, PodRow):
        return control.targets.watch_pod(row).key
    return control.targets.watch_node(row.name).key


def _begin_on_node(control: Controller, key: str, capture: bool) -> None:
    if capture:
        control.captures.start(key, "")
    control.targets.count_conntrack(key)


async def watched(control: Controller, seconds: float) -> list[Finding]:
    """Let the session's diagnosis look for as long as was asked, from when everything is listed;
    what holds at the end."""
    await control.diagnosis.look(time.time())
    await asyncio.sleep(seconds)
    return await control.diagnosis.look(time.time())
