"""Findings on screen: from the cluster's objects alone, in a session that was recorded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collectors import events as ev
from collectors.findings import Evidence, Finding, Subject
from diagnosis import rules
from diagnosis.extensions import Extensions
from session import finding_location
from session.guide_runner import goal_of
from session.targets import OpenTab
from tests.support.replay import console
from tui.app import PodwireApp
from tui.screens.cluster import ClusterScreen
from tui.screens.findings import NOTHING_RECORDED
from tui.widgets.row_list import RowList
from tui.widgets.text_line import TextLine


def events() -> list[ev.Event]:
    pod = ev.PodRow(
        "shop",
        "web-1",
        "u",
        "n1",
        "10.0.0.5",
        "Running",
        "1/1",
        0,
        0.0,
        labels=(("app", "web"),),
        ports=(ev.ContainerPort("http", 8080, "TCP"),),
    )
    gone = ev.ServiceRow(
        "shop", "catalog", ("10.96.0.9",), ("80/TCP",), "ClusterIP", (("app", "wbe"),)
    )
    wrong = ev.ServiceRow(
        "shop",
        "web",
        ("10.96.0.8",),
        ("80/TCP",),
        "ClusterIP",
        (("app", "web"),),
        (ev.ServicePort("", 80, "TCP", "8081"),),
    )
    points = ev.SliceRow("shop", "web-x", "web", ("10.0.0.5",), ())
    return [
        ev.SessionStart(1.7e9, "", "prod", "alice", "shop", "v1.36"),
        ev.InventoryList(1.7e9, "", "pods", (pod,)),
        ev.InventoryList(1.7e9, "", "services", (gone, wrong)),
        ev.InventoryList(1.7e9, "", "endpointslices", (points,)),
    ]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_what_is_wrong_and_what_to_do(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    async def stable(pilot) -> None:  # type: ignore[no-untyped-def]
        await pilot.pause(2.6)  # the diagnosis looks twice
        await pilot.press("d")
        await pilot.pause(0.8)

    assert snap_compare(console(events(), ""), terminal_size=size, run_before=stable)


async def test_the_header_says_it_everywhere_and_a_finding_can_be_read() -> None:
    app: PodwireApp = console(events(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(3.0)
        text, mood = app.control.store.findings.headline
        assert (text, mood) == ("2 warnings", "warn")
        await pilot.press("d")
        await pilot.pause(0.7)
        await pilot.press("enter")
        await pilot.pause(0.3)
        text = app.screen.text  # type: ignore[attr-defined]
        assert "matches no pod" in text or "targetPort" in text
        await pilot.press("escape", "escape")
        await pilot.pause(0.3)
        assert type(app.screen).__name__ == "ClusterScreen"


async def test_a_finding_leads_to_the_screen_that_shows_it() -> None:
    """To the cluster's list, filtered; and to the list of the target that it names."""
    app: PodwireApp = console(events(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(3.0)
        await pilot.press("d")
        await pilot.pause(0.7)
        await pilot.press("s")
        await pilot.pause(0.7)
        screen = app.screen
        assert isinstance(screen, ClusterScreen)
        assert (screen.view, screen.text) == ("services", "shop/catalog")
        assert "1 service," in str(screen.query_one("#summary").render())


def test_the_tab_that_shows_a_finding() -> None:
    tabs = [OpenTab("pod/shop/web-1", "node/n1"), OpenTab("pod/shop/api-1", "node/n2")]

    def seen(subject: Subject, screen: str = "flows", scope: str = "") -> str:
        finding = Finding(
            rule="r",
            severity="warning",
            subject=subject,
            title="",
            evidence=(Evidence("x", "y", 0, scope),),
            screen=screen,
        )
        place = finding_location.place(finding, tabs)
        return place.key if place else ""

    api = Subject(kind="pod", namespace="shop", name="api-1")
    other = Subject(kind="cluster", name="path")
    assert seen(api) == "pod/shop/api-1"
    assert seen(Subject(kind="node", name="n2"), "node") == "pod/shop/api-1"
    assert seen(other, scope="this pod shop/api-1") == "pod/shop/api-1"
    assert seen(other) == "pod/shop/web-1"
    assert seen(Subject(kind="service", namespace="shop", name="api"), "services") == ""


def test_a_finding_of_node10_does_not_open_node1() -> None:
    """Names are compared in full: one may begin as another does."""
    tabs = [
        OpenTab("node/node1", "node/node1"),
        OpenTab("pod/shop/web-1", "node/node1"),
        OpenTab("pod/shop/web-10", "node/node10"),
        OpenTab("node/node10", "node/node10"),
    ]

    def seen(subject: Subject, scope: str = "") -> str:
        evidence = (Evidence("x", "y", 0, scope),)
        finding = Finding(
            rule="r",
            severity="warning",
            subject=subject,
            title="",
            evidence=evidence,
            screen="node",
        )
        place = finding_location.place(finding, tabs)
        return place.key if place else ""

    assert seen(Subject(kind="node", name="node10")) == "node/node10"
    assert seen(Subject(kind="node", name="node1")) == "node/node1"
    assert seen(Subject(kind="node", name="node10", detail="→ node1")) == "node/node10"
    assert seen(Subject(kind="pod", namespace="shop", name="web-10")) == "pod/shop/web-10"
    assert seen(Subject(kind="node", name="node2")) == ""  # not open: another would mislead
    assert seen(Subject(kind="pod", namespace="shop", name="web")) == ""
    assert seen(Subject(kind="cluster", name="x"), "node node10") == "node/node10"
    assert seen(Subject(kind="cluster", name="x"), "pod shop/web-10") == "pod/shop/web-10"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("backend.shop:80", "backend.shop", 80),
        ("10.0.0.1", "10.0.0.1", 0),
        ("[fd00::1]:443", "fd00::1", 443),
        ("fd00::1", "fd00::1", 0),
    ],
)
def test_what_a_person_types_as_a_goal(text: str, host: str, port: int) -> None:
    assert (goal_of(text).host, goal_of(text).port) == (host, port)
    for bad in ("", "a b:1", "x:0", "x:70000", "x:y"):
        with pytest.raises(ValueError, match="Name what"):
            goal_of(bad)


async def test_what_the_findings_are_from_is_what_is_there() -> None:
    """This machine, and a recording of it, have no cluster's objects."""
    alone: list[ev.Event] = [ev.TargetState(1.7e9, "local", "live")]
    for given, wanted in ((events(), True), (alone, False)):
        app = console(given, "")
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause(0.6)
            await pilot.press("d")
            await pilot.pause(0.6)
            status = str(app.screen.query_one("#status", TextLine).render())
            assert ("the cluster's objects" in status) is wanted, status
            assert app.screen.query_one("#findings", RowList).empty == NOTHING_RECORDED


async def test_rules_of_packages_that_fail_are_counted_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    why = "The rule 'acme_table' of acme-rules 1.0 is left out: it has no RULE = Rule(…)."
    broken = Extensions((), (why,), frozenset({"acme_table"}))
    monkeypatch.setattr(rules, "extensions", lambda: broken)
    app: PodwireApp = console(events(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(3.0)
        await pilot.press("d")
        await pilot.pause(0.7)
        status = str(app.screen.query_one("#status", TextLine).render())
        assert "without 1 rule that failed: 8 says why" in status
        assert [line.text for line in app.control.store.log if line.kind == "notice"] == [why]
