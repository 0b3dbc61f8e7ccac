"""The page of a report: text from a cluster is text, nothing is loaded, and it can be read on a phone
and on paper."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from diagnosis.incident.as_html import html
from diagnosis.incident.model import ReportClock
from tests.support.browser import CHROMIUM, WHY_NOT, page
from tests.support.reports import BEGAN, HOSTILE, hostile_report

pytestmark = pytest.mark.slow

ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "li",
        "article",
    ),
    *("div", "span", "strong", "dl", "dt", "dd", "figure", "figcaption", "pre", "table", "thead"),
    *("tbody", "tr", "th", "td", "svg", "rect", "path", "polygon", "polyline"),
}


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(text: str) -> Elements:
    found = Elements()
    found.feed(text)
    return found


def test_what_comes_from_a_cluster_is_text() -> None:
    found = parsed(html(hostile_report()))
    assert found.names <= ALLOWED
    assert not {name for name in found.attributes if name.startswith("on") or name == "style"}
    assert not found.attributes & {"src", "href", "srcset", "action", "xlink:href"}
    assert found.text.count(HOSTILE) > 10


def test_the_policy_allows_the_style_sheet_and_nothing_else() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html(hostile_report()))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


def test_of_several_days_each_time_has_its_date() -> None:
    made = hostile_report("x")
    text = html(replace(made, ended=BEGAN + 7_000))
    assert "2023-11-14 22:13:20 to 2023-11-15 00:10:00, all times UTC" in text
    assert "<span>2023-11-14 22:13:20</span><span>2023-11-15 00:10:00</span>" in text
    assert '"when">2023-11-14 22:13:41 to the end<' in text
    assert '"when">2023-11-14 22:13:26<' in text, "what was written to the cluster"
    short = html(made)
    assert "2023-11-14, 22:13:20 to 22:14:20, all times UTC" in short
    assert '"when">22:13:26<' in short


def test_what_was_over_within_a_second_has_one_time() -> None:
    clock = ReportClock(has_days=True)
    assert clock.period(BEGAN, BEGAN + 0.4) == "2023-11-14 22:13:20"
    assert clock.period(BEGAN, BEGAN + 1) == "2023-11-14 22:13:20 to 22:13:21"
    assert clock.period(BEGAN, BEGAN + 86_400) == "2023-11-14 22:13:20 to 2023-11-15 22:13:20"


WHITE, BLACK = "rgb(255, 255, 255)", "rgb(0, 0, 0)"


@pytest.fixture
def browser() -> None:
    if not CHROMIUM:
        warnings.warn(WHY_NOT, stacklevel=1)
        pytest.skip(WHY_NOT)


@pytest.mark.usefixtures("browser")
async def test_a_browser_shows_and_prints_it_without_a_request_or_a_complaint(
    tmp_path: Path,
) -> None:
    """One browser for all of it: on a phone and a screen, light and dark, and as on paper."""
    path = tmp_path / "report.html"
    path.write_text(html(hostile_report()))
    async with page(tmp_path) as shown:
        for width, dark in ((390, False), (390, True), (1280, False), (1280, True)):
            await shown.show(path, width, dark)
            assert await shown.value("document.documentElement.scrollWidth") <= width
            colour = await shown.value("getComputedStyle(document.body).backgroundColor")
            assert colour == ("rgb(18, 24, 31)" if dark else "rgb(255, 255, 255)")
            assert (await shown.picture()).startswith(b"\x89PNG")
        assert (await shown.printed()).startswith(b"%PDF")
        await shown.as_on_paper()
        assert await shown.value("getComputedStyle(document.body).backgroundColor") == WHITE
        assert await shown.value("getComputedStyle(document.body).color") == BLACK
        assert set(shown.requests) == {path.as_uri()}
        assert shown.complaints == []
