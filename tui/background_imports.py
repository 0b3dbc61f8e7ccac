"""Modules that the first frame does not need, imported behind it: whoever presses a key later
does not wait."""

from __future__ import annotations

import asyncio
from importlib import import_module

PAUSE_S = 0.02  # it lets a key be answered
MODULES = (
    "diagnosis.rules",
    "diagnosis.joined_findings",
    "diagnosis.extensions",
    "session.snapshot_builder",
    "tui.screens.findings",
    "diagnosis.report",
    "tui.screens.text_view",
    "tui.screens.series_detail",
    "tui.screens.flow",
    "tui.screens.help",
    "tui.screens.confirm",
    "tui.entered_commands",
    "tui.screens.command_line",
    "diagnosis.guide.symptom_trees",
    "tui.screens.guide",
    "diagnosis.reachability.policy_proposal",
    "tui.screens.compare",
    "tui.screens.faults",
)


async def preload() -> None:
    """In a thread, one after the other."""
    for name in MODULES:
        await asyncio.to_thread(import_module, name)
        await asyncio.sleep(PAUSE_S)
