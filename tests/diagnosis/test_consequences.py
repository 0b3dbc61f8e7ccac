"""Symptoms under the cause that explains them."""

from __future__ import annotations

from dataclasses import replace

from collectors.findings import Finding, Stage, Subject
from diagnosis.consequences import joined
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.service_snapshots import seen_at, service_snapshot
from tests.support.snapshots import API, NEAR, POD

LOST = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, unanswered=9)


def finding(rule: str, stage: Stage, pod: str = "api-1") -> Finding:
    subject = Subject(kind="pod", namespace="shop", name=pod, port=8080)
    return Finding(rule=rule, severity="critical", subject=subject, title=rule, stage=stage)


CAUSE, SYMPTOM = finding("cause", "cause"), finding("unanswered", "symptom")


def explains_api(snapshot: Snapshot, cause: Finding, talk: Conversation) -> bool:
    return talk.server == API.ip


def together(*findings: Finding, talks: tuple[Conversation, ...] = (LOST,)) -> list[Finding]:
    moment = service_snapshot(seen_at("n1", conversations=talks))
    return joined(moment, findings, {"cause": explains_api, "endpoint_failing": explains_api})


def test_a_symptom_is_listed_under_its_cause() -> None:
    (one,) = together(CAUSE, SYMPTOM)
    assert one.consequences == ("shop/api-1:8080: unanswered",)


def test_what_has_no_common_subject_stays() -> None:
    """The same time is no reason; neither is a part of what fails."""
    elsewhere = finding("unanswered", "symptom", "api-2")
    lost = replace(LOST, server=NEAR.ip)
    assert len(together(CAUSE, elsewhere, talks=(lost,))) == 2
    assert len(together(CAUSE, SYMPTOM, talks=())) == 2
    assert len(together(CAUSE, finding("other", "cause"))) == 2


def test_what_only_says_where_is_explained_by_what_says_why() -> None:
    where = finding("endpoint_failing", "cause")
    (one,) = together(where, CAUSE, SYMPTOM)
    assert (one.rule, len(one.consequences)) == ("cause", 2)
    (one,) = together(where, SYMPTOM)
    assert (one.rule, len(one.consequences)) == ("endpoint_failing", 1)


def test_resets_of_answered_connections_are_no_failure_of_theirs() -> None:
    prober = replace(LOST, client="10.2.0.1", unanswered=0, answered=9, client_resets=9)
    moment = service_snapshot(seen_at("n1", conversations=(LOST, prober)))
    (one,) = joined(
        moment,
        (CAUSE, finding("endpoint_failing", "cause")),
        {
            "cause": lambda snapshot, cause, talk: talk.client == POD.ip,
            "endpoint_failing": explains_api,
        },
    )
    assert one.rule == "cause"


def following(*pairs: tuple[str, str]) -> list[Finding]:
    """Findings of the rules that are named; of each pair the second follows from the first."""
    names = sorted({name for pair in pairs for name in pair})
    explains = {
        cause: lambda snapshot, finding, other, cause=cause: (cause, other.rule) in pairs
        for cause, _ in pairs
    }
    return joined(Snapshot(at=1.0), [finding(name, "cause") for name in names], {}, explains)


def test_a_long_chain_is_listed_under_its_first_cause() -> None:
    (one,) = following(("a", "b"), ("b", "c"), ("c", "d"))
    assert one.rule == "a"
    assert [text.rpartition(" ")[2] for text in one.consequences] == ["b", "c", "d"]


def test_findings_that_explain_each_other_are_all_said() -> None:
    said = following(("a", "b"), ("b", "a"), ("b", "c"))
    assert {"a", "b"} <= {one.rule for one in said}
    everything = [*(one.rule for one in said), *(t for one in said for t in one.consequences)]
    assert any(text.endswith("c") for text in everything)


def test_of_a_pod_without_a_capture_it_counts_what_its_node_saw() -> None:
    """Its counters say that it retransmits, and the node's capture who the peer is."""
    pod = TargetView("pod/shop/client", "pod", POD.name, 0.0, "this pod", pod=POD)
    symptom = replace(finding("retransmits", "symptom"), subject=pod.subject)
    talk = replace(LOST, unanswered=0, answered=9, retransmitted=40)
    for seen, left in (
        (talk, ["cause"]),
        (replace(talk, client=NEAR.ip), ["cause", "retransmits"]),
    ):
        moment = service_snapshot(seen_at("n1", conversations=(seen,)), pod)
        found = joined(moment, (CAUSE, symptom), {"cause": explains_api})
        assert [one.rule for one in found] == left


def test_what_is_left_of_a_cause_that_was_found_earlier_is_not_said_again() -> None:
    moment = service_snapshot(seen_at("n1", conversations=(LOST,)))
    explains = {"cause": explains_api}
    assert joined(moment, [SYMPTOM], explains, earlier=[CAUSE]) == []
    assert joined(moment, [SYMPTOM], {}, earlier=[CAUSE]) == [SYMPTOM], "it explains nothing"
    elsewhere = finding("unanswered", "symptom", "api-2")
    assert joined(moment, [elsewhere], explains, earlier=[CAUSE]) == [elsewhere]
    (one,) = joined(moment, [CAUSE, SYMPTOM], explains, earlier=[CAUSE])
    assert one.consequences == ("shop/api-1:8080: unanswered",)
