"""Links of a built site that lead nowhere: to a file that is not there, or to a place that its page
has not; and pages that no link leads to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ATTRIBUTES = ("href", "src")
NO_PAGE = "404.html"  # shown by a server for what is not there


class _Page(HTMLParser):
    """The places of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.places.add(value)
            elif name in ATTRIBUTES:
                self.links.append(value)


@cache
def _page(path: Path) -> _Page:
    return _Page(path.read_text())


def broken_links(site: Path) -> Iterator[str]:
    """`page: link`, of all pages of a site in a directory."""
    for path in sorted(site.rglob("*.html")):
        for link in dict.fromkeys(_page(path).links):
            if not _leads_somewhere(site, path, link):
                yield f"{path.relative_to(site)}: {link}"


def unreached(site: Path) -> Iterator[str]:
    """Pages that no path of links from the first one leads to."""
    every = {path.resolve() for path in site.rglob("*.html")} - {(site / NO_PAGE).resolve()}
    reached: set[Path] = set()
    ahead = [(site / "index.html").resolve()]
    while ahead:
        page = ahead.pop()
        if page in every - reached:
            reached.add(page)
            ahead += (there for link in _page(page).links if (there := _end(site, page, link)))
    return (str(page.relative_to(site.resolve())) for page in sorted(every - reached))


def _end(site: Path, page: Path, link: str) -> Path | None:
    """The file that a link leads to; None for one to elsewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    there = page
    if parts.path:
        base = site if parts.path.startswith("/") else page.parent
        there = (base / unquote(parts.path).lstrip("/")).resolve()
    return there / "index.html" if there.is_dir() else there


def _leads_somewhere(site: Path, page: Path, link: str) -> bool:
    there = _end(site, page, link)
    if there is None:
        return True  # elsewhere: it is not asked whether that is there
    if not there.is_file():
        return False
    place = unquote(urlsplit(link).fragment)
    if not place or there.suffix != ".html" or place.startswith("__"):  # of the theme's scripts
        return True
    return place in _page(there).places
