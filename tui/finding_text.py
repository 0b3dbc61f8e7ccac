"""A finding in full: cause, figures with their sources, what to do, how sure. What wraps stays under its beginning."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from collectors.findings import Finding
from collectors.sanitize import sanitize


def detail(finding: Finding) -> Group:
    return Group(*_parts(finding))


def _parts(finding: Finding) -> Iterator[RenderableType]:
    yield _under(" ", Text(sanitize(finding.where, 200), "bold"))
    yield _under(" ", Text(sanitize(finding.title, 400)))
    yield ""
    for one in finding.evidence:
        origin = ", ".join(part for part in (one.source, one.scope) if part)
        yield _under(
            "  ▪ ", Text.assemble(sanitize(one.text, 400), (f"  {sanitize(origin, 200)}", "dim"))
        )
    if finding.fix:
        yield ""
        yield _under(" ", Text("What to do", "bold"))
        for line in finding.fix.rstrip().splitlines():
            yield _under(
                "   ", Text(sanitize(line, 400), "green" if finding.fix_kind != "text" else "")
            )
    yield ""
    for name, value in (
        ("Then", finding.verify),
        ("Threshold", finding.threshold),
        (
            "Sure",
            f"{finding.confidence}{f'; wrong if {finding.disproof}' if finding.disproof else ''}",
        ),
    ):
        if value:
            yield _under(Text(f" {name:<10}", "bold"), Text(sanitize(value, 400), "dim"))


def _under(first: str | Text, text: Text) -> Table:
    """`text` behind `first`, and what wraps of it below itself."""
    row = Table.grid(expand=True)
    row.add_column(width=len(first), no_wrap=True)
    row.add_column(ratio=1, overflow="fold")
    row.add_row(first, text)
    return row
