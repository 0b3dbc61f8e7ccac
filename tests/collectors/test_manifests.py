"""Manifests: every form people have them in is read; what the API server refuses is named exactly."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from collectors import manifests
from collectors.errors import ConfigError
from collectors.manifests.reading import Manifests
from collectors.objects import PodRow, Row

DATA = Path(__file__).parent.parent / "data" / "policy"
POLICY = (
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n"
)
# file: (line, field, words of the reason)
REFUSED = {
    "endport_str": (7, "spec.ingress[0].ports[0].endPort", "must be a whole number"),
    "from_map": (7, "spec.ingress[0].from", "must be a list, not a mapping"),
    "listmeta": (3, "metadata", "must be a mapping, not a list"),
    "ml_list": (5, "spec.podSelector.matchLabels", "must be a mapping"),
    "ports_map": (9, "spec.ingress[0].ports", "must be a list"),
    "portsint": (7, "spec.ingress[0].ports[0]", "must be a mapping, not 5432"),
    "strpeer": (7, "spec.ingress[0].from[0]", "must be a mapping, not the text 'web'"),
    "badcidr": (8, "spec.ingress[0].from[0].ipBlock.cidr", "is not a CIDR"),
    "badexcept": (8, "spec.ingress[0].from[0].ipBlock.except[0]", "is not a CIDR"),
    "badop": (5, "spec.podSelector.matchExpressions[0].operator", "perhaps In"),
    "both_ipb_sel": (8, "spec.ingress[0].from[0]", "both an ipBlock and a podSelector"),
    "egress_in_ingress": (7, "spec.ingress[0].to", "unknown field"),
    "emptypeer": (8, "spec.ingress[0].from[0]", "is an empty peer"),
    "endport_lt": (7, "spec.ingress[0].ports[0].endPort", "must not be below the port (6000)"),
    "endport_named": (7, "spec.ingress[0].ports[0].endPort", "must be absent where the port"),
    "endport_noport": (7, "spec.ingress[0].ports[0].endPort", "needs a port"),
    "except_str": (8, "spec.ingress[0].from[0].ipBlock.except", "must be a list"),
    "helm4": (4, "metadata.name", "a Helm template that was not rendered"),
    "ingress_map": (6, "spec.ingress", "must be a list, not a mapping"),
    "lowerkind": (2, "kind", "perhaps networking.k8s.io/v1 NetworkPolicy"),
    "port0": (7, "spec.ingress[0].ports[0].port", "must be between 1 and 65535, not 0"),
    "port70000": (7, "spec.ingress[0].ports[0].port", "must be between 1 and 65535"),
    "portstr": (7, "spec.ingress[0].ports[0].port", "without quotes it is a number"),
    "protolower": (7, "spec.ingress[0].ports[0].protocol", "perhaps TCP"),
    "typo": (5, "spec.podSelector.matchLabel", "unknown field (perhaps matchLabels)"),
}
SYNTAX = {
    "helm": "line 4, column 9: a Helm template that was not rendered",
    "tab": "line 4, column 1: a tab: YAML is indented with spaces",
    "reclist": "line 3, column 9: not YAML: the anchor 'l' contains itself",
}


def error_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        manifests.read([path])
    return str(caught.value)


def refusal(tmp_path: Path, text: str, suffix: str = "yaml") -> str:
    path = tmp_path / f"m.{suffix}"
    path.write_text(text)
    return error_of(path).replace(f"{path}", "F")


def read(tmp_path: Path, text: str, suffix: str = "yaml") -> Manifests:
    path = tmp_path / f"m.{suffix}"
    path.write_text(text)
    return manifests.read([path])


def only(rows: list[Row]) -> Any:
    assert len(rows) == 1
    return rows[0]


ONCE = "restartPolicy: Never"


def template(spec: str = "", selected: str = "b") -> str:
    """The template of a workload, with what selects it."""
    selector = f"selector: {{matchLabels: {{a: {selected}}}}}, " if selected else ""
    parts = ", ".join(filter(None, ["containers: [{name: c, image: i}]", spec]))
    return f"{selector}template: {{metadata: {{labels: {{a: b}}}}, spec: {{{parts}}}}}"


def policy(spec: str) -> str:
    return POLICY + "spec:\n" + "".join(f"  {line}\n" for line in spec.splitlines())


def test_all_inputs_are_expected() -> None:
    names = {path.stem for path in (DATA / "refused").iterdir()}
    assert names == {*REFUSED, *SYNTAX}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_server_refuses(name: str) -> None:
    path = DATA / "refused" / f"{name}.yaml"
    line, field, reason = REFUSED[name]
    first = error_of(path).splitlines()[0]
    assert first.startswith(f"{path}:{line}: "), first
    assert f": {field}: " in first and reason in first, first


@pytest.mark.parametrize("name", SYNTAX)
def test_what_is_no_yaml(name: str) -> None:
    path = DATA / "refused" / f"{name}.yaml"
    assert error_of(path).startswith(f"{path}: {SYNTAX[name]}")


@pytest.mark.parametrize("name", ["strpeer", "helm", "reclist"])
def test_the_program_gives_no_verdict(name: str) -> None:
    files = [str(DATA / "base.yaml"), str(DATA / "refused" / f"{name}.yaml")]
    arguments = [word for file in files for word in ("-f", file)]
    asked = ("--from", "shop/web", "--to", "shop/db", "--port", "5432")
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "policy", *arguments, *asked],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr and f"{name}.yaml" in done.stderr


# --- forms that are read


def test_a_list_of_kubectl_get_with_managed_fields_and_unquoted_timestamps() -> None:
    found = manifests.read([DATA / "managed.yaml"])
    assert only(found.rows["networkpolicies"]).name == "p"
    pod = only(found.rows["pods"])
    assert (pod.name, pod.ip, pod.created) == ("c", "10.1.0.2", 1704067200.0)


def test_a_directory_is_read_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one.yml").write_text(
        "{apiVersion: v1, kind: Namespace, metadata: {name: a}}"
    )
    (tmp_path / "a" / "b" / "two.json").write_text(
        '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}'
    )
    (tmp_path / "a" / "notes.txt").write_text("not read")
    assert manifests.read([tmp_path]).known_namespaces == {"a", "b"}
    (tmp_path / "empty").mkdir()
    assert "holds no manifest" in error_of(tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "tool"), [("kustomization.yaml", "kubectl kustomize"), ("Chart.yaml", "helm template")]
)
def test_input_of_another_tool_is_refused(tmp_path: Path, name: str, tool: str) -> None:
    (tmp_path / name).write_text("resources: [a.yaml]")
    (tmp_path / "a.yaml").write_text("{apiVersion: v1, kind: Namespace, metadata: {name: a}}")
    for path in (tmp_path, tmp_path / name):
        assert f"{tool} {tmp_path} | podwire policy -f -" in error_of(path)


def test_a_kustomization_by_another_name_is_refused(tmp_path: Path) -> None:
    text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]"
    assert "what `kubectl kustomize` prints of it" in refusal(tmp_path, text)


def test_the_status_of_a_policy_is_read(tmp_path: Path) -> None:
    conditions = "status: {conditions: [{type: Ready, status: 'True'}]}\n"
    assert len(read(tmp_path, policy("podSelector: {}") + conditions).rows["networkpolicies"]) == 1
    calico = (
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {}\n"
    )
    assert len(read(tmp_path, calico + conditions).foreign) == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO(b"\xef\xbb\xbfapiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data))
    assert manifests.read([Path("-")]).known_namespaces == {"a"}


def test_json_documents_after_one_another(tmp_path: Path) -> None:
    one = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    text = json.dumps(one) + json.dumps(one).replace('"a"', '"b"') + "\n"
    assert read(tmp_path, text, "json").known_namespaces == {"a", "b"}
    typed = {"apiVersion": "v1", "kind": "NamespaceList", "items": [{"metadata": {"name": "c"}}]}
    assert read(tmp_path, json.dumps(typed), "json").known_namespaces == {"c"}


def test_errors_in_json_have_the_line_of_their_field(tmp_path: Path) -> None:
    item = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 0}]}]},
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]}, indent=1)
    number = text[: text.index('"port": 0')].count("\n") + 1
    assert refusal(tmp_path, text, "json").startswith(
        f"F:{number}: NetworkPolicy p: spec.egress[0].ports[0].port: "
    )
    twice = '{"kind": "Pod",\n "metadata": {"name": "a",\n  "name": "b"}}'
    assert refusal(tmp_path, twice, "json").startswith("F: line 3, column 3: the key 'name' is")
    assert refusal(tmp_path, '{"a": ', "json").startswith("F: line 1, column 7: not JSON")


READ_AND_TIME = """
import pathlib, sys, time
from collectors import manifests
began = time.process_time()
found = manifests.read([pathlib.Path(sys.argv[1])])
print(len(found.rows["pods"]), time.process_time() - began)
"""


@pytest.mark.slow
def test_eighteen_megabytes_of_json_in_under_two_seconds(tmp_path: Path) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "shop",
            "uid": "u",
            "labels": {"app": "a"},
            "managedFields": [{"fieldsV1": {"f:spec": {f"f:{n}": {} for n in range(100)}}}],
        },
        "spec": {
            "containers": [
                {"name": "c", "image": "i", "env": [{"name": f"V{n}"} for n in range(50)]}
            ]
        },
    }
    text = json.dumps(pod, indent=4)
    items = [text.replace('"p"', f'"p{n}"', 1) for n in range(18_000_000 // len(text) + 1)]
    path = tmp_path / "pods.json"
    path.write_text('{"apiVersion": "v1", "kind": "List", "items": [' + ",\n".join(items) + "]}")
    assert path.stat().st_size > 18_000_000
    done = subprocess.run(  # a process of its own, as podwire is: this one is full of objects
        [sys.executable, "-c", READ_AND_TIME, path], capture_output=True, text=True, check=True
    )
    count, seconds = done.stdout.split()
    assert int(count) == len(items) and float(seconds) < 2


def test_anchors_merges_and_words_are_those_of_kubectl(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n"
        "  annotations: &x {at: 2024-01-01, time: 2024-01-01T00:00:00Z, clock: 10:30:00}\n"
        "  labels:\n    <<: *x\n    clock: '1'\n    time: noon\n    1: 'yes'\n",
    )
    labels = dict(only(found.rows["namespaces"]).labels)
    assert labels == {
        "at": "2024-01-01",
        "clock": "1",
        "time": "noon",
        "1": "yes",
        "kubernetes.io/metadata.name": "a",
    }
    assert (
        "labels[a]"
        in (
            said := refusal(
                tmp_path, "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {a: yes}}"
            )
        )
        or "labels.a" in said
    )
    assert "need quotes" in said


# --- bounds


def test_deep_nesting_ends_with_a_sentence(tmp_path: Path) -> None:
    assert "nested deeper than 100 levels" in refusal(tmp_path, "[" * 200_000, "json")
    assert "nested deeper than 100 levels" in refusal(tmp_path, "a: " + "[" * 200_000)
    assert "F: " in refusal(tmp_path, '{"a":' * 5_000, "json")
    for levels in (101, 900, 5_000):  # complete: some versions of Python read them
        text = '{"a":' * levels + "1" + "}" * levels
        assert "nested deeper than 100 levels" in refusal(tmp_path, text, "json")
    assert "nested" not in refusal(tmp_path, '{"a":' * 100 + "1" + "}" * 100, "json")
    deep = "".join(f"{' ' * n}a:\n" for n in range(300))
    assert "nested deeper than 100 levels" in refusal(tmp_path, deep)


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases expanded" in refusal(tmp_path, "\n".join(lines))


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.manifests.sources.LARGEST", 1 << 20)
    path = tmp_path / "m.yaml"
    path.write_text("#" * (1 << 21))
    assert "is larger than" in error_of(path)


def test_yaml_is_bounded_before_json_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.manifests.reading.LARGEST_YAML", 1 << 20)
    namespace = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}'
    text = namespace + " " * (1 << 20)
    assert read(tmp_path, text, "json").known_namespaces == {"a"}
    assert "give it as JSON (`kubectl get -o json`)" in refusal(tmp_path, f"---\n{text}")


# --- objects


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("just text", "an object must be a mapping, not the text 'just text'"),
        ("- a", "an object must be a mapping, not a list"),
        ("a: 1", "it has no apiVersion"),
        ("apiVersion: v1", "it has no kind"),
        ("apiVersion: v1\nkind: [Pod]", "kind: must be text, not a list"),
        ("apiVersion: v1\nkind: List\nitems: {a: 1}", "items: must be a list, not a mapping"),
        ("apiVersion: v1\nkind: List\nitems: [null]", "items[0]: an object must be a mapping"),
        ("apiVersion: extensions/v1beta1\nkind: NetworkPolicy", "not served since Kubernetes 1.22"),
        ("apiVersion: v1\nkind: Pod\nkind: Pod", "the key 'kind' is already set"),
        ("? {a: b}\n: c", "a key must be text"),
        ("a: !python/object x", "has no meaning in a manifest"),
        ("a: b: c", "line 1, column 5: not YAML: mapping values are not allowed"),
        ("", "There is no object"),
        ("---\n---\n", "There is no object"),
        ("a: \x01", "a character that YAML does not allow"),
        ("{{- if .Values.x }}\nkind: Pod\n{{- end }}", "line 1, column 1: a Helm template"),
    ],
)
def test_what_is_no_object(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ("kind: Pod\nspec: {hostnetwork: true}", "spec.hostnetwork", "perhaps hostNetwork"),
        ("kind: Pod\nspec: {hostNetwork: 'true'}", "spec.hostNetwork", "must be true or false"),
        ("kind: Pod\nspec: {containers: [{name: c, ports: [{containerPort: '80'}]}]}",
         "spec.containers[0].ports[0].containerPort", "must be a whole number"),
        ("kind: Pod\nspec: {containers: [{name: c, ports: [{containerPort: 80, hostPort: 99999}]}]}",
         "spec.containers[0].ports[0].hostPort", "must be between 1 and 65535"),
        ("kind: Pod\nspec: {hostNetwork: true, containers: [{name: c, ports: "
         "[{containerPort: 80, hostPort: 81}]}]}",
         "spec.containers[0].ports[0].hostPort", "must be the containerPort (80)"),
        ("kind: Pod\nstatus: {podIP: 10.1.0}", "status.podIP", "is not an IP address"),
        ("kind: Service\nspec: {ports: [{port: 80, targetPort: 0x1ffff}]}",
         "spec.ports[0].targetPort", "must be between"),
        ("kind: Service\nspec: {clusterIP: none, ports: [{port: 80}]}", "spec.clusterIP", "not an IP"),
        ("kind: Service\nspec: {ports: [{port: 80}, {port: 81}]}", "spec.ports[0].name", "required"),
        ("kind: Service\nspec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.1], "
         "ports: [{port: 80}]}", "spec.loadBalancerSourceRanges[0]", "is not a CIDR"),
        ("kind: Service\nspec: {type: Clusterip, ports: [{port: 80}]}", "spec.type", "ClusterIP"),
        ("kind: Endpoints\nsubsets: [{addresses: [{ip: x}]}]", "subsets[0].addresses[0].ip", "not an IP"),
        ("kind: Namespace\nspec: 5", "spec", "must be a mapping, not 5"),
        ("kind: Namespace\nmetadata: {name: A_b}", "metadata.name", "not a DNS"),
        ("kind: Node\nspec: {podCIDRs: [10.1.0.0]}", "spec.podCIDRs[0]", "is not a CIDR"),
        ("kind: Pod\nmetadata: {name: p, labels: {a: 1}}", "metadata.labels.a", "must be text"),
        ("kind: Pod\nmetadata: {name: p, labels: {'a b': x}}", "metadata.labels[a b]", "label key"),
        ("kind: Pod\nmetadata: {name: p, lables: {}}", "metadata.lables", "perhaps labels"),
    ],
)  # fmt: skip
def test_core_kinds(tmp_path: Path, body: str, field: str, reason: str) -> None:
    metadata = "" if "metadata" in body else "\nmetadata: {name: p}"
    said = refusal(tmp_path, f"apiVersion: v1\n{body}{metadata}")
    assert f": {field}: " in said and reason in said, said


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("egress: [{ports: [{port: 80, endPort: 65536}]}]", "spec.egress[0].ports[0].endPort"),
        ("egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]",
         "spec.egress[0].to[0].ipBlock.except[0]"),
        ("egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]",
         "spec.egress[0].to[0].ipBlock.except[0]"),
        ("egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: ['2001:db8::/64']}}]}]",
         "spec.egress[0].to[0].ipBlock.except[0]"),
        ("egress: [{to: [{ipBlock: {}}]}]", "spec.egress[0].to[0].ipBlock.cidr"),
        ("egress: [{to: [{ipBlock: {cidr: 10.0.0.1}}]}]", "spec.egress[0].to[0].ipBlock.cidr"),
        ("egress: [null]", "spec.egress[0]"),
        ("policyTypes: [ingress]", "spec.policyTypes[0]"),
        ("policyTypes: Ingress", "spec.policyTypes"),
        ("podSelector: {matchExpressions: [{key: a, operator: In}]}",
         "spec.podSelector.matchExpressions[0].values"),
        ("podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
         "spec.podSelector.matchExpressions[0].values"),
        ("podSelector: {matchLabels: {a: true}}", "spec.podSelector.matchLabels.a"),
        ("podSelector: {matchLabels: {a: '-b'}}", "spec.podSelector.matchLabels.a"),
        ("ingress: [{from: [{namespaceSelector: {app: x}}]}]",
         "spec.ingress[0].from[0].namespaceSelector.app"),
    ],
)  # fmt: skip
def test_policies(tmp_path: Path, spec: str, field: str) -> None:
    assert f"NetworkPolicy shop/p: {field}: " in refusal(tmp_path, policy(spec))


def test_what_a_server_printed_may_have_fields_of_its_time(tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p%s}\n"
    pod += "spec: {fieldOfTomorrow: 1, containers: [{name: c, image: i}]}\n"
    assert "unknown field" in refusal(tmp_path, pod % "")
    assert only(read(tmp_path, pod % ", uid: u").rows["pods"]).name == "p"
    assert "fieldOfTomorrow: unknown field" in refusal(
        tmp_path, policy("fieldOfTomorrow: 1").replace("name: p", "name: p, uid: u")
    ), "what a policy says decides"


def test_kind_and_api_version_decide(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\n"
        "metadata: {name: deny, namespace: shop, labels: {a: b}}\n"
        "spec: {order: 10, selector: app == 'db', ingress: [{action: Deny}]}\n---\n"
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: s, namespace: shop}\n"
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c}\n"
        "specs: [{endpointSelector: {}, egress: []}]\n---\n"
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
        "metadata: {name: k}\nspec: {tier: Admin, priority: 1, subject: {namespaces: {}}}\n",
    )
    assert not any(found.rows.values())
    assert [(row.api_version, row.object_kind, row.namespace) for row in found.foreign] == [
        ("projectcalico.org/v3", "NetworkPolicy", "shop"),
        ("cilium.io/v2", "CiliumNetworkPolicy", "default"),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", ""),
    ]
    assert found.foreign[0].spec["ingress"] == [{"action": "Deny"}]
    assert found.foreign[1].spec == {"specs": [{"endpointSelector": {}, "egress": []}]}
    assert found.others == {("serving.knative.dev/v1", "Service"): ("shop/s",)}


def test_workloads_stand_for_their_pods(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "\n---\n".join(
            f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {kind.lower()}}}\nspec: {spec}"
            for version, kind, spec in (
                ("apps/v1", "Deployment", f"{{replicas: 0, {template()}}}"),
                ("apps/v1", "StatefulSet", f"{{replicas: 3, {template()}}}"),
                ("apps/v1", "DaemonSet", f"{{{template('hostNetwork: true')}}}"),
                ("batch/v1", "Job", f"{{suspend: true, {template(ONCE, '')}}}"),
                (
                    "batch/v1",
                    "CronJob",
                    "{schedule: '@daily', jobTemplate: {spec: "
                    f"{{parallelism: 2, {template(ONCE, '')}}}}}}}",
                ),
            )
        ),
    )
    rows = [row for row in found.rows["pods"] if isinstance(row, PodRow)]
    assert [(row.workload, row.replicas, row.ip) for row in rows] == [
        ("Deployment/deployment", 0, ""),
        *[("StatefulSet/statefulset", 1, "")] * 3,
        ("DaemonSet/daemonset", 1, ""),
        ("Job/job", 0, ""),
        ("CronJob/cronjob", 2, ""),
    ]
    assert (rows[0].labels, rows[4].host_network) == ((("a", "b"),), True)
    selector = f"{{{template('', 'c')}}}"
    said = refusal(
        tmp_path, f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec: {selector}"
    )
    assert "spec.selector: does not match the labels of the template" in said


def test_endpoints_stand_for_slices_where_there_are_none(tmp_path: Path) -> None:
    endpoints = (
        "apiVersion: v1\nkind: Endpoints\nmetadata: {name: s}\nsubsets:\n"
        "- {addresses: [{ip: 10.1.0.1}], ports: [{port: 80}]}\n"
        "- {notReadyAddresses: [{ip: 10.1.0.2}], ports: [{port: 81}]}\n"
    )
    rows: Any = read(tmp_path, endpoints).rows["endpointslices"]
    assert [(row.name, row.ready, row.not_ready) for row in rows] == [
        ("s-0", ("10.1.0.1",), ()),
        ("s-1", (), ("10.1.0.2",)),
    ]
    slices = (
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        "metadata: {name: s-x, labels: {kubernetes.io/service-name: s}}\n"
    )
    assert only(read(tmp_path, endpoints + slices).rows["endpointslices"]).name == "s-x"


def test_of_two_of_one_name_the_later_counts(tmp_path: Path) -> None:
    first, second = policy("podSelector: {}"), policy("podSelector: {matchLabels: {a: b}}")
    row = only(read(tmp_path, f"{first}---\n{second}").rows["networkpolicies"])
    assert json.loads(row.spec) == {"podSelector": {"matchLabels": {"a": "b"}}}


def test_several_problems_are_named_at_once(tmp_path: Path) -> None:
    ports = ", ".join("{port: 0}" for _ in range(15))
    said = refusal(tmp_path, policy(f"ingress: [{{ports: [{ports}]}}]")).splitlines()
    assert len(said) == 11 and said[-1] == "… and more"


def test_what_is_hostile_is_shown_safely(tmp_path: Path) -> None:
    name = json.dumps("\x1b]0;x\x07")
    said = refusal(tmp_path, f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, {name}: 1}}")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said)


def test_yaml_agrees_with_pyyaml_where_both_mean_the_same(tmp_path: Path) -> None:
    text = (DATA / "base.yaml").read_text()
    path = tmp_path / "b.yaml"
    path.write_text(yaml.safe_dump_all(yaml.safe_load_all(text), default_flow_style=False))
    assert manifests.read([path]) == manifests.read([DATA / "base.yaml"])


def test_generated_names_begin_as_they_are_written(tmp_path: Path) -> None:
    text = policy("{podSelector: {}}")
    made = text.replace("metadata: {", "metadata: {generateName: p-, ").replace("name: p,", "")
    rows = read(tmp_path, f"{made}\n---\n{made}").rows["networkpolicies"]
    assert [row.name for row in rows] == ["p-*", "p-*"]
