"""Against the lab's API server: exec, attach, inventory, capture, refusals. Real commands in real namespaces."""

import asyncio
import json
import shutil
import time
from pathlib import Path

import aiohttp
import pytest
import yaml

from collectors import events as ev
from collectors.capture import capture as captures
from collectors.cluster.api import access_review
from collectors.cluster.api.connection import Cluster, connect
from collectors.cluster.api.exec_stream import ExecRunner, exit_code
from collectors.cluster.attach.attacher import Attacher
from collectors.cluster.inventory.address_book import AddressBook
from collectors.cluster.inventory.inventory import Inventory
from collectors.cluster.inventory.short_names import shortened
from collectors.command_runner import run
from collectors.errors import (
    CaptureError,
    ClusterError,
    ConfigError,
    ExecError,
    NotFound,
    TargetGone,
)
from collectors.kernel import sampler, sampler_program
from collectors.stream import Stream
from collectors.target import Target
from lab.supervisor import Lab


async def pods(cluster: Cluster, name: str) -> list[dict]:  # type: ignore[type-arg]
    found = await cluster.rest.get("/api/v1/namespaces/shop/pods")
    return [p for p in found["items"] if p["metadata"]["name"].startswith(name)]


async def runner(cluster: Cluster, name: str = "backend") -> ExecRunner:
    """Commands in a debug container: the pod's own is distroless."""
    pod = (await pods(cluster, name))[0]
    attachment = await Attacher(cluster, Stream()).attach_pod(target_of(pod), lambda _: None)
    return attachment.runner(cluster)


def target_of(pod: dict) -> Target:  # type: ignore[type-arg]
    meta = pod["metadata"]
    return Target("pod", meta["name"], meta["namespace"], pod["spec"]["nodeName"], meta["uid"])


# --- exec


async def test_exec_gives_both_streams_and_the_real_exit_code(cluster: Cluster) -> None:
    result = await run(
        await runner(cluster), ["sh", "-c", "printf 'a\\0b\\377'; echo oops >&2; exit 3"]
    )
    assert (result.code, result.out, result.err) == (3, b"a\0b\xff", "oops")


async def test_exec_of_a_missing_command_says_so(cluster: Cluster) -> None:
    running = await (await runner(cluster)).start(["no-such-command"])
    assert [piece async for piece in running.output() if piece.channel == 1] == []
    await running.close()
    assert running.exit_code is None
    assert "executable file not found" in running.message


async def test_exec_prefers_v5(cluster: Cluster) -> None:
    running = await (await runner(cluster)).start(["true"])
    assert running.protocol == "v5.channel.k8s.io"
    assert [piece async for piece in running.output()] == []
    await running.close()
    assert running.exit_code == 0


async def test_v4_and_an_unknown_subprotocol(cluster: Cluster) -> None:
    where = await runner(cluster)
    url = (
        cluster.rest.configuration.host
        + where._path
        + f"?command=sh&command=-c&command=exit+7&container={where.container}&stdout=true"
    )
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, protocols=("v4.channel.k8s.io",)) as socket:
            frames = [message.data async for message in socket]
            assert socket.protocol == "v4.channel.k8s.io"
            assert socket.close_code == 1000
        assert frames[0] == b"\x01"
        assert frames[-1][0] == 3
        status = json.loads(frames[-1][1:])
        assert exit_code(status) == 7
        assert status["message"].endswith("exit code 7")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=("v9.channel.k8s.io",))
        assert refused.value.status == 403


async def test_closing_while_the_peer_floods_lasts_under_a_second_and_ends_the_command(
    cluster: Cluster,
) -> None:
    where = await runner(cluster)
    running = await where.start(["sh", "-c", "exec yes podwire-flood"])
    async for _ in running.output():
        break
    began = time.monotonic()
    await running.close()
    assert time.monotonic() - began < 1.0
    async with asyncio.timeout(5):
        while (await run(where, ["sh", "-c", "pgrep -xf 'yes podwire-flood' || true"])).out:
            await asyncio.sleep(0.1)


async def test_exec_refusals_are_sentences(cluster: Cluster) -> None:
    pod = (await pods(cluster, "backend"))[0]["metadata"]["name"]
    with pytest.raises(ExecError, match="not found"):
        await ExecRunner(cluster, "shop", "nope", "app").start(["id"])
    with pytest.raises(ExecError, match="container nope is not valid"):
        await ExecRunner(cluster, "shop", pod, "nope").start(["id"])


