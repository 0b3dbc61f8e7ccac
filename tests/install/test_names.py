"""The wheel has one name of its own, and runs beside packages that are called as podwire's are."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import podwire

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
STRANGER = "raise SystemExit('a package of somebody else was imported')\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the files that git knows: what was built beside them is none of a wheel's sources."""
    sources, made = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("made")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split("\n"):
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "-w", str(made), "."],
        cwd=sources, env={**os.environ, "PODWIRE_PURE": "1"}, check=True,
    )  # fmt: skip
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture
def site(wheel: Path, tmp_path: Path) -> Path:
    """A folder of packages with podwire, and others of all the names that its packages have."""
    folder = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(folder)
    for name in podwire.PACKAGES:
        (folder / name).mkdir()  # fails where podwire has written there
        (folder / name / "__init__.py").write_text(STRANGER)
    return folder


def run(site: Path, *arguments: str, also: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (also, str(site))))},
        capture_output=True,
        text=True,
        timeout=60,
    )


def top_level(wheel: Path) -> Iterator[str]:
    for name in zipfile.ZipFile(wheel).namelist():
        yield name.partition("/")[0]


def test_the_wheel_has_one_name(wheel: Path) -> None:
    assert {name for name in top_level(wheel) if not name.startswith("podwire-")} == {"podwire"}
    data = [name for name in zipfile.ZipFile(wheel).namelist() if ".data/" in name]
    assert [name.partition(".data/")[2] for name in data] == ["data/share/man/man1/podwire.1"]


def test_what_the_packages_read_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *podwire.PACKAGES],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert len(listed) > 600
    assert not [name for name in listed if f"podwire/{name}" not in inside]


def test_it_starts_beside_packages_of_the_same_names(site: Path) -> None:
    done = run(site, "-m", "podwire", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("podwire 0.")


def test_names_of_others_in_the_working_directory_and_the_path_do_not_matter(site: Path) -> None:
    elsewhere = site.parent / "elsewhere"
    for folder in (site.parent, elsewhere):
        (folder / "session").mkdir(parents=True)
        (folder / "session" / "__init__.py").write_text(STRANGER)
    done = run(site, "-m", "podwire", "sessions", "--help", also=str(elsewhere))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_rule_of_another_package_imports_the_names_of_the_repository(site: Path) -> None:
    done = run(site, "-c", "import podwire, collectors.findings as f; print(f.__file__)")
    assert done.stdout.strip() == str(site / "podwire" / "collectors" / "findings.py")


def test_what_was_imported_before_is_named_and_nothing_starts(site: Path) -> None:
    (site / "session" / "__init__.py").write_text("")
    done = run(site, "-c", "import session, podwire; raise SystemExit(podwire.main())")
    assert done.returncode == 2 and done.stdout == ""
    assert str(site / "session" / "__init__.py") in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
