"""Each fault is real, goes away, and breaks nothing else: seen by plain clients in the namespaces (lab/probe.py)."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.faults import HEALTH_CHECKS, HERE, Fault, FaultFileError, Probe, all_faults, load
from lab.faults.__main__ import page
from lab.supervisor import Lab, LabUnavailable
from tests.support.counter_rows import unknown_names
from tests.support.lab_client import Client, client_of

FAULTS = all_faults()
SEEN_S, GONE_S = 25.0, 30.0
LANES = 3
HEAVY = ("conntrack-full", "node-throttled", "softirq-load", "insert-race")


@pytest.fixture
async def client(own_lab: Lab) -> AsyncIterator[Client]:
    async with client_of(own_lab) as made:
        yield made


async def until(client: Client, at: str, run: tuple[str, ...], pattern: str, seconds: float) -> str:
    """Ask a plain client again and again until it says what is expected."""
    deadline = time.monotonic() + seconds
    while not re.search(pattern, said := await client.probe(at, *run)):
        if time.monotonic() > deadline:
            pytest.fail(f"{' '.join(run)} at {at} says {said!r}, not {pattern!r}")
        await asyncio.sleep(0.2)
    return said


@asynccontextmanager
async def trying(client: Client, probe: Probe) -> AsyncIterator[None]:
    """A plain client that goes on meanwhile: the lab's own may be held up elsewhere, in DNS for one."""

    async def again() -> None:
        while True:
            await client.probe(probe.at, *probe.run)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def health_checks(client: Client, without: tuple[str, ...], seconds: float) -> None:
    for name, (at, run) in HEALTH_CHECKS.items():
        if name not in without:
            await until(client, at, run, rf"^ok {run[-1]}/{run[-1]}$", seconds)


def test_every_fault_file_is_complete() -> None:
    for name, fault in FAULTS.items():
        assert fault.name == name
        for text in (fault.what, fault.expect, fault.find):
            assert text.endswith(".") and len(text) < 200, f"{name}: {text}"
        assert fault.on and fault.probes
        assert set(fault.breaks) <= set(HEALTH_CHECKS)


@pytest.mark.parametrize("name", FAULTS)
def test_the_counters_that_move_are_the_kernels(name: str) -> None:
    moved = [counter for counters in FAULTS[name].moves.values() for counter in counters]
    wrong = [f"lab/faults/{name}.toml: {text}" for text in unknown_names(moved)]
    assert not wrong, "\n".join(wrong)


def test_a_counter_that_is_misspelt_is_said_in_a_sentence() -> None:
    assert list(unknown_names(["TcpExtTCPSynRetran", "conntrack_clashres", "TcpOutRsts"])) == [
        "'TcpExtTCPSynRetran' is not a counter of the kernel. Is 'TcpExtTCPSynRetrans' meant?"
    ]


@pytest.mark.parametrize(
    ("right", "mistake", "sentence"),
    [
        ("rules = [", "rule = [", "'rules' is missing or empty."),
        ("rules = [", "rule = [", "the key 'rule' is not known. Is 'rules' meant?"),
        ('find = "', 'finds = "', "'find' is missing or empty."),
        ('name = "mtu', 'name = "mut', "the name 'mut-black-hole' is not the file's, 'mtu-black-"),
        ('"node port"]', '"nodeport"]', "breaks: 'nodeport' is not known. Is 'node port' meant?"),
        ("faulty = ", "fualty = ", "[[probe]]: the key 'fualty' is not known. Is 'faulty' meant?"),
        ("faulty = ", "fualty = ", "[[probe]]: 'faulty' is missing."),
        ("input = ", "imput = ", "[[on]]: the key 'imput' is not known. Is 'input' meant?"),
        ("[[off]]\nat", "[[off]]\nwiat", "[[off]]: the key 'wiat' is not known. Is 'wait' meant?"),
        ("[[off]]", "[[of]]", "the key 'of' is not known. Is 'off' meant?"),
    ],
)
def test_a_file_that_is_written_wrongly_is_said_in_a_sentence(
    tmp_path: Path, right: str, mistake: str, sentence: str
) -> None:
    text = (HERE / "mtu-black-hole.toml").read_text()
    assert right in text
    path = tmp_path / "mtu-black-hole.toml"
    path.write_text(text.replace(right, mistake))
    with pytest.raises(FaultFileError) as error:
        load(path)
    assert f"lab/faults/mtu-black-hole.toml: {sentence}" in str(error.value)


def test_the_reference_is_of_these_files() -> None:
    written = Path(__file__).parent.parent.parent / "docs" / "faults.md"
    assert written.read_text() == page(), "run: python -m lab.faults > docs/faults.md"


