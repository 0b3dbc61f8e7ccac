"""Packets: pcap streams, their decoding, files.

The hot path may be compiled (setup.py). The compiled modules stand beside their sources, and are
loaded only where they were made from just these sources; otherwise, and with PODWIRE_PURE set, the
same code runs as Python.
"""

from __future__ import annotations

import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

from collectors.compiled import why_pure

_FOLDER = Path(__file__).parent
WHY_PURE = why_pure(_FOLDER)
if WHY_PURE:  # Python alone: extension modules of this folder are not looked for
    sys.path_importer_cache[str(_FOLDER)] = FileFinder(
        str(_FOLDER), (SourceFileLoader, SOURCE_SUFFIXES)
    )
