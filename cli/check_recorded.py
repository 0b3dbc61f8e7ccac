"""`podwire check --from FILE`: today's rules on recordings and capture files, by the time that was
recorded."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cli import check_output, config
from cli.exit_codes import FORBIDDEN
from cli.packages import package_notes
from cli.progress import progress
from collectors.capture.capture_files import is_capture
from collectors.capture.file_source import PcapSource
from collectors.errors import ConfigError
from collectors.recording.event_log import RecordingSource
from collectors.sanitize import sanitize
from collectors.source import JoinedSource, RecordedSource
from collectors.stream import Stream
from diagnosis.report import Report
from session.capture_place import KnownNodes, captured_node, known_nodes
from session.controller import Controller
from session.earlier_findings import LookedAgain, earlier_findings
from session.findings_over_time import over_time
from session.given_recordings import damage_notes, each_once, require_evidence, running_notes
from session.recorded_sessions import ABRUPT
from session.replay import play
from session.session_files import opened
from session.store import Store

DAMAGED = "damaged or missing parts of what was recorded"
FIRST_CAPTURE = 1_000_000  # its number: a recording has captures of its own
_TARGET = re.compile(r"((?:pod|node|local)/[^=]+)=(.+)")


def check_recorded(options: argparse.Namespace) -> int:
    """0 where nothing as bad as --fail-on was found at any time, 1 where something was, 4 where
    nothing was found in what is left of a damaged session."""
    if options.target:
        raise ConfigError("With --from, all that was recorded is looked at: name no target.")
    unused = config.load(options.config).set_thresholds()
    earlier = earlier_findings(options.since) if options.since else None
    stream = Stream()
    with contextlib.ExitStack() as places:
        sources, notes = each_once(_sources(options.recorded, stream, places))
        notes += running_notes(sources)
        notes += (damage := damage_notes(sources))
        notes += require_evidence(sources)
        sources = placed(sources, notes)
        store = asyncio.run(_played(sources, stream, options.budget))
    if all(source.state == "failed" for source in sources):
        raise ConfigError(" ".join(source.message for source in sources))
    report = _report(store, [*notes, *notes_of(sources), *unused, *package_notes()])
    report = replace(report, unseen=[DAMAGED] if damage else [])
    if earlier is not None:
        comparison = earlier.against(report.findings, LookedAgain(store))
        report = replace(report, comparison=comparison)
    check_output.write(options.output, report)
    code = check_output.exit_code(report.deciding, options.fail_on)
    is_unknown = any(ABRUPT not in text for text in damage) and not report.findings
    return FORBIDDEN if is_unknown else code


def _sources(
    texts: Iterable[str], stream: Stream, places: contextlib.ExitStack
) -> list[RecordedSource]:
    numbered = enumerate(texts, FIRST_CAPTURE)
    return [source_of(text, stream, capture, places) for capture, text in numbered]


async def _played(sources: list[RecordedSource], stream: Stream, budget: float | None) -> Store:
    """What is known after all that was recorded."""
    store = Store()
    control = Controller(store, stream)
    control.diagnosis.budget_ms = budget
    joined = JoinedSource(sources, stream)
    async with progress(joined, sources):
        await play(control, joined, with_rules=True)
    await control.close()
    return store


def _report(store: Store, notes: list[str]) -> Report:
    findings, periods = over_time(store.findings)
    context = store.start.context if store.start else ""
    return Report(findings, context, store.latest, notes, periods)


def source_of(
    text: str, stream: Stream, capture: int, places: contextlib.ExitStack
) -> RecordedSource:
    """`FILE`, or `node/NAME=FILE` for a capture that was made there. What is unpacked goes with
    `places`.

    ConfigError where it cannot be read.
    """
    match = _TARGET.fullmatch(text)
    key, path = (match[1], Path(match[2])) if match else ("", opened(Path(text), places))
    if not path.is_dir() and is_capture(path):
        return PcapSource(path, stream, capture=capture, key=key)
    if key:
        raise ConfigError(f"{sanitize(path, 200)} is not a capture: a recording names its targets.")
    return RecordingSource(path, stream, findings_again=True)


def placed(sources: Sequence[RecordedSource], notes: list[str]) -> list[RecordedSource]:
    """Captures beside recordings as those of the nodes that they were made on; `notes` gets a
    sentence about each."""
    recordings = [one.recording.path for one in sources if isinstance(one, RecordingSource)]
    unnamed = [one for one in sources if isinstance(one, PcapSource) and not one.is_of_target]
    if not recordings or not unnamed:
        return list(sources)
    known = known_nodes(recordings)
    return [_placed(one, known, notes) if one in unnamed else one for one in sources]


def _placed(source: RecordedSource, known: KnownNodes, notes: list[str]) -> RecordedSource:
    assert isinstance(source, PcapSource)
    name = sanitize(source.path.name, 80)
    node = captured_node(source.path, known)
    if not node:
        notes.append(
            f"{name}: where it was captured is not known, so it is looked at by itself; "
            f"--from node/NAME=FILE or pod/NAMESPACE/NAME=FILE names the place"
        )
        return source
    notes.append(f"{name}: captured on {node}, by the pods that it shows")
    return source.at_target(f"node/{node}")


def notes_of(sources: list[RecordedSource]) -> list[str]:
    """What could not be read of a recording or a capture."""
    notes = [source.message for source in sources if source.state == "failed"]
    for source in sources:
        if isinstance(source, RecordingSource) and source.state != "failed" and source.message:
            notes.append(f"{sanitize(source.recording.path.name, 80)}: {source.message}")
    return notes
