"""`podwire report --private`: planted names, addresses and secrets are in no byte of its three
forms or its captures, and the masks are the same in all of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cli.main import main
from collectors import events as ev
from collectors.capture.readers import read_file
from collectors.privacy.known_names import KnownNames
from collectors.recording.session_log import SessionWriter
from diagnosis.rules import conntrack_full
from session.private_report import mask_key, rule_texts
from tests.support import wire
from tests.support.incident import BEGAN, full_table
from tests.support.secrets import planted

pytestmark = pytest.mark.slow

NAMESPACE, POD, NODE, SERVICE = "zebrashop", "quagga-7d9f8-x2k4f", "okapi-worker3", "tapirsvc"
CONTEXT, USER, AUTHOR, EXTERNAL = "giraffe-prod", "lemur@ibex.example", "narwhal", "pangolin.com"
NAMES = (
    "zebrashop",
    "quagga",
    "x2k4f",
    "okapi",
    "tapirsvc",
    "giraffe",
    "lemur",
    "ibex",
    "narwhal",
    "pangolin",
)
POD_IP, OTHER_IP, V6 = "10.244.91.7", "10.244.92.9", "fd12:3456:789a::77"
MAC = wire.SOURCE_MAC
HOST = f"{SERVICE}.{NAMESPACE}.svc.cluster.local"


def row() -> ev.PodRow:
    return ev.PodRow(
        NAMESPACE,
        POD,
        "0a1b2c3d-1111-2222-3333-444455556666",
        NODE,
        POD_IP,
        "Running",
        "1/1",
        restarts=0,
        created=0.0,
        ips=(POD_IP, V6),
        workload="Deployment/quagga",
    )


def packets() -> tuple[ev.Packet, ...]:
    texts = [text.encode() for text, _ in planted()]
    made = [
        wire.udp(POD_IP, OTHER_IP, (40_000, 53), wire.dns_query(HOST)),
        wire.udp(OTHER_IP, POD_IP, (53, 40_000), wire.dns_answer(HOST, OTHER_IP, EXTERNAL)),
        wire.tcp(POD_IP, OTHER_IP, (40_001, 443), wire.client_hello(f"api.{EXTERNAL}")),
        wire.tcp(V6, V6, (40_002, 80), b"GET / HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"),
        *(wire.tcp(POD_IP, OTHER_IP, (40_003, 80), text) for text in texts),
        *(
            wire.tcp(POD_IP, OTHER_IP, (40_004, 80), b"GET / HTTP/1.1\r\n" + text + b"\r\n\r\n")
            for text in texts
        ),
    ]
    return tuple(one._replace(ns=int((BEGAN + 2) * 1e9) + n) for n, one in enumerate(made))


def session(directory: Path, *texts: str) -> Path:
    """A recorded incident whose people and programs wrote everything that they should not."""
    directory.mkdir()
    key = f"pod/{NAMESPACE}/{POD}"
    service = ev.ServiceRow(NAMESPACE, SERVICE, (OTHER_IP,), ("80/TCP",), "ClusterIP")
    rows: list[ev.Event] = [
        ev.InventoryList(BEGAN, "", "pods", (row(),)),
        ev.InventoryList(BEGAN, "", "services", (service,)),
        ev.InventoryList(BEGAN, "", "nodes", (ev.NodeRow(NODE, "10.9.8.7", "", True, "", ""),)),
    ]
    said = [
        f"{AUTHOR} saw {POD} ({POD_IP}, [{V6}]:80) on {NODE} ask {HOST} and {EXTERNAL}",
        f"lladdr {MAC.hex(':')} of {NAMESPACE}/{SERVICE}",
        *texts,
        *(text for text, _ in planted()),
    ]
    people: list[ev.Event] = []
    for number, text in enumerate(said):
        at = BEGAN + 1 + number
        people.append(ev.Mark(at, key, AUTHOR, text))
        people.append(ev.Command(at, key, USER, "create pods", f"{NAMESPACE}/{POD}", text))
        people.append(ev.TargetState(at, key, "gap", text))
        people.append(ev.TargetState(at, key, "live"))
    finding = ev.Finding(
        rule="refused",
        severity="critical",
        subject=ev.Subject(kind="service", namespace=NAMESPACE, name=SERVICE, port=80),
        title=f"{POD_IP} refuses what {POD} sends to {SERVICE}",
        evidence=(ev.Evidence(said[0], f"ss in {POD}", BEGAN + 3, NODE),),
        fix=f"kubectl -n {NAMESPACE} delete pod {POD}",
        fix_kind="shell",
        consequences=(f"{NAMESPACE}/{POD}: resets",),
    )
    wire_events: list[ev.Event] = [
        ev.CaptureState(BEGAN + 2, key, 3, "running", "", received=99, kept=str(directory)),
        ev.PacketBatch(BEGAN + 2, key, 3, 1, packets()),
        ev.FindingEvent(BEGAN + 3, key, "appeared", finding, BEGAN + 3),
        ev.InventoryChange(BEGAN + 20, "", "MODIFIED", replace(row(), restarts=1)),
    ]
    start = ev.SessionStart(BEGAN, "", CONTEXT, USER, NAMESPACE, "v1.36", "10.9.8.6:6443")
    events = [start, *rows, *full_table()[1:], *people, *wire_events]
    writer = SessionWriter(directory)
    writer.write(sorted(events, key=lambda event: event.at))
    writer.close()
    return directory


def made(recorded: Path, form: str, output: Path) -> bytes:
    command = ["report", str(recorded), "-o", form, "--output", str(output), "--private"]
    assert main(command) == 0
    return output.read_bytes()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The three forms and the captures, by the name of their file."""
    place = tmp_path_factory.mktemp("private")
    recorded = session(place / "session")
    found = {form: made(recorded, form, place / f"report.{form}") for form in FORMS}
    captures = (place / "report.json.captures").iterdir()
    return found | {path.name: path.read_bytes() for path in captures} | {"place": bytes(place)}


