"""What earlier versions of podwire wrote, as this version reads it: recordings stay readable.

Whoever renames a class or a field of an event adds a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

RENAMED_FIELDS: dict[str, dict[str, str]] = {  # class as it was written: {old name: new name}
    "ConntrackGroup": {"target": "destination", "back": "reply_source", "back_port": "reply_port"},
    "PodRow": {"told": "message"},
}
RENAMED_CLASSES: dict[str, str] = {}


def upgraded(value: Json) -> Json:
    """An object as today's version would have written it; what is of today is returned as it is."""
    name = value["_"]
    if (fields := RENAMED_FIELDS.get(name)) is not None:
        value = {fields.get(key, key): item for key, item in value.items()}
    if (convert := CONVERTED.get(name)) is not None:
        return convert(value)
    if (renamed := RENAMED_CLASSES.get(name)) is not None:
        return {**value, "_": renamed}
    return value


def _finding_state(value: Json) -> Json:
    """Version 1 had a finding's title, severity and place only, the place as text."""
    finding = {
        "_": "Finding",
        "rule": value.get("rule", ""),
        "severity": value.get("severity", "info"),
        "title": value.get("title", ""),
        "subject": {"_": "Subject", "kind": "cluster", "name": value.get("where", "")},
    }
    return {
        "_": "FindingEvent",
        "at": value["at"],
        "target": value.get("target", ""),
        "change": "gone" if value.get("state") == "cleared" else "appeared",
        "finding": finding,
        "since": value["at"],
    }


CONVERTED: dict[str, Callable[[Json], Json]] = {"FindingState": _finding_state}
