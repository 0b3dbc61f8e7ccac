"""Builds the compiled core where Cython and a C compiler are there.

Without them podwire is installed as pure Python, which does the same, slower: `podwire --version`
says which it is. One source: the modules that CORE names are compiled as they are, with the types
that the .pxd file beside each gives; the .pyx files, which write and read memory, stand beside
Python that does the same.

A wheel has all packages inside of one, `podwire`, so that no other distribution's files are
overwritten (podwire/__init__.py); a working copy that is installed editable keeps their names.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path
from zlib import crc32

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

NAME = "podwire"
PACKAGES = ("cli", "collectors", "diagnosis", "lab", "session", "themes", "tui")
EDITABLE = "editable_wheel" in sys.argv
CAPTURE, DUMPS = Path("collectors/capture"), Path("collectors/dumps")
COMPILED = "compiled.txt"  # read by collectors/compiled.py
CORE = (  # modules of CAPTURE
    "header_row",
    "fast_headers",
    "dns_ports",
    "syn_options",
    "tracked_flow",
    "cooked_copies",
    "direction",
    "fast_flow_lines",
    "dns",
    "dns_names",
    "dns_transactions",
    "flow_events",
    "flow_expiry",
    "flow_objects",
    "flow_totals",
    "flows",
    "flows_by_ends",
    "flows_gone",
    "hop_counts",
    "header_rows",
    "jsonl",
    "kept_flows",
    "pcap",
    "read_rows",
    "records",
    "tcp",
    "tcp_sequence",
    "udp",
)
MODULES = (*(CAPTURE / name for name in CORE), DUMPS / "fast_dumps")
INCLUDES = ("include", "platinclude")
FLAGS = "-O2 -g0 -fstack-protector-strong -D_FORTIFY_SOURCE=2"


def source(module: Path) -> Path:
    """The file that a module is made from."""
    pyx = module.with_suffix(".pyx")
    return pyx if pyx.exists() else module.with_suffix(".py")


class BuildCore(build_ext):
    """Writes beside the modules what they were made from: podwire does not load them for others."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = os.cpu_count()  # modules at a time

    def build_extension(self, ext: Extension) -> None:
        """Where there is no compiler, podwire is installed all the same."""
        try:
            super().build_extension(ext)
        except (BaseError, CCompilerError, OSError) as error:
            self.warn(f"{ext.name} could not be compiled: {error}")

    def run(self) -> None:
        super().run()
        if not self.extensions:  # without Cython, or where Python alone was asked for
            return
        built = [self.get_ext_fullpath(extension.name) for extension in self.extensions]
        if not all(Path(path).exists() for path in built):
            self.warn("the core could not be compiled: podwire runs as pure Python")
            return
        checksums: dict[Path, dict[str, int]] = {}
        for extension, path in zip(self.extensions, built, strict=True):
            module = Path(*extension.name.split("."))
            made_from = checksums.setdefault(Path(path).with_name(COMPILED), {})
            made_from[module.name] = crc32(source(module).read_bytes())
        for path, made_from in checksums.items():
            path.write_text("".join(f"{name} {checksum}\n" for name, checksum in made_from.items()))


def can_compile() -> bool:
    """Whether there is a C compiler with Python's headers. Without them Cython's part, most of a
    minute, would be for nothing."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(shlex.split(compiler)[0]) is None:
        return False
    if "_PYTHON_HOST_PLATFORM" in os.environ:  # for another machine, with headers of its own
        return True
    places = (sysconfig.get_config_var("INCLUDEPY"), *map(sysconfig.get_path, INCLUDES))
    return any(Path(place, "Python.h").is_file() for place in places if place)


def extensions() -> list[Extension]:
    if os.environ.get("PODWIRE_PURE"):
        return []
    if not can_compile():
        sys.stderr.write("podwire: no C compiler or no Python.h: it runs as pure Python\n")
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    types = sorted(map(str, CAPTURE.glob("*.pxd")))
    made = [
        Extension(
            ".".join(module.parts),
            [str(source(module))],
            depends=types,  # a class that grows is another for all that extend it
            extra_compile_args=os.environ.get("PODWIRE_CORE_FLAGS", FLAGS).split(),
            optional=True,
        )
        for module in MODULES
    ]
    return cythonize(  # type: ignore[no-any-return]
        made,
        build_dir="build/core",
        compiler_directives={"language_level": 3, "annotation_typing": False},
    )


def packages() -> dict[str, str]:
    """The folder of each package, by the name it is installed by."""
    names = find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")])
    folders = {name: name.replace(".", "/") for name in names}
    if not EDITABLE:
        folders = {f"{NAME}.{name}": folder for name, folder in folders.items()}
    return {NAME: NAME, **folders}


setup(
    packages=list(packages()),
    package_dir=packages(),
    data_files=[("share/man/man1", ["man/podwire.1"])],
    ext_modules=extensions(),
    ext_package=None if EDITABLE else NAME,  # Cython knows them by the names they are imported by
    cmdclass={"build_ext": BuildCore},
)