FORMS = ("markdown", "html", "json")
FILES = (*FORMS, "capture-1.pcap")


@pytest.mark.parametrize("name", FILES)
def test_no_name_is_in_any_byte(reports: dict[str, bytes], name: str) -> None:
    text = reports[name].lower()
    assert not [one for one in NAMES if one.encode() in text]
    assert not [part for one in NAMES for part in (one.encode("utf-16-le"),) if part in text]


@pytest.mark.parametrize("name", FILES)
def test_no_address_is_in_any_byte(reports: dict[str, bytes], name: str) -> None:
    text = reports[name]
    plain = [POD_IP, OTHER_IP, V6, MAC.hex(":"), "10.9.8.7", "10.9.8.6", "0a1b2c3d"]
    assert not [one for one in plain if one.encode() in text]
    packed = [ip_address(one).packed for one in (POD_IP, OTHER_IP, V6)]
    assert not [one for one in (*packed, MAC) if one in text]


@pytest.mark.parametrize("name", FILES)
def test_no_secret_is_in_any_byte(reports: dict[str, bytes], name: str) -> None:
    assert len(planted()) >= 30
    assert not [secret for _, secret in planted() if secret.encode() in reports[name]]


def test_masks_are_the_same_in_all_of_them(reports: dict[str, bytes]) -> None:
    body = json.loads(reports["json"])
    assert body["private"] is True and body["findings"][0]["rule"] == "refused"
    subject = body["findings"][0]["subject"]
    service, namespace = subject["name"], subject["namespace"]
    (target,) = (one for one in body["targets"] if one.startswith("pod/"))
    assert target.split("/")[1] == namespace and len(target.split("/")[2]) == len(POD)
    address = body["findings"][0]["title"].split()[0]
    for name in FORMS:
        text = reports[name].decode()
        for mask in (service, namespace, target.split("/")[2], address):
            assert mask in text, (mask, name)
    host = f"{service}.{namespace}.svc.cluster.local"
    assert host in reports["json"].decode()
    assert wire.dns_name(host) in reports["capture-1.pcap"]
    assert ip_address(address).packed in reports["capture-1.pcap"]


def test_the_captures_are_named_with_their_digest(reports: dict[str, bytes]) -> None:
    import hashlib

    (capture,) = json.loads(reports["json"])["captures"]
    assert capture["file"] == "capture-1.pcap" and capture["packets"] == len(packets())
    assert capture["sha256"] == hashlib.sha256(reports["capture-1.pcap"]).hexdigest()


def test_a_capture_keeps_its_packets_and_times(tmp_path: Path) -> None:
    recorded = session(tmp_path / "session")
    made(recorded, "json", tmp_path / "r")
    (path,) = (tmp_path / "r.captures").iterdir()
    found = [packet for _, some in read_file(path) for packet in some]
    assert [(one.ns, one.length) for one in found] == [(one.ns, one.length) for one in packets()]


def test_without_a_file_the_captures_are_named_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(session(tmp_path / "s")), "--private"]) == 0
    text = capsys.readouterr().out
    assert "not handed on" in text and "are masked" in text
    assert f"| {len(packets())} |" in text
    assert not [one for one in NAMES if one in text]


def test_addresses_of_rows_and_packets_are_known() -> None:
    """So that no mask of one is another one."""
    known = KnownNames()
    known.add_event(ev.InventoryList(BEGAN, "", "pods", (row(),)))
    known.add_event(ev.PacketBatch(BEGAN, "pod/x/y", 1, 1, packets()))
    wanted = {ip_address(text).packed for text in (POD_IP, OTHER_IP, V6)}
    assert wanted <= set(known.addresses)


