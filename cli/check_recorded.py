"""`podwire check --from FILE`: today's rules on recordings and capture files, by the time that was
recorded."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import re
from pathlib import Path

from cli import check_output
from collectors.capture.file_source import PcapSource
from collectors.capture.pcap import MAGIC
from collectors.capture.pcapng import SECTION_BYTES
from collectors.errors import ConfigError
from collectors.findings import Finding, ordered
from collectors.recording.event_log import RecordingSource
from collectors.sanitize import sanitize
from collectors.source import JoinedSource, RecordedSource
from collectors.stream import Stream
from diagnosis.report import Period, Periods
from session.controller import Controller
from session.finding_history import FindingHistory, Key
from session.replay import play
from session.store import Store

GZIP = b"\x1f\x8b"
FIRST_CAPTURE = 1_000_000  # its number: a recording has captures of its own
_TARGET = re.compile(r"((?:pod|node|local)/[^=]+)=(.+)")


def check_recorded(options: argparse.Namespace) -> int:
    """0 where nothing as bad as --fail-on was found at any time, 1 where something was."""
    return asyncio.run(_check(options))


async def _check(options: argparse.Namespace) -> int:
    if options.target:
        raise ConfigError("With --from, all that was recorded is looked at: name no target.")
    store, stream = Store(), Stream()
    control = Controller(store, stream)
    control.diagnosis.budget_ms = options.budget
    sources = [
        source_of(text, stream, FIRST_CAPTURE + number)
        for number, text in enumerate(options.recorded)
    ]
    await play(control, JoinedSource(sources, stream), with_rules=True)
    await control.close()
    if all(source.state == "failed" for source in sources):
        raise ConfigError(" ".join(source.message for source in sources))
    findings, periods = over_time(store.findings)
    check_output.write(
        options.output,
        findings,
        context=store.start.context if store.start else "",
        at=store.latest,
        notes=notes_of(sources),
        periods=periods,
    )
    return check_output.exit_code(findings, options.fail_on)


def source_of(text: str, stream: Stream, capture: int) -> RecordedSource:
    """`FILE`, or `node/NAME=FILE` for a capture that was made there.

    ConfigError where it cannot be read.
    """
    match = _TARGET.fullmatch(text)
    key, path = (match[1], Path(match[2])) if match else ("", Path(text))
    try:
        is_capture = _is_capture(path)
    except OSError as error:
        name = sanitize(path, 200)
        raise ConfigError(f"{name} cannot be read: {error.strerror or 'it is damaged'}.") from None
    if is_capture:
        return PcapSource(path, stream, capture=capture, key=key)
    if key:
        raise ConfigError(f"{sanitize(path, 200)} is no capture: a recording names its targets.")
    return RecordingSource(path, stream, findings_again=True)


def _is_capture(path: Path) -> bool:
    """By its first bytes, gzipped or not."""
    with path.open("rb") as file:
        is_packed = file.read(2) == GZIP
    with gzip.open(path) if is_packed else path.open("rb") as file:
        first = file.read(4)
    return first in MAGIC or first == SECTION_BYTES


def over_time(history: FindingHistory) -> tuple[list[Finding], Periods]:
    """Each finding once, with its latest figures, and from when to when it was seen in all."""
    findings: dict[Key, Finding] = {}
    periods: dict[Key, Period] = {}
    for span in history.spans:
        key = span.finding.key
        since, _ = periods.get(key, (span.since, None))
        findings[key], periods[key] = span.finding, (since, span.until)
    return ordered(findings.values()), periods


def notes_of(sources: list[RecordedSource]) -> list[str]:
    """What could not be read of a recording or a capture."""
    notes = [source.message for source in sources if source.state == "failed"]
    for source in sources:
        if isinstance(source, RecordingSource) and source.state != "failed" and source.message:
            notes.append(f"{sanitize(source.recording.path.name, 80)}: {source.message}")
    return notes
