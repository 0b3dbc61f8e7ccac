"""`python -m tools.screenshots [NAME …]`: pictures of the console for the documents, as SVG,
dark and light, from the recording of `podwire demo`. They are docs/images/NAME.SHADE.svg, and load
nothing.

`python -m tools.screenshots --all --into DIRECTORY [--group GROUP] [--size 80x24]`: every screen in
every theme at three sizes, with the text of each, how well it can be read (contrast.tsv), and
sheets of many to look at."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.frozen import frozen
from tools.console_screens import GROUPS, Size, recorded
from tools.remote_fonts import without_remote_fonts
from tools.screen_pictures import SIZES, write_all
from tui.look import TerminalLook

IMAGES = Path(__file__).parent.parent / "docs" / "images"
THEMES = {"night": "dark", "day": "light"}
SIZE = (120, 34)
PAUSE_S = 1.2


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


async def picture(scene: Scene, theme: str) -> str:
    """The console on the recording, as SVG."""
    async with recorded(TerminalLook(theme=theme), SIZE) as pilot:
        for key in ("", *scene.keys):
            await pilot.press(*filter(None, (key,)))
            await pilot.pause(PAUSE_S)
        title = f"podwire: {scene.title}"
        return without_remote_fonts(pilot.app.export_screenshot(title=title))


def _for_documents(names: Sequence[str]) -> int:
    if unknown := [name for name in names if name not in SCENES]:
        sys.stderr.write(f"there is no picture {', '.join(unknown)}: {', '.join(SCENES)}\n")
        return 2
    IMAGES.mkdir(exist_ok=True)
    for name in names or SCENES:
        for theme, shade in THEMES.items():
            path = IMAGES / f"{name}.{shade}.svg"
            path.write_text(asyncio.run(picture(SCENES[name], theme)))
            sys.stdout.write(f"{path.relative_to(Path.cwd())}\n")
    return 0


def _size(text: str) -> Size:
    known = {f"{columns}x{lines}": (columns, lines) for columns, lines in SIZES}
    if text not in known:
        raise argparse.ArgumentTypeError(f"one of {', '.join(known)}")
    return known[text]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--into", type=Path, metavar="DIRECTORY")
    parser.add_argument("--group", action="append", choices=GROUPS, default=[])
    parser.add_argument("--size", action="append", type=_size, default=[])
    options = parser.parse_args(arguments)
    os.environ["TZ"] = "UTC"
    time.tzset()
    if not options.all:
        return _for_documents(options.names)
    if options.into is None:
        parser.error("--all needs --into DIRECTORY")
    return asyncio.run(write_all(options.into, options.group, options.size))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