def test_whose_console_recorded_is_no_word_of_it(tmp_path: Path) -> None:
    """Its owner is in what it wrote, the home in where it kept packets; a host that a URL has once
    is known in every text, and so is a pod's suffix."""
    (directory := tmp_path / "s").mkdir()
    manifest = "metadata:\n  annotations:\n    podwire/owner: oncall@bastion\n"
    said = "bastion and Oncall, okapi2: http://okapi2/x, narval (http://narval.billing.svc), 757tg"
    writer = SessionWriter(directory)
    writer.write(
        [
            ev.InventoryList(BEGAN, "", "pods", (replace(row(), name="web-58cc45b5bc-757tg"),)),
            ev.Command(BEGAN, "", "me", "create pods", "a/b", "created", manifest),
            ev.CaptureState(BEGAN, "pod/a/b", 3, "ended", "", kept="/home/lodger/x"),
            ev.Mark(BEGAN + 1, "", "me", said),
            ev.Mark(BEGAN + 2, "", "me", "lodger looked at BILLING"),
        ]
    )
    writer.close()
    text = made(directory, "markdown", tmp_path / "r").decode().lower()
    plain = ("bastion", "oncall", "lodger", "okapi2", "narval", "billing", "757tg")
    assert not [one for one in plain if one in text]


def test_the_key_stays_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = mask_key(path)
    assert len(key) == 32 and mask_key(path) == key and path.stat().st_mode & 0o77 == 0


words = st.from_regex(r"[a-z][a-z0-9]{5,12}(-[a-z0-9]{4,9}){0,2}", fullmatch=True)
private = st.ip_addresses(v=4, network="10.32.0.0/11")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(words, min_size=3, max_size=3, unique=True), st.lists(private, min_size=1, max_size=3)
)
def test_whatever_somebody_is_called(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], addresses: list[object]
) -> None:
    namespace, pod, user = names
    place = tmp_path_factory.mktemp("drawn")
    (directory := place / "s").mkdir()
    text = f"{pod}.{namespace} {user}: {', '.join(map(str, addresses))}"
    pods = tuple(
        replace(row(), namespace=namespace, name=f"{pod}-{n}", workload="", ip=str(one), ips=())
        for n, one in enumerate(addresses)
    )
    writer = SessionWriter(directory)
    listed = ev.InventoryList(BEGAN, "", "pods", (*pods, replace(pods[0], name=pod)))
    key = f"pod/{namespace}/{pod}"
    writer.write([listed, ev.Mark(BEGAN + 1, key, user, text), ev.TargetState(BEGAN, key, "live")])
    writer.close()
    for form in FORMS:
        report = made(directory, form, place / form).decode()
        whole = rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, names))})(?![a-z0-9])"
        assert not re.findall(whole, report)
        assert not [one for one in map(str, addresses) if re.search(rf"{one}(?!\d)", report)]


@pytest.mark.parametrize("form", FORMS)
def test_the_author_of_a_mark_is_masked_whoever_it_is(form: str, tmp_path: Path) -> None:
    """`root` is what every machine has, and a word of many sentences: it stays in these."""
    (directory := tmp_path / "s").mkdir()
    writer = SessionWriter(directory)
    writer.write([ev.Mark(BEGAN, "", "root", "looked"), ev.Mark(BEGAN + 1, "", "root", "the root")])
    writer.close()
    text = made(directory, form, tmp_path / "r").decode()
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    assert len(re.findall(r"\broot\b", text)) == text.count("the root") > 0


OWN_MARK = "table is idle: The conntrack table is full, says conntrack on podwire-node-0a1b2c3d"


def test_own_sentences_stay_where_a_pod_is_called_as_a_word_of_them(tmp_path: Path) -> None:
    """A pod that is called `table`, or `idle`: rules say what they always say, and it is masked
    where a sentence may mean it."""
    (directory := tmp_path / "s").mkdir()
    pods = tuple(
        replace(row(), namespace="conntrack", name=name, workload="")
        for name in ("table", "idle", "podwire-node-0a1b2c3d")
    )
    writer = SessionWriter(directory)
    listed = ev.InventoryList(BEGAN, "", "pods", pods)
    mark = ev.Mark(BEGAN + 1, "pod/conntrack/table", AUTHOR, OWN_MARK)
    writer.write(sorted([*full_table(), listed, mark], key=lambda event: event.at))
    writer.close()
    command = ["report", str(directory), "-o", "json", "--private", "--rules", "today"]
    assert main([*command, "--output", str(tmp_path / "r")]) == 0
    body = json.loads((tmp_path / "r").read_text())
    (full,) = (one for one in body["findings"] if one["rule"] == "conntrack_full")
    assert full["threshold"] == conntrack_full.RULE.threshold_text
    assert "conntrack -C falls below" in full["verify"]
    assert "five for idle connections, as kube-proxy does" in full["fix"]
    (said,) = (one for one in body["timeline"] if one["kind"] == "mark")
    assert not {"table", "idle", "conntrack"} & {*re.findall(r"\w+", said["text"])}
    assert re.search(r"on podwire-node-\w{8}$", said["text"]) and "0a1b2c3d" not in said["text"]
    assert not {"table", "conntrack"} & {*said["where"].split("/"), said["author"]}


def test_a_threshold_that_somebody_set_is_no_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where: in a file of somebody's home."""
    assert conntrack_full.RULE.threshold_text in rule_texts()
    assert not [text for text in rule_texts() if "{" in text]
    rule_texts.cache_clear()
    monkeypatch.setattr(conntrack_full.WARNING, "source", "set in /home/lemur; by default 75")
    assert not [text for text in rule_texts() if "lemur" in text]
    rule_texts.cache_clear()
