"""`podwire check --from`: today's rules on what was recorded, on its own clock."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cli.main import main
from collectors.capture.pcap import packed_header, packed_packets
from collectors.capture.readers import read_file
from collectors.events import Packet
from tests.support.incident import full_table, sample, written

pytestmark = pytest.mark.slow


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return written(tmp_path / "incident.jsonl", full_table())


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", "-o", "json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_what_appeared_is_printed_with_from_and_to(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, body = checked(capsys, "--from", str(recording))
    assert code == 1 and body["context"] == "prod"
    (finding,) = (one for one in body["findings"] if one["severity"] != "info")
    assert (finding["rule"], finding["where"]) == ("conntrack_full", "n1")
    assert finding["evidence"] and finding["fix"]
    began, ended = finding["from"], finding["to"]
    assert "2023-11-14T22:13:50Z" <= began <= "2023-11-14T22:13:54Z"
    assert "2023-11-14T22:14:30Z" <= ended <= "2023-11-14T22:14:42Z"


def test_gzipped_and_as_text_and_markdown(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "incident.jsonl.gz"
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    assert main(["check", "--from", str(packed)]) == 1
    text = capsys.readouterr().out
    assert "seen: 2023-11-14T22:13:5" in text and "conntrack table is 100 % full" in text
    assert main(["check", "-o", "markdown", "--from", str(packed), "--fail-on", "never"]) == 0
    assert "- seen: 2023-11-14T22:13:5" in capsys.readouterr().out


def test_a_quiet_recording_and_a_capture_give_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "quiet.jsonl", [sample(second, 100) for second in range(30)])
    code, body = checked(capsys, "--from", str(path))
    assert (code, body["findings"], body["summary"]) == (0, [], "nothing found")


def test_a_capture_beside_it_is_of_the_node_that_is_named(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = Path(__file__).parent.parent / "data" / "lab.pcap"
    code, body = checked(capsys, "--from", str(recording), "--from", f"node/n1={capture}")
    assert code == 1
    assert [finding["rule"] for finding in body["findings"]].count("conntrack_full") == 1


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, zstandard.compress])
def test_a_capture_may_be_compressed(
    compress: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = (Path(__file__).parent.parent / "data" / "lab.pcap").read_bytes()
    plain, packed = tmp_path / "lab.pcap", tmp_path / "lab.pcap.packed"
    plain.write_bytes(raw)
    packed.write_bytes(compress(raw))
    _, wanted = checked(capsys, "--from", f"node/n1={plain}")
    _, found = checked(capsys, "--from", f"node/n1={packed}")
    assert found == wanted and not [note for note in found["notes"] if "cannot" in note]


def test_what_cannot_be_read_is_said(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--from", str(tmp_path / "none")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    assert main(["check", "--from", f"node/n1={recording}"]) == 2
    assert "not a capture" in capsys.readouterr().err
    assert main(["check", "ns/shop", "--from", str(recording)]) == 2
    assert "name no target" in capsys.readouterr().err
    torn = tmp_path / "torn.pcap"
    torn.write_bytes((Path(__file__).parent.parent / "data" / "lab.pcap").read_bytes()[:30])
    code, _ = checked(capsys, "--from", str(recording), "--from", str(torn))
    assert code == 1


CLUSTER = Path(__file__).parent.parent / "data" / "cluster"
SERVICE = "svc/shop/backend:80"
# a recording: (rule, words of its title) with the node's capture, of the capture, of the pod alone
TRUE_CAUSES: dict[str, tuple[tuple[str, str] | None, ...]] = {
    "healthy-1": (None, None, None),
    "drop30-requests": (
        ("packet_loss", f"of what goes to {SERVICE}"),
        ("packet_loss", "of what goes to 10.96.149.93:80"),
        ("retransmits", "of data segments are retransmitted"),
    ),
    "drop-one-backend": (
        ("endpoint_failing", "node1 drops what goes to shop/backend-7f9dcd85f9-757tg"),
        ("endpoint_failing", "drops what goes to 10.244.1.4:8080, 1 of 2 endpoints"),
        ("service_failing", f"of first SYNs to {SERVICE} get no answer"),
    ),
    "backend-stopped": (
        ("endpoint_failing", "shop/backend-7f9dcd85f9-ld76r (10.244.1.3:8080), 1 of 2"),
        ("endpoint_failing", "it accepts connections and never answers a request"),
        ("service_failing", f"of requests to {SERVICE} are accepted and get no answer"),
    ),
    "kube-proxy-dead-stale-endpoint": (
        ("stale_rule", f"node1 translates {SERVICE} to 10.244.1.4:8080 (which no pod has)"),
        ("endpoint_failing", "10.244.1.4:8080, 1 of 2 endpoints"),
        ("service_failing", f"of first SYNs to {SERVICE} get no answer"),
    ),
    "conntrack-96": (
        ("conntrack_full", "new connections are dropped"),
        ("packet_loss", "drops 99 %"),
        ("conntrack_full", "new connections are dropped"),
    ),
    "policy-not-enforced": (
        ("policy_not_enforced", "shop/frontend → svc/shop/backend:80"),
        None,
        ("policy_not_enforced", "shop/frontend → svc/shop/backend:80"),
    ),
}


@pytest.mark.parametrize("name", TRUE_CAUSES)
def test_a_real_cluster_gives_the_true_cause_and_nothing_else(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the node's capture beside it, the capture alone, the pod and the counters alone."""
    recorded, capture = f"{CLUSTER / name}.jsonl.gz", f"{CLUSTER / name}.pcap.gz"
    given = [recorded, f"node/node1={capture}"], [capture], [recorded]
    for sources, cause in zip(given, TRUE_CAUSES[name], strict=True):
        options = [part for source in sources for part in ("--from", source)]
        code, body = checked(capsys, *options)
        found = [(finding["rule"], finding["title"]) for finding in body["findings"]]
        if cause is None:
            assert (code, found) == (0, [])
            continue
        ((rule, title),) = found
        assert (code, rule) == (1, cause[0]) and cause[1] in title


