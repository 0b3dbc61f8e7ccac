"""A finding in full: cause, figures with their sources, what to do, confidence. What wraps stays
under its beginning."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from collectors.findings import Finding
from collectors.sanitize import sanitize
from diagnosis.report import labelled, origin

LONGEST, LONGEST_NAME = 400, 200  # characters


def detail(finding: Finding, colour: str = "") -> Group:
    """`colour` is that of commands and manifests that fix it."""
    return Group(*_parts(finding, colour))


def _parts(finding: Finding, colour: str) -> Iterator[RenderableType]:
    yield _under(" ", Text(sanitize(finding.where, LONGEST_NAME), "bold"))
    yield _under(" ", Text(sanitize(finding.title, LONGEST)))
    yield ""
    for one in finding.evidence:
        source = (f"  {sanitize(origin(one), LONGEST_NAME)}", "dim")
        yield _under("  ▪ ", Text.assemble(sanitize(one.text, LONGEST), source))
    if finding.fix:
        yield ""
        yield _under(" ", Text("What to do", "bold"))
        style = "" if finding.fix_kind == "text" else colour
        for line in finding.fix.rstrip().splitlines():
            yield _under("   ", Text(sanitize(line, LONGEST), style))
    yield ""
    for label, value in labelled(finding):
        heading = Text(f" {label.capitalize():<11}", "bold")
        yield _under(heading, Text(sanitize(value, LONGEST), "dim"))


def _under(first: str | Text, text: Text) -> Table:
    """`text` behind `first`, and what wraps of it below itself."""
    row = Table.grid(expand=True)
    row.add_column(width=len(first), no_wrap=True)
    row.add_column(ratio=1, overflow="fold")
    row.add_row(first, text)
    return row
