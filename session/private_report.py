"""A report with masked names and addresses, and its captures beside it, behind the same mask.

The mask depends on a key of this machine and on the session: two reports of one session have the
same masks, those of two sessions do not.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path

from collectors.events import Event
from collectors.findings import SEVERITY_ORDER
from collectors.new_file import open_new
from collectors.privacy.address_mask import AddressMask
from collectors.privacy.frame_mask import FrameMask
from collectors.privacy.known_names import KnownNames
from collectors.privacy.name_mask import NameMask
from collectors.privacy.text_map import map_text
from collectors.privacy.text_mask import TextMask
from collectors.source import JoinedSource, RecordedSource
from collectors.stream import Stream
from diagnosis.incident.model import IncidentReport, ReportCapture, ReportEntry
from diagnosis.rule import Rule
from diagnosis.rules import built_in
from diagnosis.thresholds import SET
from session.files import private_directory, state_directory, state_not_written
from session.masked_captures import CaptureCopier
from session.own_sentences import own_sentences
from session.report_captures import CaptureFile

KEY = 32  # bytes
OWN_NAME = "podwire"  # the author of what it did by itself
BY_OTHERS = ("mark", "probe", "eviction", "write")  # lines whose words somebody else chose
KEPT = ("rule", "severity", "kind", "stage", "confidence", "fix_kind", "sha256", "podwire")


class NamedSource(JoinedSource):
    """Recordings as one, whose names are gathered as they are played."""

    def __init__(self, sources: Sequence[RecordedSource], stream: Stream) -> None:
        super().__init__(sources, stream)
        self.known = KnownNames()
        self.began = 0.0

    def events(self) -> Iterator[Event]:
        for event in super().events():
            self.began = self.began or event.at
            self.known.add_event(event)
            yield event


def mask_key(path: Path | None = None) -> bytes:
    """Of this machine, made where there is none. OSError where it cannot be."""
    path = path or private_directory(state_directory()) / "mask-key"
    try:
        with open(open_new(path), "wb") as file:  # noqa: PTH123
            file.write(secrets.token_bytes(KEY))
    except FileExistsError:
        pass
    return path.read_bytes()[:KEY]


def report_mask(source: NamedSource, key: bytes | None = None) -> ReportMask:
    """Of what was played. NotWritten where this machine's key can be neither read nor made."""
    try:
        return ReportMask(key or mask_key(), source.known, source.began)
    except OSError as error:
        raise state_not_written(error) from None


@cache
def rule_texts() -> frozenset[str]:
    """Whole texts of podwire's own rules that no session adds anything to: their words are
    nobody's names, whatever somebody's pod is called."""
    found = {text for row in built_in() for text in _texts_of(row.rule)}
    return frozenset(text for text in found if text and "{" not in text)


def _texts_of(rule: Rule) -> Iterator[str]:
    yield from (rule.title, rule.disproof_text, rule.verify, rule.fix)
    yield from (f"{severity}: {rule.title}" for severity in SEVERITY_ORDER)  # of the timeline
    if not any(one.source.startswith(SET) for one in rule.thresholds):  # by somebody, somewhere
        yield rule.threshold_text


class ReportMask:
    """For one session, whose names are known."""

    def __init__(self, key: bytes, known: KnownNames, began: float) -> None:
        self._own = blake2b(f"{began!r}".encode(), key=key).digest()
        self._known = known
        self.addresses = AddressMask.apart_from(self._own, known.addresses)
        self._know()

    def _know(self) -> None:
        """The masks of all names that are known by now."""
        self.names = NameMask(self._own, self.addresses, self._known.names)
        self._text = TextMask(self.addresses, self.names, self._known.names)

    def report(self, report: IncidentReport) -> IncidentReport:
        """Without captures: `captures` has them, afterwards. A name that one of its texts has by
        its form is known in all."""
        map_text(report, self._known.add_text, KEPT)
        self._know()
        return replace(
            map_text(report, self._own_text, KEPT),
            is_private=True,
            targets=[self._target(key) for key in report.targets],
            timeline=[self._entry(one) for one in report.timeline],
            before_first=[self._entry(one) for one in report.before_first],
        )

    def _own_text(self, text: str) -> str:
        """A text of podwire's own, with names and addresses in it."""
        if text in rule_texts() or (masked := self._text(text)) == text:
            return text
        return self._text(text, own_sentences().places) if " " in text else masked

    def _target(self, key: str) -> str:
        """Its kind is podwire's word."""
        kind, slash, name = key.partition("/")
        return f"{kind}{self._text(slash + name)}"

    def _entry(self, plain: ReportEntry) -> ReportEntry:
        """With its author masked, `root` as well, which stays where it is a word."""
        mask = self._text if plain.kind in BY_OTHERS else self._own_text
        entry = map_text(plain, mask, KEPT)
        if entry.author != plain.author or plain.author == OWN_NAME:
            return entry
        return replace(entry, author=self.names.words(plain.author))

    def captures(self, files: Iterable[CaptureFile], directory: Path | None) -> list[ReportCapture]:
        """Copies of capture files, in a directory that is made if there are any; without one they
        are named only. They get their names when all are written. Blocking. CaptureError where one
        cannot be written."""
        frames = FrameMask(self.addresses, self.names.on_the_wire)
        copier = CaptureCopier(frames, directory)
        try:
            found = [copy for one in files for copy in copier.copies(one, self._text(one.where))]
            copier.keep()
        finally:
            copier.discard()
        return found
