"""Whether compiled modules (setup.py) may be loaded: only those of just the sources beside them."""

from __future__ import annotations

import json
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from zlib import crc32

COMPILED = "compiled.json"  # the checksums of the sources, by module


def why_pure(folder: Path) -> str:
    """Why a folder's compiled modules are not used; '' where they are."""
    if os.environ.get("PODWIRE_PURE"):
        return "PODWIRE_PURE is set"
    try:
        checksums = json.loads((folder / COMPILED).read_bytes())
    except FileNotFoundError:
        return "it was installed without a compiled core"
    except (OSError, ValueError):
        return f"{COMPILED} cannot be read"
    if not all(_is_of(folder / module, checksum) for module, checksum in checksums.items()):
        return "its sources changed since"
    if not all(_is_here(folder / module) for module in checksums):
        return "its core was compiled for another Python"
    return ""


def _is_here(module: Path) -> bool:
    """Whether a module was compiled for this Python and this kind of machine."""
    return any(Path(f"{module}{suffix}").exists() for suffix in EXTENSION_SUFFIXES)


def _is_of(module: Path, checksum: int) -> bool:
    """Whether a module's source is the one that was compiled: where both are there, Cython's."""
    for suffix in (".pyx", ".py"):
        path = Path(f"{module}{suffix}")
        if path.exists():
            return crc32(path.read_bytes()) == checksum
    return False
