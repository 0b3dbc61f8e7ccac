"""What is left of a cause that has just cleared. A rule that looks at more than the last seconds,
as at readiness that came and went within two minutes, still finds what the cause did: that is not
said by itself, unless it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from collectors.findings import Finding
from session.finding_history import FIGURE

KEPT_S = 150.0  # longer than any rule looks back
Follows = Callable[[Finding, Finding], bool]  # whether of the first follows the second


class LeftOver:
    """Of causes that are shown. `late` s after them, what they did may still come."""

    def __init__(self, late: float) -> None:
        self._late = late
        self._causes: dict[object, tuple[Finding, float]] = {}  # at each severity, and when last
        self._listed: dict[tuple[str, str], float] = {}  # what they explained, and when last

    def remember(self, causes: Iterable[Finding], at: float) -> None:
        for cause in causes:
            self._causes[cause.key, cause.severity] = cause, at
            for text in cause.consequences:
                self._listed[_said(*text.split(": ", 1))] = at
        self._causes = {key: one for key, one in self._causes.items() if at - one[1] <= KEPT_S}
        self._listed = {key: seen for key, seen in self._listed.items() if at - seen <= KEPT_S}

    def without(self, found: Iterable[Finding], at: float, follows: Follows) -> list[Finding]:
        """Those of `found` that stand by themselves; each that explains others does."""
        return [
            finding
            for finding in found
            if finding.consequences or not self._is_left(finding, at, follows)
        ]

    def _is_left(self, finding: Finding, at: float, follows: Follows) -> bool:
        since = (_happened(finding) or at) - self._late
        listed = self._listed.get(_said(finding.where, finding.title))
        if listed is not None and listed >= since:
            return True
        causes = (cause for cause, seen in self._causes.values() if seen >= since)
        return any(cause.key != finding.key and follows(cause, finding) for cause in causes)


def _said(where: str, title: str = "") -> tuple[str, str]:
    return where, FIGURE.sub("", title)


def _happened(finding: Finding) -> float:
    """When what it says was last so, by its evidence; 0 where that has no time."""
    return max((one.at for one in finding.evidence), default=0.0)
