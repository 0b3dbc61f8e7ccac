"""What is new, still there and gone against what was found at an earlier time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from collectors.findings import Finding, Subject, ordered
from collectors.frozen import frozen

Key = tuple[str, Subject]
NOT_LOOKED = "not looked at again"


@frozen
class Comparison:
    """Against the session `name`: `known` is what was found there at any time. Of that, `gone` is
    not found any more; of `unseen` nobody knows, since what shows it was not looked at now."""

    name: str
    known: frozenset[Key]
    gone: tuple[Finding, ...]
    unseen: tuple[Finding, ...]

    def is_new(self, finding: Finding) -> bool:
        return finding.key not in self.known

    def new_first(self, findings: Iterable[Finding]) -> list[Finding]:
        """In the same order otherwise."""
        return sorted(findings, key=lambda finding: not self.is_new(finding))

    def state(self, finding: Finding) -> str:
        return "new" if self.is_new(finding) else "still there"

    def summary(self, findings: Sequence[Finding]) -> str:
        """`against NAME: 1 new, 2 still there, 1 gone`."""
        new = sum(map(self.is_new, findings))
        parts = [f"{new} new", f"{len(findings) - new} still there", f"{len(self.gone)} gone"]
        if self.unseen:
            parts.append(f"{len(self.unseen)} {NOT_LOOKED}")
        return f"against {self.name}: {', '.join(parts)}"

    def lines(self) -> Iterator[tuple[str, Finding]]:
        """What is not found any more: its state, and it."""
        yield from (("gone", finding) for finding in self.gone)
        yield from ((NOT_LOOKED, finding) for finding in self.unseen)

    def as_json(self) -> dict[str, Any]:
        return {
            "session": self.name,
            "gone": [_brief(finding) for finding in self.gone],
            "not_looked_at_again": [_brief(finding) for finding in self.unseen],
        }


def _brief(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "where": finding.where,
        "title": finding.title,
    }


def compared(
    name: str, before: Iterable[Finding], now: Iterable[Finding], shown: Iterable[Key]
) -> Comparison:
    """`shown` are keys of what would be found now if it still held."""
    earlier = {finding.key: finding for finding in before}
    missing = earlier.keys() - {finding.key for finding in now}
    gone = missing & set(shown)
    return Comparison(
        name,
        known=frozenset(earlier),
        gone=tuple(ordered(earlier[key] for key in gone)),
        unseen=tuple(ordered(earlier[key] for key in missing - gone)),
    )
