"""A targetPort on which nothing listens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    ContainerPort,
    ServicePort,
)
from collectors.findings import Finding
from collectors.sockets.rows import SocketRow
from diagnosis.snapshot import Conversation
from tests.support.policy_snapshots import (
    WEB,
    policy_snapshot,
)
from tests.support.rules import finder
from tests.support.service_snapshots import seen_at, service_snapshot
from tests.support.snapshots import API, NEAR, POD, pod

evaluate = finder("target_port")


@pytest.mark.parametrize(
    ("local", "port", "said"),
    [
        ("0.0.0.0", 8080, ""),
        ("127.0.0.1", 8080, "listens on 127.0.0.1:8080 only"),
        ("10.1.0.5", 9090, "it listens on 9090"),
    ],
)
def test_listen_sockets_say_what_a_port_is_worth(local: str, port: int, said: str) -> None:
    """Whatever the containers declare."""
    listening = pod(sockets=(SocketRow("tcp", "LISTEN", local, port, "0.0.0.0", 0),))
    for declared in ((), (ContainerPort("", 1, "TCP"),)):
        row = replace(POD, ports=declared)
        moment = policy_snapshot(
            target=replace(listening, pod=row), pods=(row, API), services=(WEB,)
        )
        found = list(evaluate(moment))
        assert bool(found) == bool(said)
        if said:
            assert said in found[0].title
            assert found[0].confidence == "certain"


def test_one_port_of_several_is_corrected_and_the_others_are_left() -> None:
    two = replace(
        WEB, targets=(ServicePort("a", 80, "TCP", "8080"), ServicePort("b", 81, "TCP", "8181"))
    )
    row = replace(POD, ports=(ContainerPort("", 8080, "TCP"),))
    (found,) = evaluate(policy_snapshot(pods=(row, API), services=(two,)))
    assert '"path":"/spec/ports/1/targetPort"' in found.fix


def test_a_port_on_which_another_pod_answers_is_right() -> None:
    """One pod that does not listen is its own trouble: the Service must not be changed."""
    silent = seen_at(
        "n1", conversations=(Conversation("TCP", POD.ip, API.ip, 8080, flows=9, answered=9),)
    )
    other = (SocketRow("tcp", "LISTEN", "0.0.0.0", 9090, "0.0.0.0", 0),)
    bad = replace(pod(sockets=other), pod=NEAR, key=f"pod/{NEAR.namespace}/{NEAR.name}")
    assert not evaluate(service_snapshot(bad, silent))
    assert evaluate(service_snapshot(bad))


@pytest.mark.parametrize("port", [15006, 4143])
@pytest.mark.alike
def test_a_sidecar_gets_what_comes_in(port: int) -> None:
    """And hands it on to a program that listens on loopback."""
    own = SocketRow("tcp", "LISTEN", "127.0.0.1", 8080, "", 0)
    service = replace(WEB, targets=(ServicePort("http", 80, "TCP", "8080"),))
    alone = policy_snapshot(target=pod(sockets=(own,)), services=(service,))
    assert evaluate(alone)
    proxy = SocketRow("tcp", "LISTEN", "0.0.0.0", port, "", 0)
    assert not evaluate(replace(alone, targets=(pod(sockets=(own, proxy)),)))


def test_a_headless_service_s_clients_use_its_addresses_alone() -> None:
    """Its port is often a placeholder."""
    own = SocketRow("tcp", "LISTEN", "0.0.0.0", 5432, "", 0)
    service = replace(WEB, ips=(), targets=(ServicePort("db", 80, "TCP", "8080"),))
    view = pod(sockets=(own,))
    assert evaluate(policy_snapshot(target=view, services=(service,)))
    headless = replace(service, headless=True)
    assert not evaluate(policy_snapshot(target=view, services=(headless,)))
    refused = Conversation("TCP", API.ip, POD.ip, 8080, flows=9, refused=9)
    asked = replace(view, conversations=(refused,))
    assert evaluate(policy_snapshot(target=asked, services=(headless,)))


def of_family(local: str, *families: str) -> list[Finding]:
    """Of a program that listens on that address, and a Service of these families."""
    service = replace(WEB, families=families, targets=(ServicePort("http", 80, "TCP", "8080"),))
    view = pod(sockets=(SocketRow("tcp", "LISTEN", local, 8080, "", 0),))
    return evaluate(policy_snapshot(target=view, services=(service,)))


@pytest.mark.parametrize("local", ["0.0.0.0", "10.1.0.5", "::1"])
def test_a_socket_of_ipv4_or_loopback_and_a_service_of_ipv6(local: str) -> None:
    (finding,) = of_family(local, "IPv6")
    shown = "[::1]" if local == "::1" else local
    assert f"listens on {shown}:8080 only" in finding.title
    assert "or ::, port 8080" in finding.fix


@pytest.mark.parametrize(
    ("local", "families"),
    [
        ("0.0.0.0", ("IPv4", "IPv6")),
        ("0.0.0.0", ("IPv4",)),
        ("0.0.0.0", ()),
        ("::", ("IPv6",)),
        ("*", ("IPv6",)),
        ("2001:db8::5", ("IPv6",)),
        ("::", ("IPv4",)),
    ],
)
@pytest.mark.alike
def test_sockets_that_a_service_of_their_family_reaches(
    local: str, families: tuple[str, ...]
) -> None:
    """A socket of IPv6 accepts IPv4 as well; of two families, clients may use either."""
    assert not of_family(local, *families)


@pytest.mark.alike
def test_a_standby_that_is_not_ready_need_not_listen() -> None:
    standby = replace(POD, ready="0/1")
    leader = replace(POD, name="web-2", uid="u9", ip="10.1.0.9")
    view = replace(pod(sockets=(SocketRow("tcp", "LISTEN", "0.0.0.0", 9090, "", 0),)), pod=standby)
    service = replace(WEB, targets=(ServicePort("http", 80, "TCP", "8080"),))
    rows = policy_snapshot(target=view, services=(service,), pods=(standby, leader))
    assert not evaluate(rows)
    assert evaluate(replace(rows, pods=(standby,)))  # nobody serves
    early = (replace(service, publish_not_ready=True),)
    assert evaluate(replace(rows, services=early))
