"""Good against bad: what differs of two pods or nodes, and what must differ between healthy ones."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import (
    LinkRow,
    NetworkState,
    PodRow,
    PolicyRow,
    RouteRow,
    RuleCount,
    RuleTables,
    SliceRow,
)
from collectors.kernel import sysctls
from diagnosis.compare import Difference, compare
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD, node

MOMENT = Snapshot(100.0, (), (POD, API, NEAR), (NODE, OTHER))


def host(
    number: int, mtu: int = 1500, kernel: str = "6.1", routes: tuple[RouteRow, ...] = ()
) -> TargetView:
    links = (
        LinkRow("eth0", "", mtu, "UP", (f"192.168.0.{number}/24",)),
        LinkRow(f"veth{number}", "veth", 1450, "UP"),
        LinkRow("cni0", "bridge", 1450, "UP", (f"10.{number}.0.1/24",)),
        LinkRow("flannel.1", "vxlan", 1450, "UP"),
    )
    own = (
        RouteRow("default", "eth0", "192.168.0.254"),
        RouteRow(f"10.{number}.0.0/24", "cni0"),
        RouteRow(f"10.{3 - number}.0.0/24", "flannel.1", f"10.{3 - number}.0.0"),
    )
    state = NetworkState(
        1, f"node/n{number}", links, routes or own, nameservers=("192.168.0.10",), kernel=kernel
    )
    return replace(node(network=state), key=f"node/n{number}", node=f"n{number}")


def found(
    here: TargetView, there: TargetView, moment: Snapshot = MOMENT, **both: dict[str, str]
) -> dict[str, Difference]:
    return {
        d.what: d for d in compare(here, there, moment, both.get("own", {}), both.get("other", {}))
    }


def test_two_healthy_nodes_do_not_differ() -> None:
    assert not found(host(1), host(2))


def test_what_matters_comes_first() -> None:
    own, other = (
        {"net.ipv4.ip_forward": "0", "net.core.a": "1"},
        {"net.ipv4.ip_forward": "1", "net.core.a": "2"},
    )
    rows = compare(host(1, mtu=1400), host(2, kernel="5.4"), MOMENT, own, other)
    assert [d.weight for d in rows] == ["matters"] * 3 + ["differs"]
    by_name = {d.what: d for d in rows}
    assert (by_name["MTU of eth0"].here, by_name["MTU of eth0"].there) == ("1400", "1500")
    assert by_name["kernel"].there == "5.4"
    assert by_name["net.ipv4.ip_forward"].here == "0"


def test_a_route_that_is_missing() -> None:
    lost = host(
        1, routes=(RouteRow("default", "eth0", "192.168.0.254"), RouteRow("10.1.0.0/24", "cni0"))
    )
    assert set(found(lost, host(2))) == {"routes over an overlay"}


def test_a_default_route_over_an_overlay_is_one_of_them() -> None:
    own = RouteRow("10.1.0.0/24", "cni0")
    through = host(1, routes=(RouteRow("default", "flannel.1", "10.2.0.0"), own))
    past = host(2, routes=(RouteRow("default", "eth0", "192.168.0.254"), own))
    differing = found(through, past)
    assert set(differing) == {"default route", "routes over an overlay"}
    over = differing["routes over an overlay"]
    assert (over.here, over.there) == ("1", "0")


def test_rates_of_trouble_and_fill() -> None:
    unhealthy = replace(
        host(1),
        deltas={"TcpRetransSegs": 300, "TcpInSegs": 9_000},
        values={"conntrack_max": 100, "conntrack_count": 90},
    )
    healthy = replace(
        host(2), deltas={"TcpRetransSegs": 3}, values={"conntrack_max": 100, "conntrack_count": 5}
    )
    differ = found(unhealthy, healthy)
    assert (differ["TcpRetransSegs"].here, differ["conntrack fill"].here) == ("20/s", "90 %")
    assert "TcpInSegs" not in differ


def test_rules_of_another_backend() -> None:
    counted = replace(
        host(1),
        rules=RuleTables(
            1, "", (RuleCount("iptables-nft", 400, 9, 0), RuleCount("iptables-legacy", 30, 9, 0))
        ),
    )
    plain = replace(host(2), rules=RuleTables(1, "", (RuleCount("iptables-nft", 410, 9, 0),)))
    assert set(found(counted, plain)) == {"rules of iptables-legacy"}


def test_pods() -> None:
    """A policy that selects one of two replicas, a Service that has one of them, and a resolver that differs."""

    def view(pod: PodRow, ndots: int) -> TargetView:
        state = NetworkState(
            1, "", search=("shop.svc.cluster.local", "svc.cluster.local"), ndots=ndots
        )
        return replace(
            node(network=state), key=f"pod/{pod.namespace}/{pod.name}", kind="pod", pod=pod
        )

    policy = PolicyRow("shop", "only-one", '{"podSelector":{"matchLabels":{"odd":"yes"}}}')
    odd = replace(API, labels=(("app", "api"), ("odd", "yes")))
    ready = SliceRow("shop", "api-x", "api", (NEAR.ip,), (API.ip,))
    moment = replace(MOMENT, policies=(policy,), slices=(ready,))
    differ = found(view(odd, 5), view(NEAR, 2), moment)
    assert differ["policies that select it"].here == "only-one"
    assert (differ["ready endpoint of"].here, differ["ready endpoint of"].there) == ("–", "api")
    assert set(differ) == {"policies that select it", "ready endpoint of", "ndots"}


def test_settings_are_read_as_they_are_printed() -> None:
    assert sysctls.parse("net/ipv4/ip_local_port_range 32768\t60999\nodd\nnet/core/x 1\n") == {
        "net.ipv4.ip_local_port_range": "32768 60999",
        "net.core.x": "1",
    }
