"""Parts of the lab's API server by themselves: patches, protobuf, selectors, the store, PodSecurity."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from lab.api import patches, podsecurity, protobuf
from lab.api.selectors import label_selector
from lab.api.status import ApiError
from lab.api.store import ObjectStore, ResourceExpired
from lab.capabilities import capabilities_of, confine, effective, refusal
from lab.images import find, pull_failure
from tests.support.examples import examples

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


# --- patches (examples: RFC 7386 appendix A, RFC 6902 appendix A)


@pytest.mark.parametrize(
    ("current", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(current: Any, patch: Any, result: Any) -> None:
    assert patches.merge(current, patch) == result


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ([{"op": "add", "path": "/b", "value": 1}], {"a": [1, 2], "b": 1}),
        ([{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ([{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 9]}),
        ([{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ([{"op": "replace", "path": "/a", "value": 0}], {"a": 0}),
        ([{"op": "move", "from": "/a", "path": "/c~1d"}], {"c/d": [1, 2]}),
        ([{"op": "copy", "from": "/a/0", "path": "/b"}], {"a": [1, 2], "b": 1}),
        ([{"op": "test", "path": "/a/0", "value": 2}], None),
        ([{"op": "remove", "path": "/nope"}], None),
        ([{"op": "replace", "path": "/nope", "value": 1}], None),
    ],
)
def test_json_patch(steps: Any, result: Any) -> None:
    if result is None:
        with pytest.raises(ApiError):
            patches.json_patch({"a": [1, 2]}, steps)
    else:
        assert patches.json_patch({"a": [1, 2]}, steps) == result


def test_strategic_merge_knows_lists_by_their_keys() -> None:
    spec = {"containers": [{"name": "a", "image": "x"}, {"name": "b"}], "tolerations": [1]}
    patch = {"containers": [{"name": "a", "image": "y"}, {"name": "c"}], "tolerations": [2]}
    merged = patches.strategic(spec, patch)
    assert merged["containers"] == [{"name": "c"}, {"name": "a", "image": "y"}, {"name": "b"}]
    assert merged["tolerations"] == [2]
    gone = patches.strategic(spec, {"containers": [{"name": "b", "$patch": "delete"}]})
    assert [c["name"] for c in gone["containers"]] == ["a"]
    ports = patches.strategic(
        {"ports": [{"port": 80, "targetPort": 1}]}, {"ports": [{"port": 80, "targetPort": 2}]}
    )
    assert ports == {"ports": [{"port": 80, "targetPort": 2}]}


@given(json_values, json_values)
def test_patches_leave_what_they_patch_alone(current: Any, patch: Any) -> None:
    before = json.dumps(current)
    patches.merge(current, patch)
    assert json.dumps(current) == before
    if isinstance(patch, dict):
        assert patches.merge(patches.merge(current, patch), patch) == patches.merge(current, patch)


# --- protobuf


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def encode(kind: str, item: dict[str, Any]) -> bytes:
    """The inverse of lab.api.protobuf, for tests."""
    out = b""
    for number, (name, inner) in protobuf.SCHEMA[kind].items():
        if name == "":
            out += field(number, encode(inner, item))
        elif name in item and inner == "map":
            out += b"".join(
                field(number, field(1, k.encode()) + field(2, v.encode()))
                for k, v in item[name].items()
            )
        elif name in item and inner.startswith("[]"):
            out += b"".join(one(number, inner[2:], v) for v in item[name])
        elif name in item:
            out += one(number, inner, item[name])
    return out


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def one(number: int, inner: str, value: Any) -> bytes:
    if inner in ("b", "B", "i", "I"):
        return varint(number << 3) + varint(int(value))
    return field(number, value.encode() if inner == "s" else encode(inner, value))


POD = {
    "metadata": {"name": "x", "namespace": "shop", "labels": {"a": "b"}},
    "spec": {
        "nodeName": "node1",
        "hostNetwork": True,
        "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "host-root", "hostPath": {"path": "/"}}],
        "tolerations": [{"operator": "Exists"}],
        "containers": [
            {
                "name": "c",
                "image": "i",
                "command": ["sh", "-c", ""],
                "stdin": True,
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "securityContext": {
                    "capabilities": {"add": ["NET_RAW"], "drop": ["ALL"]},
                    "runAsUser": 0,
                    "runAsNonRoot": False,
                    "allowPrivilegeEscalation": False,
                },
            }
        ],
    },
}


def wrapped(kind: str, raw: bytes) -> bytes:
    return protobuf.MAGIC + field(1, field(1, b"v1") + field(2, kind.encode())) + field(2, raw)


def test_a_pod_comes_through() -> None:
    assert protobuf.decode(wrapped("Pod", encode("Pod", POD))) == {
        "kind": "Pod",
        "apiVersion": "v1",
        **POD,
    }


def test_negative_numbers_and_unknown_fields() -> None:
    spec = protobuf.message("PodSpec", one(4, "I", -1))
    assert spec == {"terminationGracePeriodSeconds": -1}
    with pytest.raises(protobuf.Unreadable, match="field 99 of PodSpec is not known"):
        protobuf.message("PodSpec", field(99, b"x"))
    assert protobuf.message("PodSpec", field(99, b"")) == {}


@given(st.binary(max_size=200), st.integers(0, 200))
@settings(max_examples=examples(300))
def test_no_bytes_break_the_reader(data: bytes, cut: int) -> None:
    for body in (
        data,
        protobuf.MAGIC + data,
        wrapped("Pod", data),
        wrapped("Pod", encode("Pod", POD))[:cut],
    ):
        try:
            assert isinstance(protobuf.decode(body), dict)
        except protobuf.Unreadable as error:
            assert str(error)


# --- selectors, store


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=a", True),
        ("app==a", True),
        ("app!=a", False),
        ("app in (a, b)", True),
        ("app notin (a)", False),
        ("app", True),
        ("!app", False),
        ("!team", True),
        ("team!=x", True),
        ("app=a,team", False),
        ("app in (a),!team", True),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert label_selector(text)({"metadata": {"labels": {"app": "a"}}}) == matches


def test_a_bad_selector_is_a_400() -> None:
    with pytest.raises(ApiError) as refused:
        label_selector("app in a")
    assert refused.value.code == 400


operations = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from("abc"), st.integers(0, 3)),
    max_size=30,
)


@given(operations)
def test_the_store_remembers_every_version(steps: list[tuple[str, str, int]]) -> None:
    """A list at an old version is what a list said at that time; a watch from it leads to what there is now."""
    asyncio.run(_remembers(steps))


async def _remembers(steps: list[tuple[str, str, int]]) -> None:
    store = ObjectStore()
    seen = {store.version: []}  # type: ignore[var-annotated]
    for action, name, value in steps:
        if action == "put":
            store.put(
                "pods", {"metadata": {"name": name, "namespace": "n", "uid": name}, "v": value}
            )
        else:
            store.remove("pods", "n", name)
        seen[store.version] = [dict(i) for i in store.items("pods")]
    for version, items in seen.items():
        assert store.items_at("pods", "", version) == items
        state = {i["metadata"]["name"]: i for i in items}
        changes = store.watch(version)
        for _ in range(store.version - version):
            change = await anext(changes)
            if change.kind == "DELETED":
                del state[change.item["metadata"]["name"]]
            else:
                state[change.item["metadata"]["name"]] = change.item
        assert list(dict(sorted(state.items())).values()) == list(store.items("pods"))
    store.expire()
    if store.version > 100:
        with pytest.raises(ResourceExpired):
            store.items_at("pods", "", 100)


# --- what containers may, and what they are made of


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}, ("NET_RAW",)),
        ({"capabilities": {"drop": ["all"]}}, ()),
        ({"privileged": True}, ("ALL",)),
        (
            {"capabilities": {"drop": ["ALL"], "add": ["CAP_SYS_PTRACE", "net_admin"]}},
            ("NET_ADMIN", "SYS_PTRACE"),
        ),
    ],
)
def test_capability_arithmetic(context: Any, expected: tuple[str, ...]) -> None:
    assert capabilities_of(context) == expected


def test_a_container_overrides_its_pod_field_by_field() -> None:
    pod = {"securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "fsGroup": 5}}
    merged = effective(pod, {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}})
    assert merged == {"runAsUser": 0, "runAsNonRoot": False}
    assert effective(pod, {}) == {"runAsUser": 1000, "runAsNonRoot": True}
    assert "breaks non-root policy" in refusal({"runAsNonRoot": True, "runAsUser": 0}, 0, "x")
    assert "image will run as root" in refusal({"runAsNonRoot": True}, 0, "x")
    assert refusal({"runAsNonRoot": True, "runAsUser": 5}, 0, "x") == refusal({}, 0, "x") == ""
    assert "--no-new-privs" in confine({"allowPrivilegeEscalation": False})


def test_images() -> None:
    for good in (
        "nicolaka/netshoot",
        "nicolaka/netshoot:v0.15",
        "registry.corp.example/tools/netshoot@sha256:00",
        "busybox",
    ):
        assert find(good) is not None, good
    for bad in (
        "none:1",
        "127.0.0.1:1/netshoot:1",
        "registry.invalid/netshoot",
        "nicolaka/netshot",
    ):
        assert find(bad) is None, bad
    distroless, shell = find("registry.lab/app:1"), find("busybox:1.36")
    assert distroless and not distroless.has("sh") and not distroless.has("id")
    assert shell and shell.has("sh") and not shell.has("tcpdump")
    assert pull_failure("none:1").endswith("docker.io/library/none:1: not found")


def test_pod_security_counts_every_container() -> None:
    spec = {
        "hostNetwork": True,
        "containers": [
            {"name": "a"},
            {"name": "b", "securityContext": {"capabilities": {"add": ["NET_RAW"]}}},
        ],
        "ephemeralContainers": [
            {"name": "c", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
        ],
    }
    assert podsecurity.violation("privileged", spec) == ""
    assert podsecurity.violation("baseline", spec) == (
        'violates PodSecurity "baseline:latest": non-default capabilities (containers "b", "c" must not include '
        '"NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add), host namespaces (hostNetwork=true)'
    )
    strict = podsecurity.violation("restricted", spec)
    assert 'allowPrivilegeEscalation != false (containers "a", "b", "c" must set' in strict
    assert (
        "runAsNonRoot != true (pod or containers" in strict
        and "seccompProfile (pod or containers" in strict
    )