async def test_a_long_running_command_is_bounded(cluster: Cluster) -> None:
    with pytest.raises(ExecError, match=r"did not end within 0\.5 s"):
        await run(await runner(cluster), ["sleep", "30"], timeout=0.5)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"status": "Success"}, 0),
        (
            {
                "status": "Failure",
                "details": {"causes": [{"reason": "ExitCode", "message": "137"}]},
            },
            137,
        ),
        (
            {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "x"}]}},
            None,
        ),
        ({"status": "Failure", "message": "Internal error"}, None),
        ({"status": "Failure", "details": None}, None),
        ({"details": {"causes": ["x", None]}}, None),
        ({}, None),
    ],
)
def test_every_status_frame_is_understood(status: dict, code: int | None) -> None:  # type: ignore[type-arg]
    assert exit_code(status) == code


# --- attach


async def test_attach_reuses_its_own_container_and_journals_the_write(cluster: Cluster) -> None:
    pod = (await pods(cluster, "search"))[0]
    session = Stream()
    said: list[str] = []
    log = session.subscribe()
    attacher = Attacher(cluster, session)
    first = await attacher.attach_pod(target_of(pod), said.append)
    again = await attacher.attach_pod(target_of(pod), said.append)
    assert (again.container, again.level) == (first.container, "reused")
    written = [e for e in log.pending() if isinstance(e, ev.Command)]
    assert [(e.verb, e.what) for e in written] == [
        ("patch pods/ephemeralcontainers", f"shop/{first.pod}/{first.container}")
    ]
    assert any("ContainerCreating" in text for text in said)
    caps = await run(first.runner(cluster), ["grep", "CapEff", "/proc/self/status"])
    assert int(caps.out.split()[1], 16) == 0x30C0  # NET_RAW, NET_ADMIN, SETUID, SETGID


async def test_a_replaced_pod_is_never_attached_to(cluster: Cluster) -> None:
    pod = (await pods(cluster, "search"))[0]
    meta = pod["metadata"]
    other = Target("pod", meta["name"], "shop", "node2", "another-uid")
    with pytest.raises(TargetGone, match="replaced"):
        await Attacher(cluster, Stream()).attach_pod(other, lambda _: None)


