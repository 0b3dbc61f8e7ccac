"""The findings of all rules as one list: symptoms under their causes, many alike as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from collectors.findings import Finding, ordered
from collectors.key_priority import KEY_PRIORITY
from diagnosis.comparable_captures import with_incomparable
from diagnosis.consequences import joined
from diagnosis.grouping import grouped
from diagnosis.rules._filters import with_filters
from diagnosis.scope import in_scope
from diagnosis.snapshot import Snapshot

if TYPE_CHECKING:
    from diagnosis.rules import TableRow


def joined_findings(
    snapshot: Snapshot, table: Sequence[TableRow], earlier: Sequence[Finding] = ()
) -> list[Finding]:
    """What is wrong by the rules of a table, the worst first. `earlier` are causes that were found
    within the time that the snapshot is of: what is left of their symptoms is not said again."""
    found = list(_found(snapshot, table))
    explains = {row.rule.id: row.explains for row in table if row.explains is not None}
    others = {row.rule.id: row.explains_finding for row in table if row.explains_finding}
    known = joined(snapshot, found, explains, others, earlier)
    rows = {row.rule.id: row for row in table}
    named = (_with_filters(snapshot, finding, rows[finding.rule]) for finding in known)
    said = [with_incomparable(snapshot, finding) for finding in named]
    return ordered(grouped(in_scope(snapshot, said)))


def _found(snapshot: Snapshot, table: Sequence[TableRow]) -> Iterator[Finding]:
    for row in table:
        KEY_PRIORITY.share_of_thread()
        yield from row.evaluate(snapshot)


def _with_filters(snapshot: Snapshot, finding: Finding, row: TableRow) -> Finding:
    """With the rule of a packet filter that counts what the finding says is lost."""
    return with_filters(snapshot, finding, row.explains, row.failing_ends)
