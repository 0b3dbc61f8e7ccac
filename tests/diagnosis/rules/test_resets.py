"""A server that resets while a request waits, and how else connections end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.paths import PathDirection, PathRow, Segments
from tests.support.snapshots import API, NEAR, POD, found, node, pod, talk


def test_a_share_of_a_server_s_connections() -> None:
    finding = found(pod(conversations=(talk(server_resets=9),)))["resets"]
    assert finding.subject.name == "api" and finding.subject.port == 8080
    assert "9 of 20 connections reset by shop/api-1" in finding.evidence[0].text


@pytest.mark.alike
def test_a_few_of_many_are_how_some_programs_end() -> None:
    assert "resets" not in found(pod(conversations=(talk(flows=100, server_resets=9),)))
    assert "resets" not in found(pod(conversations=(talk(flows=4, server_resets=2),)))


def test_a_client_that_resets() -> None:
    assert "resets" not in found(pod(conversations=(talk(client_resets=20),)))


def test_refused_connections_are_another_finding() -> None:
    counted = found(pod(conversations=(talk(refused=9, answered=11),)))
    assert "resets" not in counted and "refused" in counted


def test_one_pod_of_several_is_named() -> None:
    well = replace(talk(), server=NEAR.ip)
    finding = found(pod(conversations=(talk(server_resets=19), well)))["resets"]
    assert finding.title.endswith("(api-1 alone, other pods do not)")
    both = replace(well, server_resets=19)
    finding = found(pod(conversations=(talk(server_resets=19), both)))["resets"]
    assert "alone" not in finding.title


def test_no_tcp() -> None:
    udp = replace(talk(server_resets=9), protocol="UDP")
    assert "resets" not in found(pod(conversations=(udp,)))


def test_only_at_the_server_s_end_it_is_known_who_reset() -> None:
    """A firewall on the path may have."""
    seen = (talk(server_resets=9),)
    finding = found(pod(conversations=seen))["resets"]
    assert finding.confidence == "likely" and "or a filter in its place" in finding.title
    there = replace(node(conversations=seen), key="node/n2", node="n2")
    finding = found(there)["resets"]
    assert finding.confidence == "certain" and "not the network" in finding.title


def test_a_node_on_the_path_that_rsts_come_into_did_not_send_them() -> None:
    came = PathDirection(Segments(rst=9), Segments(rst=9))
    row = PathRow(
        "TCP", POD.ip, API.ip, 8080, API.ip, 8080, POD.ip, reset_by_server=9, to_client=came
    )
    view = node(conversations=(talk(server_resets=9),), paths=(row,))
    assert "not the network" in found(view)["resets"].title
    own = replace(row, to_client=PathDirection(left=Segments(rst=9)))
    assert "or a filter" in found(replace(view, paths=(own,)))["resets"].title
