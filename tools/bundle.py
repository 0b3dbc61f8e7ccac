"""Makes podwire one file with all that it needs: python -m tools.bundle [x86-64] [arm64]

Into dist/: podwire-VERSION-linux-MACHINE.pyz for CPython 3.11 to 3.14, its SHA-256 and an SBOM
(CycloneDX 1.6, JSON). Dependencies are the wheels that requirements.lock names, by its hashes.
podwire's own code is pure Python, with the compiled core of those wheels that `make wheels` put
into dist/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.parser import HeaderParser
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.wheels import CannotBuildError, run

ROOT = Path(__file__).parent.parent
DIST, KEPT = ROOT / "dist", ROOT / "build" / "bundle"
START = Path(__file__).with_name("bundle_start.py")
MACHINES = {"x86-64": "x86_64", "arm64": "aarch64"}
MINORS = (11, 12, 13, 14)
GLIBC = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in range(5, 29)))
TAGGED = re.compile(r"\.cpython-(3\d+)-[a-z0-9_]+-linux-gnu\.so$")
# no program of podwire's uses it: a second form of the codec, for cffi and PyPy
LEFT_OUT = re.compile(r"^zstandard/_cffi\.")
HEAD = b"#!/usr/bin/env python3\n"
LICENSES = {"MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "MPL-2.0", "PSF-2.0"}


@dataclass(frozen=True, slots=True)
class Parts:
    """Files of a bundle by their place: those of every Python, and those of one by its tag."""

    common: dict[str, bytes] = field(default_factory=dict)
    by_python: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def add(self, name: str, data: bytes, python: str) -> None:
        """`python`: the tag of the wheel that it is of, '' for every one."""
        tagged = TAGGED.search(name)
        own = f"cp{tagged[1]}" if tagged else python
        if name.endswith(".so") and own:
            self.by_python.setdefault(own, {})[name] = data
        elif self.common.setdefault(name, data) != data and ".dist-info/" not in name:
            raise SystemExit(f"podwire: {name} is another in the wheels of two Pythons")


def needed() -> set[str]:
    """Names of what podwire needs at run time, with what that needs in turn."""
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)
    assert block is not None
    names: set[str] = set()
    waiting = [Requirement(found) for found in re.findall(r'"([^"]+)"', block[1])]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        extras = one.extras or {""}
        if name not in names:
            names.add(name)
            for more in map(Requirement, requires(name) or ()):
                if any(not more.marker or more.marker.evaluate({"extra": e}) for e in extras):
                    waiting.append(more)
    return names


def locked(names: set[str]) -> str:
    """The entries of requirements.lock of these names, with their hashes."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.finditer(r"^([\w.-]+)==[^\n]*\n(?: +[^\n]*\n)*", text, re.M)
    found = {str(canonicalize_name(entry[1])): str(entry[0]) for entry in entries}
    if missing := names - set(found):
        raise SystemExit(f"podwire: not in requirements.lock: {', '.join(sorted(missing))}")
    return "".join(found[name] for name in sorted(names))


def wheels(machine: str) -> dict[int, list[Path]]:
    """By the minor version of Python, on one kind of machine. Wheels that fit every Python are
    looked for once."""
    names = needed()
    first, *others = MINORS
    found = {first: downloaded(machine, first, names)}
    common = [path for path in found[first] if path.name.endswith("-none-any.whl")]
    own = names - {canonicalize_name(path.name.split("-")[0]) for path in common}
    for minor in others:
        found[minor] = [*common, *downloaded(machine, minor, own)]
    return found


