"""What came first: marks, writes, gaps and what changed in the cluster, in one order."""

from __future__ import annotations

from dataclasses import replace

from collectors import events as ev
from session.store import Store
from session.timeline import KEPT, TimelineEntry
from tests.support.snapshots import NODE, POD

T = 1_700_000_000.0
WEB = replace(POD, program="v1")


def timeline(*events: ev.Event) -> list[tuple[str, str, str]]:
    return [(one.kind, one.where, one.text) for one in entries(*events)]


def entries(*events: ev.Event) -> list[TimelineEntry]:
    store = Store()
    first: list[ev.Event] = [
        ev.InventoryList(T, "", "pods", (WEB,)),
        ev.InventoryList(T, "", "nodes", (NODE,)),
    ]
    store.apply_all([*first, *events])
    return store.timeline.entries


def changed(row: ev.Row, verb: str = "MODIFIED", at: float = T + 1) -> ev.InventoryChange:
    return ev.InventoryChange(at, "", verb, row)  # type: ignore[arg-type]


def test_the_first_list_is_no_change() -> None:
    assert timeline() == []


def test_restarts_evictions_and_conditions_of_nodes() -> None:
    assert timeline(
        changed(replace(WEB, restarts=2, message="OOMKilled")),
        changed(replace(WEB, restarts=2, phase="Evicted", ended=True)),
        changed(replace(NODE, ready=False)),
        changed(replace(NODE, ready=True)),
        changed(WEB, "DELETED"),
    ) == [
        ("restart", "shop/web-1", "restarted (2 more, 2 in total): OOMKilled"),
        ("eviction", "shop/web-1", "evicted from n1"),
        ("node", "n1", "no longer Ready"),
        ("node", "n1", "Ready again"),
        ("pod", "shop/web-1", "deleted"),
    ]


def test_another_program_is_a_rollout_and_the_same_one_is_none() -> None:
    more = replace(WEB, name="web-2", uid="u9")
    assert timeline(changed(more, "ADDED")) == [("pod", "shop/web-2", "added on n1")]
    assert timeline(changed(replace(more, program="v2"), "ADDED")) == [
        ("pod", "shop/web-2", "added on n1"),
        ("rollout", "shop/web", "Deployment/web: rollout started, first pod web-2"),
    ]


def test_a_list_that_is_read_again_shows_what_changed_meanwhile() -> None:
    again = ev.InventoryList(T + 9, "", "pods", (replace(WEB, name="web-2", uid="u9"),))
    assert [text for _, _, text in timeline(again)] == ["added on n1", "deleted"]
    of_another = ev.InventoryList(T + 9, "", "pods", (), namespace="other")
    assert timeline(of_another) == [], "what was not listed is not gone"


def test_podwires_own_pods_are_writes_and_no_changes() -> None:
    own = replace(
        WEB, name="podwire-node-1", uid="u8", labels=(("app.kubernetes.io/managed-by", "podwire"),)
    )
    assert timeline(changed(own, "ADDED")) == []


def test_a_gap_lasts_from_its_first_message_until_it_is_live_again() -> None:
    states = [("live", 1), ("gap", 2), ("attaching", 3), ("gap", 4), ("live", 7), ("gap", 9)]
    events = [ev.TargetState(T + at, "pod/shop/web-1", phase, "lost") for phase, at in states]  # type: ignore[arg-type]
    first, second = entries(*events)
    assert (first.at, first.until, first.open) == (T + 2, T + 7, False)
    assert (second.at, second.until, second.open) == (T + 9, None, True)


def test_marks_and_writes_stay_however_much_changes() -> None:
    mark = ev.Mark(T, "", "alice", "we roll back")
    write = ev.Command(T, "node/n1", "alice", "create pods", "default/x", "created")
    churn = [changed(replace(WEB, restarts=n), at=T + n) for n in range(1, KEPT + 100)]
    found = entries(mark, write, *churn)
    assert [one.kind for one in found[:2]] == ["mark", "write"]
    assert len(found) == KEPT + 2


def test_a_guided_diagnosis_is_one_line_whatever_its_steps() -> None:
    store = Store()
    key = "pod/shop/web-1"
    for step in ("ask the DNS", "connect"):
        store.apply(ev.GuideStep(1.0, key, "it is slow", "api:80", step, "good", "answered"))
    store.apply(ev.GuideConclusion(2.0, key, "it is slow", "api:80", True, "the DNS is slow"))
    (entry,) = store.timeline.entries
    assert (entry.at, entry.kind, entry.where) == (2.0, "guide", "shop/web-1")
    assert entry.text == "it is slow api:80: the DNS is slow" and entry.bad


def test_commands_that_are_run_in_a_pod_are_a_line_a_purpose() -> None:
    key = "pod/shop/web-1"
    reads = [
        ev.CommandRun(T + 2 + n, key, "compare", ("sysctl", f"net.{n}"), 0, 0.5, "1")
        for n in range(3)
    ]
    later = ev.CommandRun(T + 60, key, "compare", ("sysctl", "-a"), None, 1.0, error="no answer")
    first, second = entries(*reads, later)
    assert (first.at, first.until, first.kind, first.where) == (T + 1.5, T + 4, "run", "shop/web-1")
    assert first.text == "compare: 3 commands, the last: sysctl net.2: exit code 0, 0.5 s"
    assert second.text == "compare: sysctl -a: no answer, 1.0 s"


def test_pods_of_jobs_that_ended_well_are_routine() -> None:
    job = replace(WEB, name="backup-1", uid="j1", workload="Job/backup-29391840")
    done = replace(job, ended=True, phase="Succeeded")
    failed = replace(job, ended=True, phase="Error")
    found = entries(changed(job, "ADDED"), changed(done), changed(done, "DELETED"))
    assert [one.routine for one in found] == [False, True, True]
    assert not any(one.routine for one in entries(changed(job, "ADDED"), changed(failed)))
    assert not any(one.routine for one in entries(changed(WEB, "DELETED")))


def test_a_gap_of_a_consumer_goes_on_until_it_is_over() -> None:
    """Each event of it has all that was lost: they are one line, and count once."""
    lost = ev.ConsumerDrop(T + 5, "", "the recording", 3, 0, T + 4, "no room", open=True)
    more = replace(lost, at=T + 9, events=8)
    (line,) = entries(lost, more)
    assert (line.at, line.until, line.open) == (T + 4, None, True)
    assert line.text == "the recording lost 8 events: no room"
    store = Store()
    store.apply_all([lost, more, replace(more, at=T + 12, events=9, open=False)])
    (line,) = store.timeline.entries
    assert (line.at, line.until, line.open) == (T + 4, T + 12, False)
    assert store.drops == {"the recording": 9} and not store.timeline.open_gaps()
    assert [one.text for one in store.log] == ["the recording lost 9 events: no room"]
