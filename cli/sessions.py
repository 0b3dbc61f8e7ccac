"""`podwire sessions`: what was recorded on this machine; one of them as a file, and back."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cli import config
from cli.messages import flush_output, print_line, print_message
from cli.progress import counted_progress
from collectors.plural import counted
from collectors.recording.session_reader import SessionReader
from collectors.sanitize import sanitize
from session import recorded_sessions, session_bounds, session_files
from session.recorded_sessions import RecordedSession, Summary, described
from session.removals import Removal
from session.session_bounds import Bounds

MIB = 1 << 20
NOTHING_REMOVED = "all sessions are within their bounds: nothing was removed"
AGAIN = "`podwire sessions` goes on with them, `-o json` looks at all"
TARGETS_SHOWN, DAMAGE_SHOWN = 2, 5
PATIENCE_S = 1.0
TableRow = tuple[str, ...]
HEADINGS = ("SESSION", "FROM", "LASTED", "SIZE", "CONTEXT", "TARGETS", "WORST FINDING")


def sessions(options: argparse.Namespace) -> int:
    actions = {"export": _export, "import": _import, "prune": _prune}
    return actions.get(options.sessions_command, _list)(options)


def _list(options: argparse.Namespace) -> int:
    known = recorded_sessions.newest_first()
    if options.output == "json":
        with counted_progress(known, "sessions looked at") as looked_at:
            fields = [_fields(described(path)) for path in looked_at]
        print_line(json.dumps(fields, indent=2))
    elif known:
        _print_sessions(known)
    else:
        print_line("No session is recorded here yet.")
    return 0


def _print_sessions(known: Sequence[Path]) -> None:
    """The newest first, as soon as each is known; columns are as wide as those of the first second
    need."""
    until, read = time.monotonic() + PATIENCE_S, _read(known)
    listed: list[RecordedSession] = []
    for one in read:
        listed.append(one)
        if time.monotonic() > until:
            break
    widths = _print_table([HEADINGS, *map(_row, listed)])
    flush_output()
    for one in read:
        listed.append(one)
        _print_row(_row(one), widths)
        flush_output()
    for one in listed:
        _print_damage(one)
    if unexamined := sum(not one.is_examined for one in listed):
        print_line(f"\n{counted(unexamined, 'session')} not looked at for damage yet: {AGAIN}")


def _read(known: Iterable[Path]) -> Iterator[RecordedSession]:
    """Those that are new here are looked at for damage as long as nobody waits for it: all of a
    session is read for that."""
    spent = 0.0
    for path in known:
        one, began = described(path, examine=False), time.monotonic()
        if not one.is_examined and spent <= PATIENCE_S:
            one = described(path)
            spent += time.monotonic() - began
        yield one


def _print_table(rows: Sequence[TableRow]) -> list[int]:
    """Columns as wide as their widest cell, which are returned; the last as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _print_row(row, widths)
    return widths


def _print_row(row: TableRow, widths: Sequence[int]) -> None:
    *cells, last = row
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    print_line("  ".join((*padded, last)).rstrip())


def _print_damage(one: RecordedSession) -> None:
    if damage := one.summary.damage:
        more = f"; and {len(damage) - DAMAGE_SHOWN} more" if len(damage) > DAMAGE_SHOWN else ""
        print_line(f"\n{one.name} is damaged: {'; '.join(damage[:DAMAGE_SHOWN])}{more}")
    if lost := one.summary.lost:
        more = f"; and {len(lost) - DAMAGE_SHOWN} more" if len(lost) > DAMAGE_SHOWN else ""
        print_line(f"\n{one.name} is recorded in part: {'; '.join(lost[:DAMAGE_SHOWN])}{more}")


def _row(one: RecordedSession) -> TableRow:
    about = one.summary
    return (
        one.name,
        _began(about),
        f"{_lasted(about.ended - about.began)}{_state(one)}",
        f"{one.size / MIB:.1f} MiB" + _left(one),
        sanitize(about.context, 40) or "-",
        sanitize(_targets(about), 60) or "-",
        sanitize(f"{about.worst}: {about.worst_title}" if about.worst else "-", 80),
    )


def _left(one: RecordedSession) -> str:
    if one.has_evidence:
        return " (packets removed in part)" if one.removed else ""
    if not one.summary.began:
        return " (nothing was recorded)"
    why = f": the rest {one.removed[-1].text}" if one.removed else ""
    return f" (findings only{why})"


def _began(about: Summary) -> str:
    if not about.began:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(about.began))


def _state(one: RecordedSession) -> str:
    if one.running:
        return " (running)"
    if one.summary.damage:
        return " (damaged)"
    if one.ended_abruptly:
        return " (ended abruptly)"
    return " (in part)" if one.summary.lost else ""


def _targets(about: Summary) -> str:
    shown = ", ".join(about.targets[:TARGETS_SHOWN])
    more = len(about.targets) - TARGETS_SHOWN
    return f"{shown} +{more}" if more > 0 else shown


def _lasted(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def _fields(one: RecordedSession) -> dict[str, object]:
    about = one.summary
    return {
        "session": one.name,
        "context": about.context,
        "from": about.began,
        "to": about.ended,
        "targets": about.targets,
        "worst": about.worst,
        "worst_title": about.worst_title,
        "marks": about.marks,
        "bytes": one.size,
        "running": one.running,
        "complete": not (one.running or one.ended_abruptly or about.damage or about.lost),
        "damage": about.damage,
        "lost": about.lost,
        "evidence": one.has_evidence,
        "removed": [_removed(removal) for removal in one.removed],
    }


def _removed(one: Removal) -> dict[str, object]:
    """`limit` of bytes or of seconds, by what `by` is."""
    return {"at": one.at, "by": one.bound, "limit": one.limit, "files": list(one.files)}


def _export(options: argparse.Namespace) -> int:
    directory = session_files.located(Path(options.session))
    path = session_files.export(directory, options.file or Path(f"{directory.name}.podwire"))
    print_message(f"{path}: podwire replay reads it")
    return 0


def _import(options: argparse.Namespace) -> int:
    known = recorded_sessions.newest_first()
    directory = session_files.import_session(options.file)
    if directory in known:
        print_message(f"it is here already, and not added again: podwire replay {directory.name}")
        return 0
    reader = SessionReader(directory)
    if next(reader.timeline(), None) is None:
        print_message("what was imported is damaged: its findings and marks cannot be read")
    elif reader.timeline_is_damaged():
        print_message("what was imported is damaged: some of its findings and marks are missing")
    elif damage := described(directory).summary.damage:
        print_message(f"what was imported is damaged: {damage[0]}")
    print_message(f"imported: podwire replay {directory.name}")
    return 0


def _prune(options: argparse.Namespace) -> int:
    bounds = Bounds(**config.load(options.config).bounds)
    for text in session_bounds.keep(bounds) or [NOTHING_REMOVED]:
        print_message(text)
    return 0
