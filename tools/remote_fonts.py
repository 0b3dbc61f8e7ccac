"""Pictures without what they would load from elsewhere."""

from __future__ import annotations

import re

_REMOTE_FONT = re.compile(r',\s*url\("https?:[^"]*"\)(?: format\("[^"]*"\))?')


def without_remote_fonts(svg: str) -> str:
    """With the fonts that the reader has."""
    return _REMOTE_FONT.sub("", svg)
