"""Whether compiled modules (setup.py) may be loaded: only those of just the sources beside them.

This is a part of every start: one list of the folder, plain files, no parser."""

from __future__ import annotations

import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from zlib import crc32

COMPILED = "compiled.txt"  # a line a module: its name and the checksum of its source


def why_pure(folder: Path) -> str:
    """Why a folder's compiled modules are not used; '' where they are."""
    if os.environ.get("PODWIRE_PURE"):
        return "PODWIRE_PURE is set"
    try:
        checksums = _checksums(folder / COMPILED)
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries}
    except FileNotFoundError:
        return "it was installed without a compiled core"
    except (OSError, ValueError):
        return f"{COMPILED} cannot be read"
    for module, checksum in checksums.items():
        if _checksum_now(folder, module, names) != checksum:
            return "its sources changed since"
    if not all(_is_here(module, names) for module in checksums):
        return "its core was compiled for another Python"
    return ""


def _checksums(path: Path) -> dict[str, int]:
    lines = [line.split() for line in path.read_text().splitlines()]
    return {module: int(checksum) for module, checksum in lines}


def _is_here(module: str, names: set[str]) -> bool:
    """Whether a module was compiled for this Python and this kind of machine."""
    return any(f"{module}{suffix}" in names for suffix in EXTENSION_SUFFIXES)


def _checksum_now(folder: Path, module: str, names: set[str]) -> int | None:
    """The checksum of a module's source as it is now: where both are there, Cython's."""
    for name in (f"{module}.pyx", f"{module}.py"):
        if name in names:
            with (folder / name).open("rb", buffering=0) as file:
                return crc32(file.read())
    return None
