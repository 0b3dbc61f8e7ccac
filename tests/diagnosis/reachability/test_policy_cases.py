"""Questions that once got a wrong answer, by the manifests in tests/data/policy: the verdict and
what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from collectors.errors import ConfigError
from collectors.events import PodRow
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.reachability.written_ends import Unknown
from session.path_text import word
from tests.support.reachability import ask, cluster_of_files

DATA = Path(__file__).parent.parent.parent / "data" / "policy"

# file (+ for base.yaml beside it), from, to, port, verdict, what is said
Case = tuple[str, str, str, str, str, str]
CASES: list[Case] = [
    ("+01-calico", "shop/web", "shop/db", "5432", "denied", "rule 0 of Calico NetworkPolicy"),
    ("+01b-calico", "shop/web", "shop/db", "5432", "allowed", "no policy selects it"),
    ("+02-admin", "shop/web", "shop/db", "5432", "denied", "AdminNetworkPolicy deny"),
    ("+02-cilium", "shop/web", "shop/db", "5432", "denied", "CiliumNetworkPolicy shop/deny"),
    ("05", "default/client", "svc/default/svc-chroma", "80", "allowed", "no container declares"),
    ("05", "default/client", "svc/default/svc-chroma", "8000", "allowed", "not translated"),
    ("+06", "shop/web", "svc/shop/db", "80", "allowed", "assigned when it is created"),
    ("+07", "shop/web", "svc/shop/db", "90", "denied", "no EndpointSlice has a port named 'b'"),
    ("+07", "shop/web", "svc/shop/db", "80", "allowed", "to targetPort pg"),
    ("+08", "shop/web", "shop/api", "8000", "allowed", "ipBlock 0.0.0.0/0"),
    ("+08", "shop/web", "svc/shop/extip", "5432", "denied", "there is no such Service"),
    ("+08", "shop/web", "svc/shop/ext", "443", "allowed", "a CNAME to api.example.com"),
    ("09", "site/wp", "svc/site/wp-site", "80", "allowed", "a CNAME to wp.example.com"),
    ("09", "site/wp", "svc/site/wp-site", "443", "denied", "wp.example.com:443"),
    ("10", "192.168.5.2", "shop/db", "5432", "allowed", "a node may always reach its own pods"),
    ("10", "192.168.5.1", "shop/db", "5432", "denied", "shop/in isolates shop/db"),
    ("10", "fd00:5::2", "shop/db", "5432", "denied", "no address family in common"),
    ("10", "203.0.113.9", "192.168.5.1", "30433", "denied", "which drops it"),
    ("10", "2001:db8::9", "fd00:5::1", "30433", "denied", "Service shop/np"),
    ("11", "203.0.113.50", "198.51.100.10", "80", "denied", "masquerades it"),
    ("11", "203.0.113.50", "192.168.0.1", "30080", "denied", "masquerades it"),
    ("11", "203.0.113.50", "192.168.0.2", "30080", "allowed", "its own pods"),
    ("+12", "shop/web", "svc/shop/v6", "80", "denied", "of IPv6 alone (ipFamilies), and shop/web"),
    ("+12", "shop/web", "2001:db8::1", "80", "denied", "no address family in common"),
    ("13", "team/cli", "svc/prod/api", "80", "denied", "replicas: 0"),
    ("14", "203.0.113.9", "192.168.5.1", "443", "denied", "hostPort of ingress/ing"),
    ("14", "192.168.5.1", "ingress/ing", "8443", "allowed", "its own pods"),
    ("15", "prod/a", "127.0.0.1", "6000", "allowed", "loopback is never policed"),
    ("15", "prod/a", "localhost", "6000", "allowed", "loopback is never policed"),
    ("+17", "shop/job1", "shop/db", "5432", "denied", "it has ended: Succeeded"),
    ("18", "prod/c", "svc/prod/s", "80", "allowed", "terminating and still serving"),
    ("19-host", "ingress-nginx/ctl2", "frontend/fe", "80", "denied", "on the host's network: selec"),
    ("19b", "dmz/ing", "svc/default/kubernetes", "443", "denied", "policies see 192.168.49.201:6443"),
    ("19c", "default/c", "default/tomcat", "8080", "denied", "lacks project=default (it has"),
    ("19d", "x/backend", "svc/x/db1", "80", "denied", "the Service's: policies see the pod's"),
    ("+20", "shop/web", "svc/data/ext", "80", "denied", "no EndpointSlice has a port"),
    ("+21", "shop/web", "svc/shop/alias", "443", "denied", "as a CNAME no resolver follows it"),
    ("+22", "shop/web", "data/f", "80", "denied", "Pending and has no address yet"),
    ("+43", "shop/dn", "named.shop.svc.cluster.local", "80", "unknown", "(dnsPolicy Default)"),
    ("+43", "shop/own", "named.shop.svc.cluster.local", "80", "unknown", "asks 8.8.8.8"),
    ("+43", "shop/hn", "named.shop.svc.cluster.local", "80", "unknown", "on the host's network"),
    ("+43", "shop/dn", "svc/shop/named", "80", "allowed", "10.96.0.77"),
    ("+43", "shop/web", "named.shop.svc.cluster.local", "80", "allowed", "10.96.0.77"),
    ("+43", "203.0.113.4", "10.96.0.77", "80", "unknown", "usually not routed"),
    ("+44", "shop/web", "shop/db", "5432", "denied", "(deny) of CiliumNetworkPolicy shop/p"),
    ("+45", "shop/web", "svc/shop/short", "5432", "unknown", "would be db2.shop.svc.cluster.local"),
    ("+45", "shop/web", "svc/shop/svc", "5432", "unknown", "without search domains"),
    ("+45", "shop/web", "svc/shop/whole", "5432", "allowed", "a CNAME to Service shop/db2"),
    ("+46", "shop/web", "svc/shop/m", "80", "denied", "none is ready"),
]  # fmt: skip

# beside two-nodes.yaml
CLIENT = "203.0.113.9"
OF_TWO_NODES: list[Case] = [
    ("50", CLIENT, "198.51.100.7", "443", "allowed", "Service data/s2:443/TCP"),
    ("50", CLIENT, "198.51.100.7", "80", "allowed", "Service data/s:80/TCP"),
    ("50", CLIENT, "198.51.100.7", "80/UDP", "denied", "no Service has port 80/UDP at it (data/s: 80"),
    ("51-", CLIENT, "192.168.5.1", "22", "allowed", "port 22 of node/n1"),
    ("51-", CLIENT, "192.168.5.1", "30001", "allowed", "port 30001 of node/n1: Service data/s:80/TCP"),
    ("51-", "shop/web", "192.168.5.1", "10250", "allowed", "egress to node/n1:10250/TCP"),
    ("51-", CLIENT, "192.168.5.1", "80", "allowed", "Service data/s:80/TCP: 192.168.5.1"),
    ("51b", CLIENT, "192.168.5.1", "22", "allowed", "port 22 of node/n1"),
    ("51c", CLIENT, "192.168.5.1", "5432", "allowed", "Service data/b:5432/TCP"),
    ("51c", CLIENT, "192.168.5.2", "30002", "allowed", "port 30002 of node/n2: Service data/b"),
    ("51d", CLIENT, "svc/data/lb", "web", "unknown", "192.168.5.1: denied, 192.168.5.2: allowed"),
    ("51d", CLIENT, "192.168.5.2", "web", "allowed", "Service data/lb:80/TCP: 192.168.5.2"),
    ("51d", CLIENT, "192.168.5.1", "80", "denied", "0 ready on node/n1, which drops it"),
    ("52", "shop/web", "svc/data/s", "80", "denied", "none of its EndpointSlices is of IPv4"),
    ("52", "shop/web", "10.96.0.60", "80", "denied", "none of its EndpointSlices is of IPv4"),
    ("53-", "shop/web", "svc/data/s", "80", "denied", "data/d isolates data/gone for ingress"),
    ("53-", CLIENT, "10.244.2.77", "5432", "denied", "data/d isolates data/gone for ingress"),
    ("53b", "shop/web", "svc/data/s", "80", "allowed", "rule 0 of shop/e allows it"),
    ("54-", "shop/web", "10.244.2.99", "80", "unknown", "it is in n2's range for pods, and no pod"),
    ("54-", "10.244.2.99", "data/db", "5432", "unknown", "it is in n2's range for pods"),
    ("54b", "shop/web", "10.244.2.99", "80", "unknown", "it is in n2's range for pods"),
    ("55-", "shop/web", "svc/data/s", "80", "denied", "data/d isolates data/db for ingress"),
    ("55-", "shop/web", "10.96.0.50", "80", "denied", "data/d isolates data/db for ingress"),
    ("55b", "shop/web", "svc/data/s", "80", "denied", "no selector and no EndpointSlice"),
    ("56", CLIENT, "192.168.5.77", "30080", "unknown", "of which Service data/s has port 30080"),
    ("56", CLIENT, "192.168.5.77", "30081", "allowed", "it is not a pod"),
    ("57-", "shop/web", "svc/data/s", "80", "allowed", "1 terminating and still serving: db"),
    ("57b", "shop/web", "svc/data/tt", "80", "allowed", "1 terminating and still serving: tt"),
    ("58-", "shop/web", "svc/data/s", "80", "denied", "data/fin has ended (Succeeded)"),
    ("58b", "shop/web", "svc/data/s", "80", "denied", "egress to 203.0.113.50:5432/TCP"),
    ("59", "shop/cl", "fd00:2::31", "80", "denied", "data/d isolates data/v for ingress"),
    ("60-", "shop/cl", "mydb.local", "5432", "denied", "10.244.2.6, by hostAliases of shop/cl"),
    ("60-", "shop/cl", "MyDB.local.", "5432", "denied", "DNS is not asked"),
    ("60b", "shop/cl", "mydb.local", "5432", "allowed", "10.244.2.6, by hostAliases of shop/cl"),
    ("60b", "shop/web", "mydb.local", "5432", "denied", "egress to mydb.local:5432/TCP"),
    ("61-", "shop/web", "192.168.5.2", "30080", "unknown", "Cilium may translate the destination"),
    ("61b", "shop/web", "192.168.5.2", "30080", "unknown", "Cilium may translate the destination"),
    ("61c", CLIENT, "192.168.5.1", "30080", "unknown", "depends on the network plugin"),
    ("61-", "shop/web", "192.168.5.1", "30080", "unknown", "Cilium may translate the destination"),
    ("62-", "shop/web", "192.168.5.2", "443", "unknown", "natOutgoing"),
    ("62-", CLIENT, "192.168.5.2", "443", "denied", "the source is kept"),
    ("62b", "shop/web", "192.168.5.2", "30080", "unknown", "natOutgoing"),
    ("63", "shop/web", "node/n1", "10250", "unknown", "to its own node a pod may always connect"),
    ("63", "shop/web", "shop/hn", "8081", "unknown", "to its own node a pod may always connect"),
    ("63", "shop/web", "node/n2", "10250", "denied", "shop/e isolates shop/web"),
    ("64", "data/db", "svc/data/db", "5432", "unknown", "by its Service some network plugins"),
    ("64", "data/db", "data/db", "5432", "allowed", "a pod may always reach itself"),
    ("65", "shop/web", "svc/kube-system/kube-dns", "dns", "allowed", "kube-dns:53/UDP"),
    ("65", "shop/web", "svc/kube-system/kube-dns", "dns/TCP", "denied", "it has no port dns/TCP"),
    ("65", "shop/web", "kube-system/coredns", "dns", "allowed", "coredns:53/UDP"),
    ("66", CLIENT, "192.168.5.2", "443", "denied", "on port 443, which is the node's (hostPort)"),
    ("67", "shop/web", "svc/data/a", "443", "unknown", "which every cluster has"),
    ("67", "shop/web", "svc/default/kubernetes", "443", "unknown", "which every cluster has"),
    ("67", "shop/web", "kubernetes.default", "443", "unknown", "which every cluster has"),
    ("67", "shop/web", "db.dta", "5432", "unknown", "Service db is in data; there is data"),
    ("67", "shop/web", "example.com", "443", "allowed", "egress to example.com:443/TCP"),
    ("67", "shop/web", "db.data.svc.corp.example.com", "5432", "unknown", "corp.example.com is the"),
    ("67", "shop/web", "db.data.svc.cluster.locl", "5432", "unknown", "cluster.locl is the domain"),
    ("67", "shop/web", "db.data.svc.cluster.local.", "5432", "allowed", "Service data/db:5432/TCP"),
    ("68", "shop/cl", "svc/data/s", "80", "denied", "not allowed over IPv4, allowed over IPv6"),
    ("69", "shop/web", "svc/data/db", "5432", "denied", "policies see 10.244.1.5"),
    ("70", CLIENT, "192.168.5.1", "9100", "denied", "Calico HostEndpoint he denies it"),
    ("70", CLIENT, "192.168.5.1", "22", "unknown", "22/TCP is a failsafe port of Felix"),
    ("70", CLIENT, "192.168.5.2", "9100", "allowed", "ingress at node/n2"),
    ("70", "shop/web", "192.168.5.1", "9100", "unknown", "between a node and its own pods"),
    ("70", "node/n1", CLIENT, "443", "denied", "Calico HostEndpoint he denies it"),
    ("71-", CLIENT, "192.168.5.1", "30080", "unknown", "drop-nodeports is for what host endpoints"),
    ("71b", CLIENT, "data/db", "5432", "unknown", "fwd is for what host endpoints forward"),
    ("71b", "data/db", "data/db", "5432", "allowed", "a pod may always reach itself"),
    ("72", "shop/web", "data/db", "5432", "unknown", "whose tunnel goes to port 15008"),
    ("72", CLIENT, "data/db", "5432", "allowed", "rule 0 of data/e allows it"),
    ("73", "shop/web", "svc/data/h", "pg", "allowed", "egress to data/db:5432/TCP"),
    ("73", "shop/web", "svc/data/h", "80", "denied", "and this is 80/TCP"),
    ("74", "shop/web", "svc/data/s", "80", "denied", "kube-proxy passes over it"),
    ("75", "shop/web", "db.data", "5432", "denied", "coredns, which has ended (Failed)"),
    ("76", CLIENT, "svc/data/s", "30080", "denied", "30080 is its node port: ask for a node"),
    ("77", "shop/web", "10.244.2.90", "80", "unknown", "data/a1 and data/a2 both have 10.244.2.90"),
    ("77", "shop/web", "data/a1", "80", "allowed", "no policy selects it"),
    ("78", CLIENT, "192.168.5.1", "30080", "denied", "whether policies see 203.0.113.9 or node/n1"),
]  # fmt: skip


def files(name: str) -> list[Path]:
    found = sorted(DATA.glob(f"{name.lstrip('+')}*.yaml"))[:1]
    assert found, name
    return [DATA / "base.yaml", *found] if name.startswith("+") else found


@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]} {c[2]}:{c[3]}" for c in CASES])
def test_the_verdict_and_its_reason(case: Case) -> None:
    name, source, destination, port, verdict, said = case
    answer = ask(cluster_of_files(files(name)), source, destination, port)
    text = "\n".join(f"{step.what}: {step.reason}" for step in answer.path)
    assert answer.verdict == verdict, text
    assert said in text


@pytest.mark.parametrize("case", OF_TWO_NODES, ids=[f"{c[0]} {c[2]}:{c[3]}" for c in OF_TWO_NODES])
def test_a_cluster_of_two_nodes(case: Case) -> None:
    name, source, destination, port, verdict, said = case
    cluster = cluster_of_files([DATA / "two-nodes.yaml", *files(name)])
    answer = ask(cluster, source, destination, port)
    text = "\n".join(f"{step.what}: {step.reason}" for step in answer.path)
    assert answer.verdict == verdict, text
    assert said in text


def test_the_name_of_a_srv_record_is_no_end() -> None:
    name = "_pg._tcp.db.data.svc.cluster.local"
    with pytest.raises(Unknown, match=r"write db\.data\.svc\.cluster\.local and --port pg/TCP"):
        ask(cluster_of_files([DATA / "two-nodes.yaml"]), "shop/web", name, "5432")


def test_denied_to_one_endpoint_and_not_known_of_the_other() -> None:
    """It may be that some connections get through."""
    cluster = cluster_of_files([DATA / "two-nodes.yaml", *files("78")])
    answer = ask(cluster, CLIENT, "192.168.5.1", "30080")
    assert (answer.verdict, answer.partly) == ("denied", True)
    assert word(answer) == "allowed to some endpoints at most"


def test_one_service_has_one_answer() -> None:
    """By a load balancer any node receives it; the one that runs the pod lets it in."""
    answer = ask(cluster_of_files(files("11")), "203.0.113.50", "198.51.100.10", "80")
    assert answer.partly and not answer.allowed


def test_a_knative_service_is_no_service() -> None:
    with pytest.raises(Unknown):
        ask(cluster_of_files(files("+03")), "shop/web", "svc/shop/hello", "80")


@pytest.mark.parametrize("name", ["helm", "tab"])
def test_what_is_no_manifest_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        cluster_of_files(files(name))


def test_managed_fields_and_timestamps_are_read() -> None:
    answer = ask(cluster_of_files(files("managed")), "192.0.2.1", "prod/c", "80")
    assert answer.verdict == "denied"


def test_labels_of_a_namespace_that_is_not_in_the_files(tmp_path: Path) -> None:
    text = files("13")[0].read_text().replace("replicas: 0", "replicas: 1")
    for operator, named in (("In", "tier is asked"), ("NotIn", "tier is asked")):
        path = tmp_path / "all.yaml"
        selector = f"{{matchExpressions: [{{key: tier, operator: {operator}, values: [front]}}]}}"
        path.write_text(text.replace("{matchLabels: {tier: front}}", selector))
        answer = ask(cluster_of_files([path]), "team/cli", "svc/prod/api", "80")
        assert answer.verdict == "unknown" and named in answer.unknown_because[0]


# --- what could not be listed

WORLD = DATA / "live" / "world.yaml"
REFUSED = "refused"


def blind(kind: str, *read: str) -> BlindSpots:
    return BlindSpots.of([BlindSpot(kind, REFUSED, frozenset(read))])


HIDDEN = {
    "pods": ("Pod",),
    "services": ("Service", "EndpointSlice"),
    "nodes": ("Node",),
    "networkpolicies": ("NetworkPolicy",),
    "namespaces": ("Namespace",),
}


def world(tmp_path: Path, kind: str, *read: str) -> list[Path]:
    """The manifests without what could not be listed."""
    kept = []
    for item in yaml.safe_load_all(WORLD.read_text()):
        own = item["metadata"].get("namespace") in read
        if own or item["kind"] not in HIDDEN[kind]:
            kept.append(item)
    path = tmp_path / "world.yaml"
    path.write_text(yaml.safe_dump_all(kept))
    return [path]


@pytest.mark.parametrize(
    ("kind", "read", "source", "destination"),
    [
        ("networkpolicies", ("shop",), "shop/web", "data/db"),
        ("networkpolicies", (), "shop/web", "data/db"),
        ("services", (), "shop/web", "10.96.0.9"),
        ("services", (), "shop/web", "svc/data/db"),
        ("nodes", (), "192.168.5.2", "data/db"),
        ("pods", ("shop",), "shop/web", "svc/data/db"),
        ("pods", ("shop",), "shop/web", "10.1.0.2"),
        ("pods", ("shop",), "shop/web", "data/db"),
    ],
)
def test_what_could_not_be_listed_is_named(
    tmp_path: Path, kind: str, read: tuple[str, ...], source: str, destination: str
) -> None:
    cluster = cluster_of_files(world(tmp_path, kind, *read), blind(kind, *read))
    answer = ask(cluster, source, destination, "5432")
    assert answer.verdict == "unknown", answer.path
    assert any(REFUSED in reason for reason in answer.unknown_because)


def test_what_was_read_all_the_same_decides(tmp_path: Path) -> None:
    cluster = cluster_of_files(
        world(tmp_path, "networkpolicies", "data"), blind("networkpolicies", "data", "shop")
    )
    answer = ask(cluster, "shop/web", "data/db", "5432")
    assert answer.verdict == "denied"
    assert all(isinstance(pod, PodRow) for pod in cluster.pods)
