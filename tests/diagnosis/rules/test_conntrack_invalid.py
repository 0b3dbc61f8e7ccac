"""INVALID packets and resets that belong together, and those that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.paths import Retransmissions
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation
from tests.support import path_snapshots
from tests.support.path_snapshots import data, direction
from tests.support.snapshots import API, NEAR, NODE, found, node, talk

SERVICE = ServiceRow("shop", "api", ("10.96.0.7",), ("8080/TCP",), "ClusterIP", API.labels)
SLICE = SliceRow("shop", "api-a", "api", (API.ip,), ())
RESET = talk(client_resets=4)


def invalid(row: Any = RESET, count: int = 30, **values: int) -> Finding | None:
    view = node(values, {"conntrack_invalid": count}, conversations=(row,))
    return found(view, services=(SERVICE,), slices=(SLICE,)).get("conntrack_invalid")


def test_clients_of_a_service_reset_connections() -> None:
    for server in (API.ip, "10.96.0.7", "203.0.113.9"):
        finding = invalid(replace(RESET, server=server))
        assert finding is not None and "shop/web-1 → " in finding.evidence[1].text


def test_one_reset_of_twenty_is_how_somebody_ends_a_connection() -> None:
    assert invalid(talk(client_resets=2)) is None
    assert invalid(talk(server_resets=9)) is None


def test_a_pod_that_no_service_stands_before_is_not_translated() -> None:
    assert invalid(replace(RESET, server=NEAR.ip)) is None


@pytest.mark.alike
def test_probes_of_the_node() -> None:
    assert invalid(replace(RESET, client=NODE.address)) is None


def test_connections_that_do_not_pass_this_node() -> None:
    assert invalid(replace(RESET, client="10.9.0.1", server="10.96.0.7")) is None


def test_a_full_table_and_a_counter_that_stands_still() -> None:
    assert invalid(conntrack_count=250_000) is None
    assert invalid(count=4) is None


def legs(to_service: int, to_endpoint: int) -> Finding | None:
    """A node's capture has both legs of a client's connections."""
    asked = replace(RESET, server="10.96.0.7", client_resets=to_service)
    behind = replace(RESET, client_resets=to_endpoint)
    view = node({}, {"conntrack_invalid": 30}, conversations=(asked, behind))
    return found(view, services=(SERVICE,), slices=(SLICE,)).get("conntrack_invalid")


@pytest.mark.alike
def test_a_client_that_ends_connections_that_it_knows() -> None:
    """A download that is cancelled: its RST is translated as the rest. What answers a segment that
    came untranslated goes to the endpoint."""
    assert legs(9, 9) is None
    assert legs(0, 9) is not None
    assert legs(2, 9) is not None


@pytest.mark.alike
def test_a_download_from_outside_that_is_cancelled() -> None:
    """Its RST leaves the node translated, as all else of the connection."""
    own = replace(RESET, server="203.0.113.9", port=443)
    left = replace(own, client=NODE.address)
    view = node({}, {"conntrack_invalid": 30}, conversations=(own, left))
    assert "conntrack_invalid" not in found(view)
    few = replace(view, conversations=(replace(own, client_resets=9), left))
    assert "conntrack_invalid" in found(few)
    other = replace(view, conversations=(own, replace(left, port=8443)))
    assert "conntrack_invalid" in found(other)


def test_a_liberal_table_calls_nothing_outside_of_the_window_invalid() -> None:
    assert invalid(**{"sysctl net.netfilter.nf_conntrack_tcp_be_liberal": 1}) is None
    assert invalid(**{"sysctl net.netfilter.nf_conntrack_tcp_be_liberal": 0}) is not None


@pytest.mark.parametrize(("resets", "cause"), [(3, "packet_loss"), (40, "conntrack_invalid")])
def test_what_is_sent_on_connections_that_the_server_has_lost_follows_from_it(
    resets: int, cause: str
) -> None:
    """The server answers nothing that conntrack translates; to the client it looks lost."""
    again = Retransmissions(timeout=40)
    row = replace(path_snapshots.WELL, to_server=direction(data(100, 140), again=again))
    view = path_snapshots.node(row)
    talks = Conversation(
        "TCP", path_snapshots.CLIENT, path_snapshots.FIRST, 8080, flows=9, client_resets=resets
    )
    view = replace(view, deltas={"conntrack_invalid": 60}, conversations=(talks,))
    assert [one.rule for one in findings(path_snapshots.snapshot(view))] == [cause]