@pytest.mark.parametrize("name", TRUE_CAUSES)
def test_a_capture_without_its_place_is_put_where_it_was_made(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded, capture = f"{CLUSTER / name}.jsonl.gz", f"{CLUSTER / name}.pcap.gz"
    _, named = checked(capsys, "--from", recorded, "--from", f"node/node1={capture}")
    _, plain = checked(capsys, "--from", recorded, "--from", capture)
    assert plain["findings"] == named["findings"]
    assert f"{name}.pcap.gz: captured on node1, by the pods that it shows" in plain["notes"]


ASKED = "10.99.0.1:80"
BRIDGED = {
    "healthy": (),
    "drop20-answers": (
        ("packet_loss", f"drops 20 % (bound 17 to 23 %) of the answers of {ASKED}"),
    ),
    "large40": (("packet_loss", f"of the segments of 1,000 bytes and more from {ASKED}"),),
    "one-40": (("packet_loss", f"of what goes to {ASKED} at 10.250.1.10:8080"),),
    "egress-drop-one": (
        ("packet_loss", f"drops all of the answers of {ASKED} at 10.250.1.11:8080"),
    ),
    "reject-one": (("endpoint_failing", "10.250.1.11:8080, 1 of 2 endpoints of 10.99.0.1:80"),),
    "reset-one": (("endpoint_failing", "resets connections to 10.250.1.10:8080, 1 of 2"),),
    "reset-established": (("packet_loss", f"resets connections to {ASKED}: RSTs leave it"),),
}


@pytest.mark.parametrize("name", BRIDGED)
def test_a_node_with_a_bridge_whose_rules_drop_reject_or_reset(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """bridge-nf-call-iptables: legs of one connection are before and after the bridge."""
    _, body = checked(capsys, "--from", str(CLUSTER / f"bridge-{name}.pcap.gz"))
    found = [(finding["rule"], finding["title"]) for finding in body["findings"]]
    assert len(found) == len(BRIDGED[name])
    for (rule, title), (wanted, words) in zip(found, BRIDGED[name], strict=True):
        assert rule == wanted and words in title


SERVICE_IP, ENDPOINTS = "10.96.149.93", ("10.244.1.3", "10.244.1.4")
SYN, SYN_ACK, RST, FIN = 0x02, 0x12, 0x14, 0x01


def rewritten(path: Path, change: Callable[[str, int, bytearray], bytearray | None]) -> str:
    """The healthy node's capture with other packets of the frontend's connections; `change` has the
    source, the flags and the bytes of each, and gives None for one that was never sent."""
    packets = []
    for _, batch in read_file(CLUSTER / "healthy-1.pcap.gz"):
        for one in batch:
            source = str(ip_address(one.data[32:36]))
            ends = {source, str(ip_address(one.data[36:40]))}
            data: bytearray | None = bytearray(one.data)
            if one.data[29] == 6 and ends & {SERVICE_IP, *ENDPOINTS}:
                data = change(source, one.data[53], bytearray(one.data))
            if data is not None:
                packets.append(Packet(one.ns, bytes(data), one.length))
    path.write_bytes(packed_header(276) + packed_packets(packets))
    return str(path)


def refusing(source: str, flags: int, data: bytearray) -> bytearray | None:
    """Nothing listens at the endpoints: a wrong targetPort."""
    if flags == SYN_ACK:
        data[53] = RST
    return data if flags in (SYN, SYN_ACK) else None


def rejecting(source: str, flags: int, data: bytearray) -> bytearray | None:
    """A rule of the node answers SYNs with RSTs, and hands none on."""
    if flags == SYN_ACK and source == SERVICE_IP:
        data[53] = RST
        return data
    is_asked = flags == SYN and str(ip_address(bytes(data[36:40]))) == SERVICE_IP
    return data if is_asked else None


def silent(source: str, flags: int, data: bytearray) -> bytearray | None:
    """Every program behind it is stopped: its kernel acknowledges; clients wait."""
    by_server = source in (SERVICE_IP, *ENDPOINTS)
    is_data = int.from_bytes(data[22:24], "big") > 20 + 4 * (data[52] >> 4)
    return None if flags & FIN or (by_server and is_data) else data


Change = Callable[[str, int, bytearray], bytearray | None]
REWRITTEN: dict[Change, tuple[str, str]] = {
    refusing: ("refused", "are refused by 2 endpoints, 10.244.1.3:8080, 10.244.1.4:8080"),
    rejecting: ("refused", "refused by the captured node itself, with RSTs that no server sent"),
    silent: ("never_answered", "accepts connections and answers no request, at 10.244.1.3"),
}


@pytest.mark.parametrize("change", REWRITTEN)
def test_what_a_real_capture_says_with_a_fault_in_it(
    change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, body = checked(capsys, "--from", rewritten(tmp_path / "node.pcap", change))
    (finding,) = body["findings"]
    rule, words = REWRITTEN[change]
    assert finding["rule"] == rule and words in finding["title"]
    assert finding["where"] == f"{SERVICE_IP}:80"


def test_a_real_capture_written_as_it_is_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = rewritten(tmp_path / "node.pcap", lambda source, flags, data: data)
    assert checked(capsys, "--from", same)[1]["findings"] == []
