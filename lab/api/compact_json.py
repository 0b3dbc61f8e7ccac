"""JSON as the API sends it: without spaces."""

from __future__ import annotations

import json
from typing import Any


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
