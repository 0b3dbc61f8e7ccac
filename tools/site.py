"""Builds the site of docs/: python -m tools.site [DIRECTORY] (default: build/site). Needs the extra
`docs` (make docs installs it). Fails where a page would load something from elsewhere, a link leads
nowhere, or nothing leads to a page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.remote_assets import remote_assets
from tools.site_links import broken_links, unreached
from tools.site_pages import pages

ROOT = Path(__file__).parent.parent
DOCS, SOURCE = ROOT / "docs", ROOT / "build" / "site-source"
COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"(\]\(|\b(?:src|srcset)=\")([^)\s\"#]+)")
_PICTURE = re.compile(
    r'<picture>\s*<source media="[^"]*dark[^"]*" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)
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


def by_the_switch(text: str) -> str:
    """Pictures go by the site's own switch of light and dark, not by the reader's system alone."""
    return _PICTURE.sub(
        r'<img alt="\g<alt>" src="\g<light>#only-light"> '
        r'<img alt="\g<alt>" src="\g<dark>#only-dark">',
        text,
    )


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
        path.write_text(by_the_switch(plain_diagrams(path.read_text())))


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
    apart = list(unreached(site))
    sys.stderr.writelines(f"no page leads to: {line}\n" for line in apart)
    counts = (
        f"loaded from elsewhere: {len(found)}, links that lead nowhere: {len(broken)}, "
        f"pages that nothing leads to: {len(apart)}"
    )
    sys.stdout.write(f"{len(list(site.rglob('*.html')))} pages in {site}; {counts}\n")
    return 1 if found or broken or apart else 0


if __name__ == "__main__":
    raise SystemExit(
        build(Path(sys.argv[1] if sys.argv[1:] else ROOT / "build" / "site").resolve())
    )
