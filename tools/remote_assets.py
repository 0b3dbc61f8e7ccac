"""What a built site would load from elsewhere: python -m tools.remote_assets DIRECTORY. Links that
a reader follows are none; scripts, styles, fonts, pictures and frames are."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_REMOTE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", re.IGNORECASE)
LOADING = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
NO_ASSETS = {"canonical", "alternate", "prev", "next", "license", "author", "help", "search"}  # rel
DIAGRAM = "mermaid"  # a class for which the theme's script fetches a library


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        for name in LOADING.get(tag, ()):
            self._add(tag, given.get(name, ""))
        if tag == "link" and not set(given.get("rel", "").split()) <= NO_ASSETS:
            self._add(tag, given.get("href", ""))
        if DIAGRAM in given.get("class", "").split():
            self.found.append(f"{tag} of the class {DIAGRAM}, drawn by a script from elsewhere")
        self.found += in_css(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += in_css(data)

    def _add(self, tag: str, address: str) -> None:
        if any(map(_REMOTE.match, address.split(","))):
            self.found.append(f"{tag} {address}")


def in_css(text: str) -> list[str]:
    addresses = (one or other for one, other in _URL.findall(text))
    return [f"css {address}" for address in addresses if _REMOTE.match(address)]


def in_html(text: str) -> list[str]:
    parser = _Assets()
    parser.feed(text)
    return parser.found


READERS = {".html": in_html, ".svg": in_html, ".css": in_css}


def remote_assets(site: Path) -> Iterator[str]:
    """A line for each, with its file."""
    for path in sorted(site.rglob("*")):
        if reader := READERS.get(path.suffix):
            text = path.read_text(encoding="utf-8")
            yield from (f"{path.relative_to(site)}: {found}" for found in reader(text))


def main(site: str) -> int:
    found = list(remote_assets(Path(site)))
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