def downloaded(machine: str, minor: int, names: set[str]) -> list[Path]:
    """From the registry, by the hashes of the lock; what was downloaded before is kept."""
    folder = KEPT / f"{machine}-cp3{minor}"
    folder.mkdir(parents=True, exist_ok=True)
    done, text = folder / "wanted.txt", locked(names)
    if not done.exists() or done.read_text() != text:
        for old in folder.glob("*.whl"):
            old.unlink()
        wanted = folder / "listed.txt"
        wanted.write_text(text)
        platforms = [part for name in GLIBC for part in ("--platform", f"{name}_{machine}")]
        run(
            *(sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:", "-d", folder),
            *("--implementation", "cp", "--python-version", f"3.{minor}"),
            *("--abi", f"cp3{minor}", "--abi", "abi3", "--abi", "none"),
            *(*platforms, "--platform", "any"),
            *("-r", wanted),
        )
        wanted.rename(done)
    return sorted(folder.glob("*.whl"))


def own_wheel(folder: Path) -> Path:
    """podwire as Python alone, of the files that git knows."""
    sources = folder / "sources"
    for name in run("git", "ls-files", "-z").split("\0"):
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check")
    run(*pip, "--no-deps", "--no-build-isolation", "-w", folder, ".",
        cwd=sources, env={"PODWIRE_PURE": "1", "SOURCE_DATE_EPOCH": str(epoch())})  # fmt: skip
    (found,) = folder.glob("podwire-*.whl")
    return found


def cores(machine: str, own: Path) -> Iterator[Path]:
    """podwire's wheels in dist/ that have the compiled core for such a machine, of these sources:
    where a source differs the core would not be loaded. One that needs a newer C library than the
    dependencies would be found by an older system, and not load there: it is left out."""
    with zipfile.ZipFile(own) as sources:
        wanted = {
            name: sources.read(name) for name in sources.namelist() if name.startswith("podwire/")
        }
    admitted = {f"{name}_{machine}" for name in GLIBC}
    for path in sorted(DIST.glob(f"podwire-*-cp3*{machine}.whl")):
        if not admitted & set(path.stem.split("-")[-1].split(".")):
            print(f"podwire: left out, for it needs a newer C library: {path.name}")  # noqa: T201
            continue
        with zipfile.ZipFile(path) as wheel:
            inside = set(wheel.namelist())
            if all(name in inside and wheel.read(name) == data for name, data in wanted.items()):
                yield path
            else:
                print(f"podwire: {path.name} is of other sources: run make wheels")  # noqa: T201


def contents(paths: Iterable[Path], python: str, parts: Parts) -> None:
    for path in paths:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                placed = re.sub(r"^[^/]+\.data/(?:purelib|platlib)/", "", name)
                if ".data/" not in placed and not name.endswith("/") and not LEFT_OUT.match(name):
                    of_all = path.name.endswith("-any.whl") or "-abi3-" in path.name
                    parts.add(placed, wheel.read(name), "" if of_all else python)


def epoch() -> int:
    """Seconds: of the last commit, so that the same sources make the same file."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct"))


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip whose octets depend on the files alone."""
    moment = max(time.gmtime(epoch())[:6], (1980, 1, 1, 0, 0, 0))
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", method, compresslevel=9) as made:
            for name in sorted(files):
                info = zipfile.ZipInfo(name, moment)
                info.external_attr, info.compress_type = 0o644 << 16, method
                made.writestr(info, files[name], compresslevel=9)
        file.seek(0)
        return file.read()


def bundle(machine: str, parts: Parts) -> bytes:
    """The one file: a start, and inner zips, of which a start reads two."""
    inner = {"common.zip": packed(parts.common)}
    inner |= {f"cp3{n}.zip": packed(parts.by_python.get(f"cp3{n}", {})) for n in MINORS}
    digest = hashlib.sha256(b"".join(inner[name] for name in sorted(inner))).hexdigest()
    start = START.read_text().replace("@digest@", digest).replace("@machine@", machine)
    start = start.replace("@pythons@", " ".join(map(str, MINORS)))
    return HEAD + packed({"__main__.py": start.encode(), **inner}, zipfile.ZIP_STORED)


def component(path: Path) -> dict[str, object]:
    """A wheel as CycloneDX has components."""
    with zipfile.ZipFile(path) as wheel:
        (name,) = (n for n in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        said = HeaderParser().parsestr(wheel.read(name).decode("utf-8", "replace"))
    purl = f"pkg:pypi/{canonicalize_name(said['Name'])}@{said['Version']}"
    license_name = said["License-Expression"] or said["License"] or ""
    found: dict[str, object] = {
        "type": "library",
        "bom-ref": f"{purl}?file_name={path.name}",
        "name": said["Name"],
        "version": said["Version"],
        "purl": f"{purl}?file_name={path.name}",
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
    }
    if said["License-Expression"]:
        found["licenses"] = [{"expression": said["License-Expression"]}]
    elif license_name and len(license_name) < 80:
        kind = "id" if license_name in LICENSES else "name"
        found["licenses"] = [{"license": {kind: license_name}}]
    return found


def sbom(name: str, version: str, digest: str, paths: Sequence[Path]) -> str:
    """What is in a bundle: each wheel, with its SHA-256."""
    files = {path.name: path for path in paths}  # each once
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch()))
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": "podwire",
                "version": version,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        },
        "components": [component(files[key]) for key in sorted(files)],
    }
    return json.dumps(document, indent=1) + "\n"


def said_of(cores_inside: Sequence[Path]) -> str:
    """On which Pythons it decodes packets by the compiled core, and on which not."""
    compiled = {path.name.split("-")[2] for path in cores_inside}
    by_kind: dict[bool, list[str]] = {True: [], False: []}
    for minor in MINORS:
        by_kind[f"cp3{minor}" in compiled].append(f"3.{minor}")
    found = (("compiled core", by_kind[True]), ("Python alone", by_kind[False]))
    return "; ".join(f"{kind} on {', '.join(pythons)}" for kind, pythons in found if pythons)


def make(machine: str) -> Path:
    """One bundle with its checksum and SBOM, in dist/."""
    parts = Parts()
    with tempfile.TemporaryDirectory() as work:
        own = own_wheel(Path(work))
        inside = [own, *cores(machine, own)]
        print(f"podwire for {machine}: {said_of(inside[1:])}")  # noqa: T201
        contents([own], "", parts)
        for core in inside[1:]:
            contents([core], core.name.split("-")[2], parts)
        for minor, found in wheels(machine).items():
            inside += found
            contents(found, f"cp3{minor}", parts)
        version = own.name.split("-")[1]
        made = bundle(machine, parts)
        digest = hashlib.sha256(made).hexdigest()
        path = DIST / f"podwire-{version}-linux-{machine}.pyz"
        path.write_bytes(made)
        path.chmod(0o755)
        path.with_suffix(".pyz.sha256").write_text(f"{digest}  {path.name}\n")
        path.with_suffix(".cdx.json").write_text(sbom(path.name, version, digest, inside))
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("machines", nargs="*", choices=[*MACHINES, []], help="without any, all")
    DIST.mkdir(exist_ok=True)
    for name in parser.parse_args().machines or MACHINES:
        try:
            path = make(MACHINES[name])
        except CannotBuildError as error:
            raise SystemExit(f"podwire: {error}") from None
        print(f"dist/{path.name}: {path.stat().st_size / 1e6:.0f} MB")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
