"""`podwire check --from FILE`: today's rules on recordings and capture files, by the time that was
recorded."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cli import check_output, config
from cli.exit_codes import FORBIDDEN
from cli.packages import package_notes
from cli.progress import progress
from collectors.capture.capture_files import is_capture
from collectors.capture.file_source import PcapSource
from collectors.errors import ConfigError
from collectors.findings import Finding, ordered, stronger
from collectors.recording.event_log import RecordingSource
from collectors.sanitize import sanitize
from collectors.source import JoinedSource, RecordedSource
from collectors.stream import Stream
from diagnosis.report import Periods, Report, Spans
from session.capture_place import KnownNodes, captured_node, known_nodes
from session.controller import Controller
from session.earlier_findings import LookedAgain, earlier_findings
from session.finding_history import FIGURE, FindingHistory, Key
from session.given_recordings import damage_notes, each_once, require_evidence
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
        raise ConfigError(f"{sanitize(path, 200)} is no capture: a recording names its targets.")
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


def over_time(history: FindingHistory) -> tuple[list[Finding], Periods]:
    """Each finding once, as it was at its worst, and each time that it was seen. A
    symptom that a cause explained at any time is under that cause for all of it; of those that
    explained each other, at different times, the gravest is."""
    findings = _worst_states(history)
    consequences = _consequences(history)
    explained = [(text, key) for key, texts in consequences.items() for text in texts.values()]
    causes = {key: set(_causes(finding, explained)) for key, finding in findings.items()}
    kept = {key for key in findings if not causes[key]}
    for finding in ordered(findings.values()):
        if not _leads_to(kept, finding.key, causes):
            kept.add(finding.key)
    found = [replace(findings[key], consequences=tuple(consequences[key].values())) for key in kept]
    return ordered(found), _periods(history)


def _leads_to(kept: set[Key], key: Key, causes: dict[Key, set[Key]]) -> bool:
    """Whether a cause of a finding, or a cause of that, and so on, is said."""
    passed, left = set[Key](), [key]
    while left:
        one = left.pop()
        if one in kept:
            return True
        passed.add(one)
        left += causes[one] - passed
    return False


def _worst_states(history: FindingHistory) -> dict[Key, Finding]:
    """Of all spans of a finding, what it was at its worst."""
    found: dict[Key, Finding] = {}
    for span in history.spans:
        key, worst = span.finding.key, span.worst
        found[key] = stronger(found[key], worst) if key in found else worst
    return found


def _periods(history: FindingHistory) -> Periods:
    """Each time that a finding was seen."""
    periods: dict[Key, Spans] = {}
    for span in history.spans:
        key = span.finding.key
        periods[key] = (*periods.get(key, ()), (span.since, span.until))
    return periods


def _consequences(history: FindingHistory) -> dict[Key, dict[str, str]]:
    found: dict[Key, dict[str, str]] = {}
    for span in history.spans:
        found.setdefault(span.finding.key, {}).update(span.consequences)
    return found


def _causes(finding: Finding, explained: list[tuple[str, Key]]) -> Iterator[Key]:
    """The other findings that explained it at any time; of one subject only what is no cause."""
    another = finding.stage != "cause"
    for text, key in explained:
        is_other = key != finding.key and (another or key[1] != finding.subject)
        if is_other and _is_of(text, finding):
            yield key


def _is_of(text: str, finding: Finding) -> bool:
    """Whether it is what a cause says of this finding. A symptom may have had another title at that
    time; advice that a cause explains is that very advice, whatever its figures were."""
    where, _, title = text.partition(": ")
    is_same = FIGURE.sub("", title) == FIGURE.sub("", finding.title)
    return where == finding.where and (is_same or finding.stage != "advice")


def notes_of(sources: list[RecordedSource]) -> list[str]:
    """What could not be read of a recording or a capture."""
    notes = [source.message for source in sources if source.state == "failed"]
    for source in sources:
        if isinstance(source, RecordingSource) and source.state != "failed" and source.message:
            notes.append(f"{sanitize(source.recording.path.name, 80)}: {source.message}")
    return notes
