"""What is new, still there and gone; what is not looked at again is none of these."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.main import main
from collectors import events as ev
from collectors.errors import ConfigError
from collectors.findings import Finding, Subject
from collectors.recording.session_log import SessionWriter
from session.earlier_findings import LookedAgain, earlier_findings
from session.store import Store
from tests.support.incident import BEGAN, NODE, full_table, sample, written

ON_NODE = Finding(
    rule="conntrack_full",
    severity="critical",
    subject=Subject(kind="node", name="n1"),
    title="The table is full",
    screen="conntrack",
)
OF_OBJECTS = Finding(
    rule="endpoints",
    severity="warning",
    subject=Subject(kind="service", name="db", namespace="data"),
    title="It has no endpoints",
    screen="services",
)
OF_PACKETS = Finding(
    rule="refused",
    severity="warning",
    subject=Subject(kind="service", name="web", namespace="shop"),
    title="Connections are refused",
    screen="flows",
)
ALL = (ON_NODE, OF_OBJECTS, OF_PACKETS)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """All three were found; one was gone before its end."""
    (directory := tmp_path / "earlier").mkdir()
    writer = SessionWriter(directory)
    writer.write(ev.TargetState(BEGAN, key, "live") for key in (NODE, "pod/shop/web-1"))
    writer.write(ev.FindingEvent(BEGAN + 5, "", "appeared", one) for one in ALL)
    writer.write([ev.FindingEvent(BEGAN + 9, "", "gone", ON_NODE)])
    writer.close()
    return directory


def store(*looked_at: str, listed: bool = True) -> Store:
    made = Store()
    for key in looked_at:
        made.apply(replace(sample(1, 100), target=key))
    if listed:
        made.apply(ev.InventoryList(BEGAN, "", "pods", ()))
    return made


def rules(findings: tuple[Finding, ...]) -> set[str]:
    return {one.rule for one in findings}


def test_what_is_new_and_what_is_still_there(session: Path) -> None:
    other = replace(ON_NODE, subject=Subject(kind="node", name="n2"))
    now = [replace(ON_NODE, title="in other words", severity="warning"), other]
    found = earlier_findings(str(session)).against(now, LookedAgain(store(NODE, "pod/shop/web-1")))
    assert [found.is_new(one) for one in now] == [False, True]
    assert [one.subject.name for one in found.new_first(now)] == ["n2", "n1"]
    assert rules(found.gone) == {"endpoints", "refused"} and not found.unseen
    assert found.summary(now) == "against earlier: 1 new, 1 still there, 2 gone"


@pytest.mark.parametrize(
    ("again", "gone"),
    [
        (LookedAgain(store(NODE, "pod/shop/web-1")), {"conntrack_full", "endpoints", "refused"}),
        (LookedAgain(store(NODE)), {"conntrack_full", "endpoints"}),
        (LookedAgain(store()), {"endpoints"}),
        (LookedAgain(store(), blind=True), set()),
        (LookedAgain(store(listed=False)), set()),
        (LookedAgain(store(NODE, "pod/shop/web-1"), namespace="data"), {"endpoints"}),
    ],
    ids=["all", "node", "objects", "not all objects", "nothing", "one namespace"],
)
def test_only_what_was_looked_at_again_is_gone(
    session: Path, again: LookedAgain, gone: set[str]
) -> None:
    found = earlier_findings(str(session)).against([], again)
    assert rules(found.gone) == gone
    assert rules(found.unseen) == rules(ALL) - gone


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["check", *arguments])
    return code, capsys.readouterr().out


def test_the_exit_code_is_that_of_what_is_new(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = str(written(tmp_path / "now.jsonl", full_table()))
    nothing = str(written(tmp_path / "before.jsonl", [sample(n, 100) for n in range(9)]))
    assert checked(capsys, "--from", incident)[0] == 1
    code, text = checked(capsys, "--from", incident, "--since", str(session))
    assert code == 0 and "(conntrack_full), still there" in text
    assert "not looked at again: warning svc/shop/web: Connections are refused" in text
    code, text = checked(capsys, "--from", incident, "--since", nothing)
    assert code == 1 and "(conntrack_full), new" in text and "0 gone" in text
    code, text = checked(capsys, "-o", "json", "--from", nothing, "--since", incident)
    body = json.loads(text)
    assert code == 0 and body["since"]["gone"] == [] == body["since"]["not_looked_at_again"]
    code, text = checked(capsys, "-o", "json", "--from", nothing, "--since", str(session))
    body = json.loads(text)["since"]
    assert [one["rule"] for one in body["gone"]] == ["conntrack_full"]
    assert len(body["not_looked_at_again"]) == 2
    code, text = checked(capsys, "-o", "markdown", "--from", nothing, "--since", str(session))
    assert "- gone: critical n1: The table is full (conntrack\\_full)" in text


def test_what_cannot_be_compared_with_is_said(tmp_path: Path) -> None:
    early = Path(__file__).parents[1] / "data" / "recordings" / "0.1.0.jsonl.gz"
    with pytest.raises(ConfigError, match="has no findings in full"):
        earlier_findings(str(early))
    with pytest.raises(ConfigError, match="There is no"):
        earlier_findings(str(tmp_path / "none"))


def test_with_what_nothing_was_looked_at_in_nothing_is_compared(tmp_path: Path) -> None:
    (directory := tmp_path / "killed").mkdir()
    SessionWriter(directory).close()
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    for path in (directory, empty):
        with pytest.raises(ConfigError, match="holds nothing"):
            earlier_findings(str(path))
    capture = Path(__file__).parent.parent / "data" / "lab.pcap"
    with pytest.raises(ConfigError, match="is a capture"):
        earlier_findings(str(capture))


CAUSE = replace(ON_NODE, consequences=("svc/shop/web: Connections are refused",))


def recorded(directory: Path, *findings: Finding) -> Path:
    """Each holds from a time of its own to the end."""
    directory.mkdir()
    writer = SessionWriter(directory)
    writer.write(ev.TargetState(BEGAN, key, "live") for key in (NODE, "pod/shop/web-1"))
    writer.write(
        ev.FindingEvent(BEGAN + 5 + number, "", "appeared", one)
        for number, one in enumerate(findings)
    )
    writer.close()
    return directory


def test_what_another_finding_explains_now_is_not_gone(tmp_path: Path) -> None:
    """Nor new, where that is over again."""
    earlier = earlier_findings(str(recorded(tmp_path / "first", ON_NODE, OF_PACKETS)))
    again = LookedAgain(store(NODE, "pod/shop/web-1"))
    found = earlier.against([CAUSE], again)
    assert not found.gone and not found.unseen and not found.is_new(OF_PACKETS)
    assert rules(earlier.against([ON_NODE], again).gone) == {"refused"}


def test_what_another_finding_explained_before_is_not_gone_with_it(tmp_path: Path) -> None:
    """It is said with its cause; nobody was shown it by itself."""
    earlier = earlier_findings(str(recorded(tmp_path / "first", OF_PACKETS, CAUSE)))
    found = earlier.against([], LookedAgain(store(NODE, "pod/shop/web-1")))
    assert rules(found.gone) == {"conntrack_full"}
    assert not found.is_new(OF_PACKETS)


def test_against_itself_nothing_is_new_and_nothing_gone(capsys: pytest.CaptureFixture[str]) -> None:
    """Rules of today explain more than those that it was recorded with."""
    demo = str(Path(__file__).parents[2] / "cli" / "demo.tar")
    code, text = checked(capsys, "--from", demo, "--since", demo)
    assert code == 0 and "0 new" in text and "0 gone" in text
    assert "\ngone:" not in text and "not looked at again" not in text
