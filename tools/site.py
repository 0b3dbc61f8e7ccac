"""Builds the site of docs/: python -m tools.site [DIRECTORY] (default: build/site). Needs the extra
`docs` (make docs installs it). Fails where a page would load something from elsewhere, or a link
leads nowhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.remote_assets import remote_assets
from tools.site_links import broken_links
from tools.site_pages import pages

ROOT = Path(__file__).parent.parent
DOCS, SOURCE = ROOT / "docs", ROOT / "build" / "site-source"
COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"(\]\(|\b(?:src|srcset)=\")([^)\s\"#]+)")
_MERMAID = re.compile(r"^```mermaid$", re.MULTILINE)


def in_site(text: str) -> str:
    """A page of the repository's root as one of the site: links lead to where things are there."""
    return _LINK.sub(lambda found: found[1] + _moved(found[2]), text)


def _moved(target: str) -> str:
    if target in COPIED:
        return COPIED[target]
    return target.removeprefix("docs/")


def plain_diagrams(text: str) -> str:
    """Without the class for which the theme fetches a library that draws: the text stays."""
    return _MERMAID.sub("```text", text)


def write_source(place: Path) -> None:
    """All that the site is made of."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(DOCS, place)
    for name, page in COPIED.items():
        (place / page).write_text(in_site((ROOT / name).read_text()))
    for name, text in pages().items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in place.rglob("*.md"):
        path.write_text(plain_diagrams(path.read_text()))


def build(site: Path) -> int:
    """The exit code."""
    write_source(SOURCE)
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # of the theme, about another program
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(site),
    ]
    if code := subprocess.run([*command, "-f", str(ROOT / "mkdocs.yml")], check=False).returncode:
        return code
    found, broken = list(remote_assets(site)), list(broken_links(site))
    sys.stderr.writelines(f"loaded from elsewhere: {line}\n" for line in found)
    sys.stderr.writelines(f"leads nowhere: {line}\n" for line in broken)
    counts = f"loaded from elsewhere: {len(found)}, links that lead nowhere: {len(broken)}"
    sys.stdout.write(f"{len(list(site.rglob('*.html')))} pages in {site}; {counts}\n")
    return 1 if found or broken else 0


if __name__ == "__main__":
    raise SystemExit(
        build(Path(sys.argv[1] if sys.argv[1:] else ROOT / "build" / "site").resolve())
    )
