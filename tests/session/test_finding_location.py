"""Which tab shows a finding best."""

from __future__ import annotations

from collectors.findings import Evidence, Finding, Subject
from session.finding_location import place, words
from session.targets import OpenTab

POD, NODE = OpenTab("pod/shop/web-1", "node/node1"), OpenTab("node/node1")
OTHER = OpenTab("pod/shop/db-1", "node/node2")


def found(subject: Subject, *texts: str) -> Finding:
    evidence = tuple(Evidence(text, "conntrack -L", scope="whole node node1") for text in texts)
    return Finding(
        rule="conntrack_full",
        severity="critical",
        subject=subject,
        title="it is full",
        evidence=evidence,
        screen="conntrack",
    )


def test_the_tab_of_its_subject_comes_before_those_that_its_evidence_names() -> None:
    full = found(Subject(kind="node", name="node1"), "most entries: shop/web-1 of shop/db-1")
    assert place(full, [POD, NODE, OTHER]) == NODE
    assert place(full, [OTHER, POD]) == POD, "a pod on that node"
    assert place(full, [OTHER]) == OTHER, "named in its evidence"


def test_a_target_that_is_not_open_has_none() -> None:
    full = found(Subject(kind="node", name="node1"), "262,144 of 262,144 entries")
    assert place(full, [OTHER]) is None


def test_the_list_is_filtered_by_the_subject_and_no_name_that_contains_it() -> None:
    """As rows are searched: `shop/web` is not in `eshop-web/api` nor in `shop/a-web`."""
    assert words(found(Subject(kind="service", namespace="shop", name="web"))) == "shop/web"
    assert words(found(Subject(kind="node", name="node1"))) == "node1"
    assert words(found(Subject(kind="cluster", name="lab"))) == ""
