"""Loss by the share of data segments that are retransmitted, and what looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.findings import Finding
from diagnosis import rules
from diagnosis.paths import PathRow, Retransmissions
from diagnosis.rules import retransmits
from diagnosis.snapshot import Conversation
from tests.support.one_interface import captured, retransmitting, talk
from tests.support.snapshots import API, NEAR, POD, found, pod


def deltas(retransmitted: int, sent: int, syns: int = 0) -> dict[str, int]:
    return {
        "TcpRetransSegs": retransmitted + syns,
        "TcpExtTCPSynRetrans": syns,
        "TcpExtTCPOrigDataSent": sent,
    }


@pytest.mark.parametrize(
    ("retransmitted", "severity"),
    [(9, ""), (10, "warning"), (49, "warning"), (50, "critical"), (430, "critical")],
)
def test_severity_is_that_of_the_thresholds(retransmitted: int, severity: str) -> None:
    finding = found(pod({}, deltas(retransmitted, 1000))).get("retransmits")
    assert (finding.severity if finding else "") == severity


def test_no_share_is_above_100_percent() -> None:
    """Segments of a time before the window are retransmitted in it: a count, not a share."""
    finding = found(pod({}, deltas(400, 175)))["retransmits"]
    assert finding.title == "400 segments are retransmitted beside 175 new ones: packets are lost"
    assert finding.severity == "critical"


@pytest.mark.parametrize(("retransmitted", "sent"), [(40, 90), (10, 99), (12, 8), (10, 0)])
def test_loss_that_lets_connections_send_few_is_found(retransmitted: int, sent: int) -> None:
    assert found(pod({}, deltas(retransmitted, sent)))["retransmits"].severity == "critical"


@pytest.mark.parametrize(
    "innocent",
    [
        deltas(0, 1000, syns=60),  # SYNs to a closed port: no data is lost
        deltas(4, 40),  # a handful of segments of a quiet connection
        deltas(1, 5),
        deltas(7, 1),  # one segment, again and again: its peer is gone
        deltas(9, 99),
        deltas(0, 0),
    ],
)
@pytest.mark.alike
def test_what_looks_like_loss_and_is_not(innocent: dict[str, int]) -> None:
    assert "retransmits" not in found(pod({}, innocent))


def test_the_threshold_is_shown_with_its_source() -> None:
    finding = found(pod({}, deltas(50, 1000)))["retransmits"]
    assert finding.threshold == retransmits.RULE.threshold_text
    assert "critical from 5 %" in finding.threshold


def with_clients(*clients: str) -> Finding:
    """Of a pod that is asked by them."""
    talks = tuple(
        Conversation("TCP", client, POD.ip, 80, segments=60, retransmitted=16) for client in clients
    )
    return found(pod({}, deltas(50, 1000), conversations=talks))["retransmits"]


def texts(finding: Finding) -> list[str]:
    return [evidence.text for evidence in finding.evidence]


def test_peers_of_a_server_are_its_clients() -> None:
    ours, foreign = texts(with_clients(API.ip, NEAR.ip))[-1], texts(with_clients("203.0.113.9"))[-1]
    assert ours.startswith("most with shop/api (32 of 120 segments)")
    assert foreign.startswith("most with 203.0.113.9 (16 of 60 segments)")
    assert ours.endswith("used in the last 15 s, since they began")


def test_peers_of_a_client_are_its_servers() -> None:
    talks = (Conversation("TCP", POD.ip, API.ip, 80, segments=60, retransmitted=16),)
    finding = found(pod({}, deltas(50, 1000), conversations=talks))["retransmits"]
    assert texts(finding)[-1].startswith("most with shop/api (16 of 60 segments)")


def test_loss_with_one_client_may_be_of_its_node() -> None:
    assert with_clients(API.ip).confidence == "possible"
    assert with_clients(API.ip, "203.0.113.9").confidence == "likely"


def test_the_share_can_be_worked_out_from_the_evidence() -> None:
    finding = found(pod({}, deltas(22, 123, syns=8)))["retransmits"]
    assert finding.title.startswith("17.9 % of data segments")
    assert "TcpExtTCPSynRetrans +8 in 15 s (0.533/s)" in texts(finding)
    assert (
        "30 retransmitted less 8 SYNs and SYN-ACKs = 22 with data; "
        "17.9 % of 123 sent for the first time"
    ) in texts(finding)


@pytest.mark.parametrize(
    ("timeouts", "fast", "said"),
    [
        (3, 40, ": mostly what was sent later did arrive"),
        (40, 3, ": mostly nothing came back for a whole RTO"),
        (11, 3, "fast retransmissions"),  # 8 of them of SYNs
    ],
)
def test_the_kind_of_loss_is_no_weight_of_it(timeouts: int, fast: int, said: str) -> None:
    kinds = {"TcpExtTCPTimeouts": timeouts, "TcpExtTCPFastRetrans": fast}
    (text,) = [
        text
        for text in texts(found(pod({}, {**deltas(290, 1000, syns=8), **kinds}))["retransmits"])
        if "timeouts" in text
    ]
    assert text.endswith(said) and "light" not in text


def test_what_the_peers_had_already_was_not_lost() -> None:
    """Packets overtook each other, or acknowledgments were late (RFC 2883)."""
    for had, text in ((5, "packets are lost"), (58, "the peers had them already")):
        view = pod({}, {**deltas(60, 3_000), "TcpExtTCPDSACKRecv": had})
        finding = found(view)["retransmits"]
        assert text in finding.title
        assert any("TCPDSACKRecv" in one.text for one in finding.evidence)
        is_lost = text == "packets are lost"
        assert ("TCPDSACKRecv" in finding.disproof) is is_lost, "it would refute itself"
        assert ("is lost between them" in finding.fix) is is_lost


LOSSY = Retransmissions(syn=20, timeout=30, fin=8)
OTHERS = tuple(f"10.244.1.{n}" for n in range(60, 70))


def captured_alone(*rows: PathRow, **more: Any) -> list[Finding]:
    found = rules.findings(captured(*rows, **more))
    return [one for one in found if one.severity != "info"]


def test_a_capture_alone_of_one_interface() -> None:
    (finding,) = captured_alone(retransmitting(LOSSY, retried=18))
    assert finding.rule == "retransmits" and finding.severity == "critical"
    assert finding.title.startswith("8.1 % of segments to and from 10.96.0.7:80 are retransmitted")
    assert "30 to it, 0 from it; 18 of 100 first SYNs" in finding.evidence[0].text


def test_answers_that_are_late_because_they_are_retransmitted_make_no_slow_server() -> None:
    late = talk(slow=20, slowest_ms=1_700.0)
    (finding,) = captured_alone(retransmitting(LOSSY, LOSSY), talks=(late,))
    assert finding.rule == "retransmits" and finding.consequences
    (slow,) = captured_alone(retransmitting(), talks=(late,))
    assert slow.rule == "slow_server"


@pytest.mark.parametrize(
    "rows",
    [
        [retransmitting()],
        [retransmitting(Retransmissions(timeout=4))],
        [retransmitting(Retransmissions(spurious=60))],  # nothing was lost
        [retransmitting(client=one) for one in OTHERS]  # one of many clients: its own path
        + [retransmitting(LOSSY, LOSSY, client="203.0.113.9")],
        # a client from outside, and one that asks the machine of the capture
        [
            retransmitting(LOSSY, LOSSY, client="8.8.8.8"),
            retransmitting(asked="10.96.0.9", asked_port=9),
        ],
        [
            retransmitting(LOSSY, client="10.9.9.9"),
            retransmitting(client="10.9.9.8", connections=1),
        ],
    ],
)
@pytest.mark.alike
def test_lossy_peers_and_needless_retransmissions_of_a_capture_alone(rows: list[PathRow]) -> None:
    assert captured_alone(*rows) == []


@pytest.mark.alike
def test_what_waits_for_a_reader_is_retransmitted_and_not_lost() -> None:
    waiting = talk(server_zero_windows=3)
    found = captured_alone(retransmitting(LOSSY), talks=(waiting,))
    assert "retransmits" not in [one.rule for one in found]
