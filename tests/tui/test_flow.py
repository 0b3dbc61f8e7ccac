"""What the screen of a flow says of its packets."""

from __future__ import annotations

from itertools import chain

from tests.collectors.test_flow_problems import ASKED, CLOSED, OPENED, connection
from tui.screens.flow import figures


def test_a_syn_that_nothing_answers_is_no_capture_of_one_direction() -> None:
    text = "\n".join(figures(connection(3 * OPENED[:1])))
    assert "nothing came back to where this was captured" in text
    assert "one direction" not in text and "2 SYN retransmissions" in text


def test_a_capture_of_one_direction_is_said() -> None:
    sent = [one for one in OPENED + ASKED if not one[0]]
    assert "only one direction was captured: losses and times are estimates" in figures(
        connection(sent)
    )


def test_one_of_a_kind_is_in_the_singular() -> None:
    sent = chain(2 * OPENED[:1], 2 * OPENED[1:2], OPENED[2:], ASKED, 3 * CLOSED)
    client, server, *_ = figures(connection(list(sent)))
    assert client.endswith("1 SYN retransmission, 2 FIN retransmissions")
    assert server.endswith("1 SYN-ACK retransmission")
