"""`podwire report`: a session written up, to hand on."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cli import config
from cli.check_recorded import notes_of, source_of
from cli.messages import write_output
from cli.packages import package_notes
from cli.progress import progress
from collectors.errors import ConfigError, NotWritten
from collectors.new_file import whole_file
from collectors.recording.event_log import RecordingSource
from collectors.sanitize import sanitize
from collectors.source import JoinedSource, RecordedSource
from collectors.stream import Stream
from diagnosis.incident.as_html import html
from diagnosis.incident.as_json import as_json
from diagnosis.incident.as_markdown import markdown
from diagnosis.incident.model import IncidentReport
from session.controller import Controller
from session.given_recordings import (
    damage_notes,
    each_once,
    pruned_notes,
    removed_notes,
    running_notes,
    without_evidence,
)
from session.incident_report import incident_report
from session.private_report import NamedSource, report_mask
from session.recorded_consequences import NOTE, Hindsight
from session.replay import play
from session.report_captures import capture_files, files_of
from session.store import Store

FORMS: dict[str, Callable[[IncidentReport], str]] = {
    "markdown": markdown,
    "html": html,
    "json": as_json,
}
OF_TODAY = (
    "one of the recordings has no findings in full, of an early version: findings are those of"
    " today's rules, in all of them"
)
FIRST_CAPTURE = 1_000_000  # its number: a recording has captures of its own


def report(options: argparse.Namespace) -> int:
    with contextlib.ExitStack() as places:
        made = _made(options, places)
    _write(FORMS[options.output](made), options.output_file)
    return 0


def _write(text: str, path: Path | None) -> None:
    """To a new file, or to standard output."""
    if path is None:
        write_output(text)
    else:
        write_new(path, text)


def _made(options: argparse.Namespace, places: contextlib.ExitStack) -> IncidentReport:
    """The event loop is there while the recordings are played: it would keep Ctrl-C waiting for
    what blocks."""
    unused = config.load(options.config).set_thresholds()
    stream = Stream()
    sources, notes = each_once(
        source_of(text, stream, capture, places)
        for capture, text in enumerate(options.files, FIRST_CAPTURE)
    )
    notes += [*running_notes(sources), *damage_notes(sources)]
    notes += _choose_findings(sources, again=options.rules == "today")
    played = (NamedSource if options.private else JoinedSource)(sources, stream)
    store = asyncio.run(_played(played, stream, notes))
    if all(source.state == "failed" for source in sources):
        raise ConfigError(" ".join(source.message for source in sources))
    files, notes = capture_files(store, sources), [*notes, *notes_of(sources), *unused]
    notes += package_notes() if by_rules(sources) else []
    if not isinstance(played, NamedSource):
        return incident_report(store, captures=files_of(files), notes=notes)
    mask = report_mask(played)
    report = mask.report(incident_report(store, notes=notes))
    return replace(report, captures=mask.captures(files, _beside(options.output_file)))


def _beside(path: Path | None) -> Path | None:
    """The directory of the captures of a report; none where it goes to a device or a pipe."""
    if path is None or not path.name or _is_written_into(path):
        return None
    return path.with_name(f"{path.name}.captures")


def _is_written_into(path: Path) -> bool:
    """A device, a pipe or an open file by its number: nothing is put in its place."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    place = str(path.parent.resolve())
    is_file = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return not is_file or place == "/dev" or place.startswith("/proc/")


def _choose_findings(sources: Sequence[RecordedSource], again: bool) -> list[str]:
    """Those that were made when it was recorded, where all have them in full and nobody asks for
    those of today's rules; always, where rules have nothing to look at. What is to be said."""
    recordings = [one for one in sources if isinstance(one, RecordingSource)]
    full = [one.has_findings() for one in recordings]
    by_rules, gone = again or not all(full), without_evidence(recordings)
    for source in recordings:
        source.findings_again = by_rules and source not in gone
    said = gone if by_rules else []
    notes = [*removed_notes(said), *pruned_notes(one for one in sources if one not in said)]
    if not again and any(full) and not all(full):
        notes.append(OF_TODAY)
    return notes


def by_rules(sources: Sequence[RecordedSource]) -> bool:
    """Whether the findings are those of today's rules."""
    recordings = [one for one in sources if isinstance(one, RecordingSource)]
    return not recordings or any(one.findings_again for one in recordings)


async def _played(source: JoinedSource, stream: Stream, notes: list[str]) -> Store:
    control = Controller(Store(), stream)
    recorded_consequences, with_rules = Hindsight(control.store, stream), by_rules(source.sources)
    if not with_rules:
        source.before_event = recorded_consequences.advance
    async with progress(source, source.sources):
        await play(control, source, with_rules=with_rules)
    await control.close()
    notes += [NOTE] if recorded_consequences.explained else []
    return control.store


def write_new(path: Path, text: str) -> None:
    """To a file of mode 0600, in place of one that is there; into a device or a pipe. NotWritten
    where that cannot be."""
    try:
        if _is_written_into(path):
            path.write_bytes(text.encode())
            return
        with whole_file(path, replace=True) as file:
            file.write(text.encode())
    except OSError as error:
        name = sanitize(path, 200)
        text = f"The report {name} cannot be written: {error.strerror}."
        raise NotWritten(text, error) from None