async def test_the_node_pod_is_small_sees_the_nodes_table_and_is_removed(cluster: Cluster) -> None:
    attacher = Attacher(cluster, Stream())
    attachment = await attacher.attach_node(Target("node", "node1", node="node1"), lambda _: None)
    path = f"/api/v1/namespaces/default/pods/{attachment.pod}"
    spec = (await cluster.rest.get(path))["spec"]
    assert spec["hostNetwork"] and "hostPID" not in spec and spec["activeDeadlineSeconds"] > 0
    assert "privileged" not in spec["containers"][0]["securityContext"]
    node = await run(
        attachment.runner(cluster), ["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]
    )
    pod = await run(await runner(cluster), ["cat", "/proc/sys/net/netfilter/nf_conntrack_count"])
    assert int(node.out) > 0
    assert int(pod.out) == 0
    assert await attacher.leave(attachment) == ""
    with pytest.raises(NotFound):
        await cluster.rest.get(path)


async def test_the_sampler_ends_by_itself(cluster: Cluster) -> None:
    argv = sampler_program.command(2)
    running = await (await runner(cluster)).start(argv)
    reader = sampler.FrameReader()
    frames = [f async for piece in running.output() for f in reader.feed(piece.data)]
    await running.close()
    assert (len(frames), running.exit_code) == (2, 0)
    found = sampler.sample(frames[0], "pod/x", 0.0)
    assert found.values["TcpRetransSegs"] >= 0
    assert found.netns.startswith("net:[")
    assert sampler.sockets(frames[0], "pod/x", 0.0) is not None


@pytest.mark.skipif(shutil.which("nstat") is None, reason="NEEDS nstat (iproute2)")
async def test_counters_agree_with_nstat_and_proc_under_load(cluster: Cluster) -> None:
    """Between two readings by nstat: every counter of a busy pod lies between them, and so does each plain file."""
    there = await runner(cluster, "frontend")

    async def nstat() -> dict[str, int]:
        done = await run(there, ["nstat", "-jaz"])
        return json.loads(done.out)["kernel"]  # type: ignore[no-any-return]

    before = await nstat()
    done = await run(there, sampler_program.command(1))
    after = await nstat()
    (frame,) = sampler.FrameReader().feed(done.out)
    ours = sampler.sample(frame, "x", 0.0).values
    compared = [name for name in before if name in ours]
    assert len(compared) > 250, "snmp, snmp6 and netstat"
    assert {
        "TcpActiveOpens",
        "TcpExtTCPOrigDataSent",
        "IpExtInOctets",
        "UdpInDatagrams",
        "Ip6InReceives",
    } <= set(compared)
    level = ("TcpCurrEstab",)
    wrong = [n for n in compared if n not in level and not before[n] <= ours[n] <= after[n]]
    assert not wrong, [(n, before[n], ours[n], after[n]) for n in wrong]
    assert after["TcpActiveOpens"] > before["TcpActiveOpens"], "under load"
    tracked = int((await run(there, ["cat", "/proc/sys/net/netfilter/nf_conntrack_max"])).out)
    assert ours["conntrack_max"] == tracked


# --- captures


async def test_a_wrong_filter_shows_tcpdumps_own_message(cluster: Cluster) -> None:
    where = await runner(cluster)
    with pytest.raises(CaptureError, match="syntax error"):
        await captures.check(where, "tcp and porto 80")
    with pytest.raises(CaptureError):
        await captures.check(where, "--version")
    with pytest.raises(CaptureError):
        captures.checked("tcp\nport 80")
    await captures.check(where, "tcp port 8080 and greater 100")


async def test_a_filter_is_an_argument_and_never_a_command(
    cluster: Cluster, tmp_path: Path
) -> None:
    where = await runner(cluster)
    for text in (
        f"tcp; touch {tmp_path}/pwned",
        f"$(touch {tmp_path}/pwned)",
        f"-w {tmp_path}/pwned",
        "-z id",
    ):
        with pytest.raises(CaptureError):
            await captures.check(where, text)
        session = Stream()
        await captures.Capture(1, Target("pod", "x"), where, session, text).run()
    assert list(tmp_path.iterdir()) == []


async def test_a_capture_streams_packets_and_ends_with_tcpdumps_counts(cluster: Cluster) -> None:
    session = Stream()
    stream = session.subscribe()
    capture = captures.Capture(
        7, Target("pod", "x", "shop"), await runner(cluster), session, "tcp port 8080"
    )
    task = asyncio.create_task(capture.run())
    async with asyncio.timeout(10):
        while not any(isinstance(e, ev.PacketBatch) for e in stream.pending()):
            await asyncio.sleep(0.05)
    await capture.stop()
    await asyncio.wait_for(task, 3)
    states = [e for e in stream.pending() if isinstance(e, ev.CaptureState)]
    assert states[0].phase == "running"
    assert (states[-1].phase, states[-1].message) == ("ended", "")
    assert (
        states[-1].received
        == sum(len(e.packets) for e in stream.pending() if isinstance(e, ev.PacketBatch))
        > 0
    )


# --- inventory


async def test_the_inventory_lists_and_follows(cluster: Cluster) -> None:
    session, book = Stream(), AddressBook()
    stream = session.subscribe()
    task = asyncio.create_task(Inventory(cluster, session).run())
    async with asyncio.timeout(5):
        while len({e.kind for e in stream.pending() if isinstance(e, ev.InventoryList)}) < 5:
            await asyncio.sleep(0.05)
    for event in stream.pending():
        book.apply(event)
    assert book.names["10.96.181.95"] == "svc/backend"
    assert book.names["10.0.77.11"] == "node/node1"
    attacher = Attacher(cluster, Stream())
    attachment = await attacher.attach_node(Target("node", "node2", node="node2"), lambda _: None)
    await attacher.leave(attachment)
    async with asyncio.timeout(5):
        while "DELETED" not in [
            e.verb for e in stream.pending() if isinstance(e, ev.InventoryChange)
        ]:
            await asyncio.sleep(0.05)
    task.cancel()
    verbs = [
        e.verb
        for e in stream.pending()
        if isinstance(e, ev.InventoryChange) and e.row.name == attachment.pod
    ]
    assert verbs[0] == "ADDED" and verbs[-1] == "DELETED"


def test_names_are_shortened_visibly() -> None:
    assert shortened("backend-7f9dcd85f9-bgfnb") == "backend…bgfnb"
    assert shortened("postgres-0") == "postgres-0"


# --- what is wrong on this side


async def test_bad_configuration_is_a_sentence(lab: Lab, tmp_path: Path) -> None:
    good = str(lab.kubeconfig)
    cases = [
        (
            (good, "nope", None),
            "There is no context 'nope' in the kubeconfig. Known: debugger, lab, viewer",
        ),
        ((good, None, "nope"), "There is no namespace 'nope'"),
        ((str(tmp_path / "none"), None, None), "There is no kubeconfig at"),
    ]
    broken = tmp_path / "broken"
    broken.write_text("clusters: [")
    cases.append(((str(broken), None, None), "is not YAML: line 2"))
    empty = tmp_path / "empty"
    empty.write_text("{}")
    cases.append(((str(empty), None, None), "names no current context"))
    for arguments, expected in cases:
        with pytest.raises(ConfigError) as caught:
            await connect(*arguments)
        assert expected in str(caught.value)


async def test_an_unreachable_server_and_a_wrong_token_are_sentences(
    lab: Lab, tmp_path: Path
) -> None:
    config = json.loads(lab.kubeconfig.read_text())
    base = config["clusters"][0]["cluster"]["server"].rpartition("/")[0]
    config["clusters"][0]["cluster"]["server"] = base
    config["users"][0]["user"]["token"] = "wrong"
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    with pytest.raises(ClusterError, match="does not accept your credentials"):
        await connect(str(path))
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    path.write_text(json.dumps(config))
    with pytest.raises(ClusterError, match="cannot be reached"):
        await connect(str(path))


async def test_lists_that_are_no_longer_followed_say_so_and_come_back(
    lab: Lab, tmp_path: Path
) -> None:
    """Through a relay that is cut and put up again."""
    port = int(lab.kubeconfig.read_text().split("127.0.0.1:")[1].split("/")[0])
    writers: set[asyncio.StreamWriter] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, there), copy(back, writer), return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()[1]
    path = tmp_path / "config"
    path.write_text(lab.kubeconfig.read_text().replace(f"127.0.0.1:{port}", f"127.0.0.1:{address}"))
    opened = await connect(str(path))
    session = Stream()
    stream = session.subscribe()
    task = asyncio.create_task(Inventory(opened, session).run())

    def phases() -> list[str]:
        return [e.phase for e in stream.pending() if isinstance(e, ev.TargetState)]

    async with asyncio.timeout(20):
        while phases() != ["live"]:
            await asyncio.sleep(0.05)
        server.close()
        for writer in list(writers):
            writer.transport.abort()
        while phases() != ["live", "gap"]:
            await asyncio.sleep(0.05)
        again = await asyncio.start_server(relay, "127.0.0.1", address)
        while phases() != ["live", "gap", "live"]:
            await asyncio.sleep(0.05)
    task.cancel()
    again.close()
    await opened.close()


def test_the_role_that_is_missing_is_one_for_each_namespace() -> None:
    rows = [
        ev.AccessRow("a", ("list", "watch"), "events", "", "shop", ("watch",)),
        ev.AccessRow("b", ("get",), "configmaps", "", "kube-system", ("get",)),
        ev.AccessRow("c", ("list",), "nodes", "", "", ("list",)),
        ev.AccessRow("d", ("list",), "pods", "", "shop", ()),
    ]
    given = list(yaml.safe_load_all(access_review.missing_role(rows, "jane")))
    roles = [
        (d["kind"], d["metadata"].get("namespace", ""), d["rules"]) for d in given if "rules" in d
    ]
    assert roles == [
        (
            "Role",
            "kube-system",
            [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
        ),
        ("Role", "shop", [{"apiGroups": [""], "resources": ["events"], "verbs": ["watch"]}]),
        ("ClusterRole", "", [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]),
    ]
    assert access_review.missing_role(rows[3:], "jane") == ""
