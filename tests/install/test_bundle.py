"""A bundle's start and its lists, with a small package in podwire's place: no network."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import bundle

TAG = f"cp3{sys.version_info[1]}"
PACKAGE = b"""import sys
def main():
    print(__file__, sys.argv[1:])
    return 3
"""
SUFFIX = f"cpython-{TAG[2:]}-{platform.machine()}-linux-gnu.so"


def parts() -> bundle.Parts:
    made = bundle.Parts()
    made.add("podwire/__init__.py", PACKAGE, "")
    made.add(f"a/core.{SUFFIX}", b"own", TAG)
    made.add("a/core.cpython-399-x86_64-linux-gnu.so", b"of another Python", "cp399")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A bundle in a folder that cannot be written to (root can, whatever its mode)."""
    folder = tmp_path / "read only"
    folder.mkdir()
    path = folder / "podwire.pyz"
    path.write_bytes(bundle.bundle(platform.machine(), parts()))
    folder.chmod(0o555)
    return path


def started(file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-E", str(file), "check"],
        cwd=file.parent,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_unpacks_once_for_this_python_and_starts(file: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for _ in range(2):
        done = started(file, XDG_CACHE_HOME=str(cache))
        assert (done.returncode, done.stderr) == (3, "")
    (site,) = (cache / "podwire").iterdir()
    assert done.stdout == f"{site / 'podwire' / '__init__.py'} ['check']\n"
    assert (site / "a" / f"core.{SUFFIX}").read_bytes() == b"own"
    assert len(list((site / "a").iterdir())) == 1, "what is of another Python is left packed"
    assert (cache / "podwire").stat().st_mode & 0o077 == 0
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_many_starts_at_once_unpack_one(file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-E", str(file)]
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(5)]
    assert [(one.wait(60), one.stdout and one.stdout.close())[0] for one in running] == [3] * 5
    assert len(list((tmp_path / "podwire").iterdir())) == 1


def test_without_home_it_has_a_place(file: Path, tmp_path: Path) -> None:
    done = started(file, XDG_RUNTIME_DIR=str(tmp_path), HOME="/proc/nowhere")
    assert (done.returncode, done.stderr) == (3, "")
    assert str(tmp_path / f"podwire-bundle-{os.geteuid()}") in done.stdout


def test_a_folder_that_others_can_write_to_is_not_used(file: Path, tmp_path: Path) -> None:
    """Somebody may have put a podwire of their own there."""
    cache = tmp_path / "cache" / "podwire"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    done = started(file, XDG_CACHE_HOME=str(cache.parent), HOME=str(tmp_path / "home"))
    assert done.returncode == 3
    assert list(cache.iterdir()) == []
    assert str(tmp_path / "home" / ".cache") in done.stdout


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "podwire").symlink_to(tmp_path / "elsewhere")
    started(file, XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path / "home"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_another_machine_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "podwire.pyz"
    path.write_bytes(bundle.bundle("riscv64", parts()))
    done = started(path, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("podwire: this bundle is for CPython 3.11 to 3.14 on Linux")
    assert not (tmp_path / "podwire").exists()


def test_an_older_python_can_read_the_start() -> None:
    ast.parse(bundle.START.read_text(), feature_version=(3, 6))


def test_the_same_sources_make_the_same_file() -> None:
    assert bundle.bundle("x86_64", parts()) == bundle.bundle("x86_64", parts())


def test_a_module_that_differs_between_wheels_ends_it() -> None:
    made = parts()
    made.add("podwire/__init__.py", PACKAGE, "")
    with pytest.raises(SystemExit, match="is another in the wheels of two Pythons"):
        made.add("podwire/__init__.py", b"", "")


def test_all_that_is_needed_is_in_the_lock_with_hashes() -> None:
    names = bundle.needed()
    assert {"textual", "kubernetes", "aiohttp", "rich", "yarl"} <= names
    assert not {"pytest", "mypy", "cython"} & names
    text = bundle.locked(names)
    assert text.count("==") == len(names)
    assert all("--hash=sha256:" in entry for entry in text.split("==")[1:])


def test_the_sbom_names_each_wheel_once(tmp_path: Path) -> None:
    path = tmp_path / "a_b-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("a_b-1.0.dist-info/METADATA", "Name: A.b\nVersion: 1.0\nLicense: MIT\n")
    said = json.loads(bundle.sbom("podwire.pyz", "0.1.0", "a" * 64, [path, path]))
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    (component,) = said["components"]
    assert component["purl"] == "pkg:pypi/a-b@1.0?file_name=a_b-1.0-py3-none-any.whl"
    assert component["licenses"] == [{"license": {"id": "MIT"}}]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]


def wheel(path: Path, source: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("podwire/a.py", source)
    return path


def test_a_core_goes_in_where_it_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not where it is of other sources, of another machine, or for a newer system than the rest."""
    monkeypatch.setattr(bundle, "DIST", tmp_path)
    own = wheel(tmp_path / "podwire-0.1.0-py3-none-any.whl", b"a = 1")
    old = "manylinux1_x86_64.manylinux_2_5_x86_64"
    fits = wheel(tmp_path / f"podwire-0.1.0-cp311-cp311-{old}.whl", b"a = 1")
    wheel(tmp_path / "podwire-0.1.0-cp312-cp312-manylinux_2_17_x86_64.whl", b"a = 2")
    wheel(tmp_path / "podwire-0.1.0-cp313-cp313-manylinux_2_38_x86_64.whl", b"a = 1")
    wheel(tmp_path / "podwire-0.1.0-cp311-cp311-manylinux_2_17_aarch64.whl", b"a = 1")
    found = list(bundle.cores("x86_64", own))
    assert found == [fits]
    assert bundle.said_of(found) == "compiled core on 3.11; Python alone on 3.12, 3.13, 3.14"
    assert bundle.said_of([]) == "Python alone on 3.11, 3.12, 3.13, 3.14"
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1].split()[0] for line in said] == ["podwire-0.1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "left"]  # fmt: skip
