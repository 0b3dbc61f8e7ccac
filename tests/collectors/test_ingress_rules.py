"""Each rule for Ingresses, and the nearest that is accepted."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused

BACKEND = "backend: {service: {name: a, port: {number: 80}}}"


def ingress(spec: str) -> dict[str, str]:
    return refused("networking.k8s.io/v1", "Ingress", f"spec: {{{spec}}}")


def path(text: str) -> dict[str, str]:
    return ingress(f"rules: [{{http: {{paths: [{{{text}}}]}}}}]")


PATH = "spec.rules[0].http.paths[0]"


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (f"path: /, {BACKEND}", "pathType", "is required"),
        (f"path: /, pathType: prefix, {BACKEND}", "pathType", "perhaps Prefix"),
        (f"pathType: Prefix, {BACKEND}", "path", "must begin with /"),
        (f"path: a, pathType: ImplementationSpecific, {BACKEND}", "path", "must begin with /"),
        (f"path: /a//b, pathType: Exact, {BACKEND}", "path", "must not have // in it"),
        (f"path: /a/.., pathType: Exact, {BACKEND}", "path", "must not have /.. in it"),
        ("path: /, pathType: Exact", "backend", "either a service or a resource"),
        ("path: /, pathType: Exact, backend: {service: {port: {number: 80}}}",
         "backend.service.name", "is required"),
        ("path: /, pathType: Exact, backend: {service: {name: 1a, port: {number: 80}}}",
         "backend.service.name", "begin with a letter"),
        ("path: /, pathType: Exact, backend: {service: {name: a}}",
         "backend.service.port", "either a name or a number"),
        ("path: /, pathType: Exact, backend: {service: {name: a, port: {number: 80, name: b}}}",
         "backend.service.port", "either a name or a number"),
        ("path: /, pathType: Exact, backend: {service: {name: a, port: {number: 70000}}}",
         "backend.service.port.number", "between"),
    ],
)  # fmt: skip
def test_what_a_path_may_not_have(text: str, field: str, reason: str) -> None:
    found = path(text)
    assert reason in found.get(f"{PATH}.{field}", ""), found


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ("rules: []", "spec", "needs rules or a defaultBackend"),
        ("rules: [{host: 192.0.2.1}]", "spec.rules[0].host", "is an address"),
        ("rules: [{host: 'a.*.example'}]", "spec.rules[0].host", "not a DNS name"),
        ("rules: [{http: {paths: []}}]", "spec.rules[0].http.paths", "is required"),
        ("rules: [{}], tls: [{hosts: [A]}]", "spec.tls[0].hosts[0]", "not a DNS name"),
        ("rules: [{}], ingressClassName: A", "spec.ingressClassName", "not a DNS name"),
    ],
)
def test_what_is_refused(spec: str, field: str, reason: str) -> None:
    found = ingress(spec)
    assert reason in found.get(field, ""), found


def test_a_class_is_named_once() -> None:
    key = "kubernetes.io/ingress.class"
    text = f"metadata: {{name: a, annotations: {{{key}: b}}}}\nspec: {{ingressClassName: c, rules: [{{}}]}}"
    found = refused("networking.k8s.io/v1", "Ingress", text)
    assert found == {f"metadata.annotations[{key}]": "must be the ingressClassName (c)"}


@pytest.mark.parametrize(
    "spec",
    [
        "defaultBackend: {service: {name: a, port: {name: http}}}",
        "rules: [{host: '*.example.com'}]",
        "rules: [{}], tls: [{hosts: ['*.example.com', 192.0.2.1], secretName: ''}]",
        f"rules: [{{http: {{paths: [{{pathType: ImplementationSpecific, {BACKEND}}}]}}}}]",
        f"rules: [{{http: {{paths: [{{path: '/a(/|$)', pathType: Prefix, {BACKEND}}}]}}}}]",
        "defaultBackend: {resource: {kind: StorageBucket, name: a}}",
    ],
)
def test_what_is_accepted(spec: str) -> None:
    assert ingress(spec) == {}
