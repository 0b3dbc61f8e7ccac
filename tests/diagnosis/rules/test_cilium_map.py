"""Maps of Cilium that fill up."""

from __future__ import annotations

import pytest

from tests.support.network_snapshots import (
    network_snapshot,
    only,
    settings,
)
from tests.support.rules import finder

evaluate = finder("cilium_map")


def test_maps_of_cilium() -> None:
    status = settings(
        "cilium status",
        **{
            "map pressure ct4_global": "0.97",
            "map pressure snat_v4_external": "0.1",
            "map pressure x": "odd",
        },
    )
    found = only(list(evaluate(network_snapshot(status))), "cilium_map")
    assert (found.severity, found.where) == ("critical", "Cilium ct4_global")


def fix(table: str, **config: str) -> str:
    names = {name.replace("_", "-"): value for name, value in config.items()}
    status = settings("cilium status", **{f"map pressure {table}": "0.9"})
    rows = (status, settings("cilium", **names)) if names else (status,)
    return only(list(evaluate(network_snapshot(*rows))), "cilium_map").fix


def test_each_map_has_a_setting_of_its_own() -> None:
    assert '"bpf-policy-map-max":"32768"' in fix("policy_v2_00123")
    assert '"bpf-policy-map-max":"65536"' in fix("policy_v2_00123", bpf_policy_map_max="32768")
    assert '"bpf-lb-map-max":"131072"' in fix("lb4_services_v2")
    assert '"bpf-lb-map-max":"131072"' in fix("lb4_reverse_nat")  # not the table of NAT
    assert "size is built in" in fix("ipcache_v2")


def test_what_is_set_is_doubled_and_never_made_smaller() -> None:
    assert '"bpf-nat-global-max":"4000000"' in fix("nat4", bpf_nat_global_max="2000000")
    assert '"bpf-ct-global-any-max":"600000"' in fix(
        "ct_any4_global", bpf_ct_global_any_max="300000"
    )
    assert '"bpf-map-dynamic-size-ratio":"0.005"' in fix("snat_v4_external")
    assert '"bpf-map-dynamic-size-ratio":"0.01"' in fix(
        "ct4_global", bpf_map_dynamic_size_ratio="0.005"
    )
    assert '"0.005"' in fix("ct4_global", bpf_map_dynamic_size_ratio="odd", bpf_nat_global_max="x")


@pytest.mark.alike
def test_maps_with_room_and_those_that_are_full_by_design() -> None:
    """A pressure of a moment falls again; what is not a number is of no map."""
    names = {"map pressure ct4_global": "0.79", "map pressure lb4_backends": "0", "map x": "0.99"}
    assert not evaluate(network_snapshot(settings("cilium status", **names)))
    assert not evaluate(network_snapshot(settings("cilium", **{"map pressure nat4": "0.99"})))
