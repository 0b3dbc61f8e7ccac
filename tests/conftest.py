"""Fixtures: one lab for the whole run, a recorded session, a calm environment."""

from __future__ import annotations

import gc
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["TZ"] = "UTC"
time.tzset()
os.environ.update(TEXTUAL_ANIMATIONS="none", COLORTERM="truecolor")
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="podwire-tests-state-")
for _name in ("NO_COLOR", "TMUX"):  # a key that copies would write into one's own tmux
    os.environ.pop(_name, None)

from cli.main import collect_garbage_rarely  # noqa: E402
from collectors.cluster.api.connection import Cluster, connect  # noqa: E402
from lab.supervisor import Lab, LabUnavailable  # noqa: E402
from tests.support import machine  # noqa: E402

DATA = Path(__file__).parent / "data"
# fixtures that start a lab; tests with one of them have the marker `lab`
LAB_FIXTURES = {"lab", "own_lab", "large_lab", "lab_is_possible", "verdicts", "world"}

# how long an example lasts is what a busy machine does, not podwire: what must be quick is measured
settings.register_profile("all", settings(), deadline=None)
settings.load_profile("all")
settings.register_profile("unit", max_examples=25)  # of tools/unit.sh; `make test` has all
collect_garbage_rarely()  # as podwire does: a fifth of the tests' time


def pytest_collection_finish() -> None:
    """What was collected stays, and is not looked through again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & LAB_FIXTURES:
            item.add_marker(pytest.mark.lab)
        if "snap_compare" in fixtures or is_coroutine_of(item, "tests/tui"):
            item.add_marker(pytest.mark.screen)


def is_coroutine_of(item: pytest.Item, folder: str) -> bool:
    inside = folder in item.path.as_posix()
    return inside and inspect.iscoroutinefunction(getattr(item, "obj", None))


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A running lab. Skips, and says why, where namespaces cannot be made."""
    running = Lab()
    try:
        running.start()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    """A lab for one file of tests: those that leave something behind, or would disturb the others."""
    running = Lab()
    try:
        running.start()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def lab_is_possible() -> None:
    """Skips, and says why, where namespaces cannot be made; for tests that start labs themselves."""
    try:
        Lab().start().stop()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")


@pytest.fixture
def own_machine(
    lab_is_possible: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A network namespace and a runtime directory that only this test uses: what changes there is
    the doing of what it starts (tests/support/machine.py)."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    with machine.own_network():
        yield


@pytest.fixture
async def cluster(lab: Lab) -> AsyncIterator[Cluster]:
    opened = await connect(str(lab.kubeconfig))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def recording() -> Path:
    """A real session of the lab, trimmed (see tests/data/README.md)."""
    return DATA / "session.jsonl"
