"""Packets: pcap streams, their decoding, files.

The hot path may be compiled (setup.py). The compiled modules stand beside their sources, and are
loaded only where they were made from just these sources; otherwise, and with PODWIRE_PURE set, the
same code runs as Python.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from zlib import crc32

_FOLDER = Path(__file__).parent
_COMPILED = "compiled.json"  # the checksums of the sources, by module


def _why_pure() -> str:
    """Why the compiled core is not used; '' where it is."""
    if os.environ.get("PODWIRE_PURE"):
        return "PODWIRE_PURE is set"
    try:
        checksums = json.loads((_FOLDER / _COMPILED).read_bytes())
    except FileNotFoundError:
        return "it was installed without a compiled core"
    except (OSError, ValueError):
        return f"{_COMPILED} cannot be read"
    if not all(map(_is_of, checksums, checksums.values())):
        return "its sources changed since"
    return "" if all(map(_is_here, checksums)) else "its core was compiled for another Python"


def _is_here(module: str) -> bool:
    """Whether a module was compiled for this Python and this kind of machine."""
    return any((_FOLDER / f"{module}{suffix}").exists() for suffix in EXTENSION_SUFFIXES)


def _is_of(module: str, checksum: int) -> bool:
    """Whether a module's source is the one that was compiled."""
    for suffix in (".py", ".pyx"):
        path = _FOLDER / f"{module}{suffix}"
        if path.exists():
            return crc32(path.read_bytes()) == checksum
    return False


WHY_PURE = _why_pure()
if WHY_PURE:  # Python alone: extension modules of this folder are not looked for
    sys.path_importer_cache[str(_FOLDER)] = FileFinder(
        str(_FOLDER), (SourceFileLoader, SOURCE_SUFFIXES)
    )
