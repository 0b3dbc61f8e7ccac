"""What an object says of itself beside its fields: when it was written, whether two pods run the
same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from collectors.cluster.api.fields import list_at, mapping_at

Object = Mapping[str, Any]
TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"  # set by the controller
RUN = ("image", "command", "args")


def seconds(text: str) -> float:
    """A time of the API as seconds since the epoch; 0 where it is none."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, AttributeError):
        return 0.0


def changed(metadata: Object) -> float:
    """When somebody wrote an object last, seconds since the epoch; 0 where that is not known."""
    annotations = mapping_at(metadata, "annotations")
    times = [metadata.get("creationTimestamp"), annotations.get(TRIGGERED)]
    times += [entry.get("time") for entry in list_at(metadata, "managedFields")]
    return max(seconds(str(one or "")) for one in times)


def program(containers: Iterable[Object]) -> str:
    """A digest of what containers run: pods that nothing owns are compared by it."""
    parts = [[container.get(part) for part in RUN] for container in containers]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
