"""Names in DNS: of pods by their address, of endpoints by their host name."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.end_names import EndFinder, EndRow
from diagnosis.reachability.written_ends import Unknown
from tests.support.reachability import ask, cluster_of_files, cluster_of_text

OBJECTS = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}, {ip: "fd00::5"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: data, uid: u0, labels: {app: db}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s, controller: true}]}
spec: {nodeName: n2, hostname: db-0, subdomain: db, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.2.6, podIPs: [{ip: 10.244.2.6}], containerStatuses: [{name: c, ready: true, restartCount: 0, image: i, imageID: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, namespace: data, uid: u1, labels: {app: db}}
spec: {nodeName: n2, hostname: db-1, subdomain: db, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.2.7, podIPs: [{ip: 10.244.2.7}], containerStatuses: [{name: c, ready: false, restartCount: 0, image: i, imageID: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: data, labels: {app: db}}
spec: {nodeName: n2, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.2.8, podIPs: [{ip: 10.244.2.8}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: mq, namespace: data}
spec: {serviceName: mq, replicas: 2, ordinals: {start: 3}, selector: {matchLabels: {app: mq}}, template: {metadata: {labels: {app: mq}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: mq, namespace: data}
spec: {clusterIP: None, selector: {app: mq}, ports: [{port: 5672}]}
"""
SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-x, namespace: data, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{port: 5432, name: "", protocol: TCP}]
endpoints: [{addresses: [10.244.2.6], hostname: db-0, conditions: {ready: true}, targetRef: {kind: Pod, name: db-0, namespace: data}}, {addresses: [10.244.2.7], hostname: db-1, conditions: {ready: false}, targetRef: {kind: Pod, name: db-1, namespace: data}}, {addresses: [10.244.2.8], targetRef: {kind: Pod, name: plain, namespace: data}}]
"""
DENIED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: data}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


def named(row: EndRow) -> str:
    return f"{row.namespace}/{row.name}" if isinstance(row, PodRow | ServiceRow) else str(row)


@pytest.fixture(params=["pods", "slices"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> ClusterState:
    more = [SLICE] if request.param == "slices" else []
    return cluster_of_text(tmp_path, OBJECTS, DENIED, *more)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10-244-2-6.data.pod.cluster.local", "data/db-0"),
        ("10-244-2-6.data.pod", "data/db-0"),
        ("fd00--5.shop.pod.cluster.local", "shop/web"),
        ("10-9-9-9.data.pod.cluster.local", "10.9.9.9"),
        ("db-0.db.data.svc.cluster.local", "data/db-0"),
        ("db-0.db.data.svc.cluster.local.", "data/db-0"),
        ("DB-0.db.data.svc.example.org", "data/db-0"),
        ("db-0.db.data.svc", "data/db-0"),
        ("db-0.db.data", "data/db-0"),
        ("10-244-2-8.db.data.svc.cluster.local", "data/plain"),
        ("mq-3.mq.data.svc.cluster.local", "data/mq-3"),
        ("db.data", "data/db"),
        ("www.example.com", "www.example.com"),
        ("a.b.c", "a.b.c"),
    ],
)
def test_what_a_name_stands_for(cluster: ClusterState, text: str, found: str) -> None:
    end = EndFinder(cluster, "shop").find(text)
    assert (named(end.row), end.missing, bool(end.dns_name)) == (found, "", True)


def test_a_name_of_two_labels_is_first_of_the_own_namespace(cluster: ClusterState) -> None:
    assert named(EndFinder(cluster, "data").find("db-0.db").row) == "data/db-0"
    assert named(EndFinder(cluster, "shop").find("db-0.db").row) == "db-0.db"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("db-1.db.data.svc.cluster.local", "db-1 is not ready"),
        ("plain.db.data.svc.cluster.local", "DNS has no such name"),
    ],
)
def test_a_name_that_has_no_answer(cluster: ClusterState, text: str, said: str) -> None:
    answer = ask(cluster, "shop/web", text, "5432")
    assert answer.verdict == "denied" and said in answer.path[0].reason


@pytest.mark.parametrize(
    "text", ["mq-5.mq.data.svc.cluster.local", "mq-0.mq.data.svc", "1-2-3.data.pod.cluster.local"]
)
def test_a_name_of_nothing_is_refused(cluster: ClusterState, text: str) -> None:
    with pytest.raises(Unknown):
        EndFinder(cluster, "shop").find(text)


@pytest.mark.parametrize("text", ["10-244-2-6.data.pod.cluster.local", "db-0.db.data.svc"])
def test_policies_decide_by_name_as_by_address(cluster: ClusterState, text: str) -> None:
    answer = ask(cluster, "shop/web", text, "5432")
    assert answer.decided_by is not None and answer.decided_by.policy == "data/none"


def test_a_pod_of_a_stateful_set_goes_by_its_ordinal(cluster: ClusterState) -> None:
    assert named(EndFinder(cluster, "data").find("pod/mq-4").row) == "data/mq-4"


def test_a_name_that_could_not_be_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text("\n---\n".join(OBJECTS.split("\n---\n")[4:5]))
    blind = BlindSpots((BlindSpot("pods", "refused"),))
    end = EndFinder(cluster_of_files([path], blind), "shop").find("db-0.db.data.svc")
    assert "refused" in end.unseen


# --- what has no pods

WORKLOADS = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: shop}
spec: {schedule: "* * * * *", CRON jobTemplate: {spec: {template: {metadata: {labels: {app: nightly}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec: {JOB template: {metadata: {labels: {app: once}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}
STATUS
---
apiVersion: v1
kind: Service
metadata: {name: once, namespace: shop}
spec: {clusterIP: 10.96.0.7, selector: {app: once}, ports: [{port: 80}]}
"""


@pytest.mark.parametrize(
    ("fields", "source", "destination", "said"),
    [
        ({"CRON": "suspend: true,"}, "cj/nightly", "shop/web", "it is suspended"),
        ({"CRON": "suspend: true,"}, "shop/web", "cj/nightly", "it is suspended"),
        ({"JOB": "suspend: true,"}, "job/once", "shop/web", "it is suspended"),
        ({"JOB": "suspend: true,"}, "shop/web", "svc/once", "it is suspended"),
        ({"JOB": "parallelism: 0,"}, "job/once", "shop/web", "parallelism: 0"),
        (
            {"STATUS": "status: {conditions: [{type: Complete, status: 'True'}]}"},
            "job/once",
            "shop/web",
            "it has ended: Complete",
        ),
    ],
)
def test_a_workload_without_pods(
    tmp_path: Path, fields: dict[str, str], source: str, destination: str, said: str
) -> None:
    text = WORKLOADS
    for mark in ("CRON", "JOB", "STATUS"):
        text = text.replace(f"{mark} ", fields.get(mark, "") + " ")
        text = text.replace(f"\n{mark}\n", f"\n{fields.get(mark, '')}\n")
    answer = ask(cluster_of_text(tmp_path, OBJECTS, text), source, destination, "80", "shop")
    assert answer.verdict == "denied" and said in answer.path[-1].reason


def test_a_job_that_runs_may_connect(tmp_path: Path) -> None:
    text = WORKLOADS.replace("CRON ", "").replace("JOB ", "").replace("STATUS\n", "")
    known = cluster_of_text(tmp_path, OBJECTS, text)
    assert ask(known, "cj/nightly", "shop/web", "80", "shop").allowed
    assert ask(known, "job/once", "svc/once", "80", "shop").allowed
