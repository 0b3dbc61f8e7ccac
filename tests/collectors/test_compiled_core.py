"""The compiled core of collectors/capture and the same code as Python give the same, byte for
byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collectors import capture
from tests.fuzz import targets

pytestmark = pytest.mark.slow

GENERATED = int(os.environ.get("PODWIRE_GENERATED_CAPTURES", "1500"))
ROOT = Path(__file__).parent.parent.parent
needs_core = pytest.mark.skipif(
    bool(capture.WHY_PURE), reason=f"no compiled core: {capture.WHY_PURE}"
)


def digesting(pure: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.capture_digest", str(GENERATED)],
        env={**os.environ, "PODWIRE_PURE": pure, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )


def digests() -> list[list[str]]:
    """Of the core and of Python, side by side."""
    both = digesting(""), digesting("1")
    found = [one.communicate()[0].splitlines() for one in both]
    assert [one.returncode for one in both] == [0, 0]
    return found


@needs_core
def test_compiled_and_python_agree_on_every_capture() -> None:
    compiled, pure = digests()
    assert len(compiled) == len(pure) > GENERATED
    assert [one for one, other in zip(compiled, pure, strict=True) if one != other] == []


def test_what_the_fuzzer_begins_with(tmp_path: Path) -> None:
    """Nothing but what is promised is raised, and its conversations are such."""
    targets.seeds(tmp_path)
    inputs = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert {data[0] for data in inputs} == set(range(len(targets.TARGETS)))
    for data in inputs:
        targets.one(data)


WHICH = "import collectors.capture as c, collectors.capture.tcp as t; print(c.WHY_PURE, t.__file__)"


def loaded(root: Path, pure: str = "") -> str:
    """Why Python alone is used in a tree, and the file that a module of the core is loaded from."""
    return subprocess.run(
        [sys.executable, "-c", WHICH],
        cwd=root,
        env={**os.environ, "PODWIRE_PURE": pure, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_python_alone_where_it_is_asked_for() -> None:
    said = loaded(ROOT, pure="1")
    assert said.startswith("PODWIRE_PURE is set") and said.endswith("tcp.py")


@needs_core
def test_a_core_of_other_sources_is_not_used(tmp_path: Path) -> None:
    """A module that was edited since it was compiled: none of them is loaded compiled."""
    shutil.copytree(ROOT / "collectors", tmp_path / "collectors")
    assert loaded(tmp_path).endswith(".so")
    with (tmp_path / "collectors" / "capture" / "udp.py").open("a") as file:
        file.write("# edited\n")
    said = loaded(tmp_path)
    assert said.startswith("its sources changed since") and said.endswith("tcp.py")


@needs_core
def test_a_core_for_another_python_is_not_called_one(tmp_path: Path) -> None:
    """Installed as Python alone from a folder where another Python was given a core."""
    shutil.copytree(ROOT / "collectors", tmp_path / "collectors")
    (core,) = (tmp_path / "collectors" / "capture").glob("udp.*.so")
    core.rename(core.with_name("udp.cpython-38-x86_64-linux-gnu.so"))
    said = loaded(tmp_path)
    assert said.startswith("its core was compiled for another Python") and said.endswith("tcp.py")
