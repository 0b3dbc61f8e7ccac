"""The site's pages, and the check that it loads nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diagnosis.guide import symptoms
from diagnosis.rules import built_in
from tools import screenshots, site
from tools.remote_assets import in_css, in_html, remote_assets
from tools.remote_fonts import without_remote_fonts
from tools.site_links import broken_links, unreached
from tools.site_pages import pages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site") / "source"
    site.write_source(place)
    return place


@pytest.mark.parametrize("row", built_in(), ids=lambda row: row.rule.id)
def test_a_page_of_a_finding_has_what_its_rule_declares(made: dict[str, str], row: object) -> None:
    rule = row.rule  # type: ignore[attr-defined]
    text = made[f"findings/{rule.id}.md"]
    assert text.startswith(f"# {rule.id}\n\n**{rule.title}.**\n")
    for threshold in rule.thresholds:
        assert f"| {threshold.text} | {threshold.source} |" in text
    for friend in rule.false_friends:
        assert f"- {friend}\n" in f"{text}\n"
    for heading in ("What it means", "Evidence", "Fix", "False friends", "Where it is seen"):
        assert f"\n## {heading}\n\n" in text
    assert ("## Thresholds" in text) == bool(rule.thresholds)
    assert ("## What would disprove it" in text) == bool(rule.disproof)


@pytest.mark.parametrize("symptom", symptoms(), ids=lambda one: one.name)
def test_a_page_of_a_symptom_has_every_rule_of_it_once_or_more(
    made: dict[str, str], symptom: object
) -> None:
    text = made[f"symptoms/{symptom.name}.md"]  # type: ignore[attr-defined]
    wanted = {row.rule.id for row in built_in() if symptom.name in row.rule.symptoms}  # type: ignore[attr-defined]
    assert set(re.findall(r"findings/(\w+)\.md", text)) == wanted
    assert "1. Look" in text


def test_links_of_the_site_lead_somewhere(source: Path) -> None:
    broken = [
        f"{path.relative_to(source)}: {link}"
        for path in source.rglob("*.md")
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text())
        if not (path.parent / link).exists()
    ]
    assert not broken


def test_every_page_of_the_navigation_is_there(source: Path) -> None:
    named = re.findall(r"([\w/-]+\.md)$", (site.ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert len(named) > 20 and not [name for name in named if not (source / name).exists()]


def test_no_page_has_a_diagram_that_is_drawn_by_a_script_from_elsewhere(source: Path) -> None:
    assert not [path.name for path in source.rglob("*.md") if "```mermaid" in path.read_text()]
    assert "flowchart TD" in (source / "architecture.md").read_text()


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://unpkg.com/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>',
        '<img src="local.png" srcset="a.png 1x, https://x.example/b.png 2x">',
        '<iframe src="HTTP://x.example"></iframe>',
        "<style>@font-face { src: url('https://cdn.example/f.woff2') }</style>",
        '<p style="background: url(https://x.example/a.png)">',
        '<svg><image href="https://x.example/a.png"/></svg>',
        '<div class="a mermaid">graph</div>',
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(text: str) -> None:
    assert len(in_html(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://kubernetes.io">x</a>',
        '<link rel="canonical" href="https://podwire.example/">',
        '<script src="assets/x.js"></script><link rel="stylesheet" href="../a.css">',
        '<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>',
        "<p>https://x.example/a.png</p>",
        '<img src="data:image/png;base64,AA//BB">',
    ],
)
def test_what_is_not_loaded_is_not(text: str) -> None:
    assert not in_html(text)


def test_css_is_looked_at_as_well(tmp_path: Path) -> None:
    assert in_css('@import "https://x.example/a.css";') == ["css https://x.example/a.css"]
    assert not in_css("src: url(../fonts/a.woff2)")
    (tmp_path / "a.css").write_text("b { background: url(//x.example/a) }")
    (tmp_path / "a.html").write_text("<p>")
    assert list(remote_assets(tmp_path)) == ["a.css: css //x.example/a"]


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.html").write_text('<h1 id="top">x</h1><a href="../a.html#x%20y">a</a>')
    (tmp_path / "a.html").write_text(
        '<a name="x y" href="b/"></a><a href="b/#top"></a><a href="#nope"></a>'
        '<a href="b/#nope"></a><a href="c.html"></a><img src="d.svg">'
        '<a href="https://x.example/#y"></a><a href="mailto:x@x"></a><a href="#__skip"></a>'
    )
    wanted = ["#nope", "b/#nope", "c.html", "d.svg"]
    assert list(broken_links(tmp_path)) == [f"a.html: {link}" for link in wanted]


def test_pages_that_nothing_leads_to_are_found(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, text in {
        "index.html": '<a href="b/">b</a> <a href="https://x.example/alone.html">x</a>',
        "b/index.html": '<a href="../c.html#x">c</a>',
        "c.html": '<a href="index.html">back</a>',
        "alone.html": '<a href="index.html">back</a>',
        "404.html": "",
    }.items():
        (tmp_path / name).write_text(text)
    assert list(unreached(tmp_path)) == ["alone.html"]


def test_pictures_of_the_site_go_by_its_switch(source: Path) -> None:
    text = (source / "index.md").read_text() + (source / "console.md").read_text()
    assert "<picture>" not in text
    for name in screenshots.SCENES:
        assert f"images/{name}.light.svg#only-light" in text, name
        assert f"images/{name}.dark.svg#only-dark" in text, name


def test_pictures_are_there_in_both_shades_and_load_nothing() -> None:
    for name in screenshots.SCENES:
        for shade in screenshots.THEMES.values():
            text = (screenshots.IMAGES / f"{name}.{shade}.svg").read_text()
            assert text.startswith("<svg") and not in_html(text)


def test_fonts_from_elsewhere_are_left_out_of_a_picture() -> None:
    css = (
        'src: local("F"),\n url("https://x.example/F.woff2") format("woff2"),\n'
        ' url("https://x.example/F.woff") format("woff");'
    )
    assert in_css(css) and without_remote_fonts(css) == 'src: local("F");'
