"""`python -m tools.screenshots [NAME …]`: pictures of the console for the documents, as SVG,
dark and light, from the recording of `podwire demo`. They are docs/images/NAME.SHADE.svg, and load
nothing."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cli.config import Config
from cli.console_session import DEMO, ConsoleSession
from cli.recorder import Recorders
from collectors.frozen import frozen
from tui.app import OpenConsole, PodwireApp
from tui.look import TerminalLook

IMAGES = Path(__file__).parent.parent / "docs" / "images"
THEMES = {"night": "dark", "day": "light"}
SIZE = (120, 34)
AT = "00:59:47"  # of the recording, UTC: while the table is full
OPENED_S, PAUSE_S = 30.0, 1.2
_REMOTE_FONT = re.compile(r',\s*url\("https?:[^"]*"\)(?: format\("[^"]*"\))?')


@frozen
class Scene:
    """`keys` are pressed, one after another."""

    title: str
    keys: tuple[str, ...] = ()


SCENES = {
    "findings": Scene("findings: the cause, its evidence, the fix", ("d",)),
    "cluster": Scene("the cluster", ("escape",)),
    "packets": Scene("packets of a pod"),
    "flows": Scene("flows: the failing ones first", ("2",)),
    "flow": Scene("a flow: its handshake, its losses, its events as a ladder", ("2", "enter")),
    "conntrack": Scene("what fills the conntrack table of the node", ("6",)),
    "timeline": Scene("the timeline", ("t",)),
}


def without_remote_fonts(svg: str) -> str:
    """With the fonts that the reader has."""
    return _REMOTE_FONT.sub("", svg)


async def picture(scene: Scene, theme: str) -> str:
    """The console on the recording, as SVG."""
    options = argparse.Namespace(
        command="replay", file=DEMO, rules="recorded", at=AT, no_capture=True
    )
    sessions: list[ConsoleSession] = []

    async def opening() -> OpenConsole:
        session = ConsoleSession(options, Recorders(options, Config()))
        sessions.append(session)
        return OpenConsole(session.control, await session.open(None, None))

    app = PodwireApp(opening, "a recorded incident", TerminalLook(theme=theme))
    with contextlib.ExitStack() as places:
        async with app.run_test(size=SIZE) as pilot:
            until = time.monotonic() + OPENED_S
            while not sessions or not sessions[0].store.findings.spans:
                if time.monotonic() > until:
                    raise SystemExit("The recording was not opened in time.")
                await pilot.pause(PAUSE_S)
            places.push(sessions[0].places)
            for key in ("", *scene.keys):
                await pilot.press(*filter(None, (key,)))
                await pilot.pause(PAUSE_S)
            return without_remote_fonts(app.export_screenshot(title=f"podwire: {scene.title}"))


def main(names: Sequence[str]) -> int:
    if unknown := [name for name in names if name not in SCENES]:
        sys.stderr.write(f"there is no picture {', '.join(unknown)}: {', '.join(SCENES)}\n")
        return 2
    os.environ["TZ"] = "UTC"
    time.tzset()
    IMAGES.mkdir(exist_ok=True)
    for name in names or SCENES:
        for theme, shade in THEMES.items():
            path = IMAGES / f"{name}.{shade}.svg"
            path.write_text(asyncio.run(picture(SCENES[name], theme)))
            sys.stdout.write(f"{path.relative_to(Path.cwd())}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
