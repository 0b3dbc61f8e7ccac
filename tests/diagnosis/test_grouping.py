"""Many findings alike are one, with a count and names."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import ServiceRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis import rules
from diagnosis.grouping import MOST, NAMED, grouped
from diagnosis.snapshot import Snapshot
from tests.support.snapshots import POD


def finding(number: int, **more: object) -> Finding:
    subject = Subject(kind="service", namespace="shop", name=f"s{number:03}")
    given = {"title": "no endpoint is ready", "evidence": (Evidence(f"fact {number}", "pods"),)}
    return Finding(rule="endpoints", severity="warning", subject=subject, **{**given, **more})  # type: ignore[arg-type]


def test_350_services_are_one_line_with_a_count_and_names() -> None:
    services = tuple(
        ServiceRow(
            "shop", f"s{n:03}", (f"10.96.1.{n % 250}",), ("80/TCP",), "ClusterIP", (("a", "b"),)
        )
        for n in range(350)
    )
    (one,) = rules.findings(Snapshot(at=1.0, services=services, pods=(POD,)))
    assert one.title.startswith("350 Services: The Service has no endpoints")
    assert one.subject == Subject(kind="cluster", namespace="shop", name="Services")
    names, *facts = one.evidence
    assert names.text.startswith("svc/shop/s000, svc/shop/s001")
    assert names.text.endswith(f" and {350 - NAMED} more") and len(facts) == 3
    assert one.fix and one.severity == "warning"


def test_a_few_are_said_one_by_one_and_other_severities_too() -> None:
    few = [finding(number) for number in range(MOST)]
    assert grouped(few) == few
    worse = replace(few[0], severity="critical")
    many = [*(finding(number) for number in range(9)), worse]
    assert [one.severity for one in grouped(many)] == ["warning", "critical"]
    assert worse in grouped(many)


def test_what_differs_is_an_example_and_consequences_are_kept() -> None:
    many = [
        finding(n, title=f"title {n}", consequences=(f"follows from {n // 5}",)) for n in range(9)
    ]
    many[3] = replace(many[3], subject=Subject(kind="node", name="n1"))
    (one,) = grouped(many)
    assert one.title == "9 Services and nodes, as n1: title 3"
    assert one.where == "Services and nodes"
    assert one.consequences == ("follows from 0", "follows from 1")
    assert one.evidence[1].text == "svc/shop/s000: fact 0"