async def prove(client: Client, fault: Fault) -> None:
    """That a fault is real, that it goes away, and that nothing else breaks."""
    await health_checks(client, (), GONE_S)
    for probe in fault.probes:
        if probe.healthy:
            await until(client, probe.at, probe.run, probe.healthy, GONE_S)
    await client.fault(fault.name, True)
    try:
        for probe in fault.probes:
            await until(client, probe.at, probe.run, probe.faulty, SEEN_S)
        for at, counters in fault.moves.items():
            for counter in counters:
                async with trying(client, fault.probes[0]):
                    await until(client, at, ("counters", "3", counter), "=[1-9]", SEEN_S)
        await health_checks(client, fault.breaks, 5.0)
    finally:
        await client.fault(fault.name, False)
    for probe in fault.probes:
        if probe.healthy:
            await until(client, probe.at, probe.run, probe.healthy, GONE_S)
    await health_checks(client, (), GONE_S)


class Lane(threading.Thread):
    """A lab of its own in which faults are proved one after another: most of the time is waiting, so lanes overlap."""

    def __init__(self, work: queue.SimpleQueue[Fault], verdicts: dict[str, Future[None]]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.verdicts = verdicts

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        with Lab() as lab:
            async with client_of(lab) as client:
                with contextlib.suppress(queue.Empty):
                    while True:
                        fault = self.work.get_nowait()
                        await self._prove(client, fault)

    async def _prove(self, client: Client, fault: Fault) -> None:
        verdict = self.verdicts[fault.name]
        try:
            await prove(client, fault)
        except BaseException as error:  # pytest's own failures, too
            verdict.set_exception(error)
        else:
            verdict.set_result(None)


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[None]]]:
    """What became of each fault that this run is asked for. Those that burn the CPU come last, and alone."""
    try:
        Lab().start().stop()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    wanted = {
        i.callspec.params["fault"].name
        for i in request.session.items
        if hasattr(i, "callspec") and "fault" in i.callspec.params
    }
    made: dict[str, Future[None]] = {name: Future() for name in FAULTS if name in wanted}

    def prove_all() -> None:
        for names, count in (
            ([n for n in made if n not in HEAVY], LANES),
            ([n for n in made if n in HEAVY], 1),
        ):
            work: queue.SimpleQueue[Fault] = queue.SimpleQueue()
            for name in names:
                work.put(FAULTS[name])
            lanes = [Lane(work, made) for _ in range(count if names else 0)]
            for lane in lanes:
                lane.start()
            for lane in lanes:
                lane.join()

    conductor = threading.Thread(target=prove_all, daemon=True)
    conductor.start()
    yield made
    conductor.join()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_real_and_goes(verdicts: dict[str, Future[None]], fault: Fault) -> None:
    verdicts[fault.name].result(400)


async def test_two_at_once_and_back_in_any_order(client: Client) -> None:
    policy = ("shop/frontend@node1", ("tcp", "{shop/backend@node2}", "8080", "2"))
    names = ("shop/checkout", ("dns", "catalog.shop.svc.cluster.local", "2"))
    for name in ("policy-drops", "dns-servfail"):
        await client.fault(name, True)
    await until(client, *policy, "timeout 2/2", SEEN_S)
    await until(client, *names, "no-answer 2/2", SEEN_S)
    await client.fault("policy-drops", False)
    await until(client, *policy, "ok 2/2", GONE_S)
    await until(client, *names, "no-answer 2/2", SEEN_S)
    rows = {r["name"]: r["on"] for r in (await client.get("/lab/faults"))["faults"]}
    assert [name for name, on in rows.items() if on] == ["dns-servfail"]
    await client.fault("dns-servfail", False)
    await health_checks(client, (), GONE_S)


async def test_a_worker_in_a_crash_loop_says_why(client: Client) -> None:
    await client.fault("crash-loop", True)
    pods: list[dict] = []  # type: ignore[type-arg]
    for _ in range(100):
        pods = (await client.get("/api/v1/namespaces/shop/pods?labelSelector=app%3Dledger-worker"))[
            "items"
        ]
        if pods and "CrashLoopBackOff" in str(pods[0]["status"]):
            break
        await asyncio.sleep(0.1)
    (entry,) = pods[0]["status"]["containerStatuses"]
    assert entry["state"]["waiting"]["reason"] == "CrashLoopBackOff" and entry["restartCount"] >= 1
    path = f"/api/v1/namespaces/shop/pods/{pods[0]['metadata']['name']}/log?previous=true"
    assert "fatal: cannot resolve ledger-db" in (await client.get(path))["text"]
    await client.fault("crash-loop", False)


async def test_an_unknown_fault_is_refused_with_the_known_ones(client: Client) -> None:
    status, body = await client.call("POST", "/lab/faults", {"name": "nope", "on": True})
    assert status == 400 and body["message"].startswith(
        "there is no fault named nope; known: bandwidth-limit, bridge-overlap, "
    )
