"""Names of pods, short and still distinct."""

from __future__ import annotations

import re

_REPLICA = re.compile(r"^(.+)-[a-z0-9]{6,10}-([a-z0-9]{5})$")


def shortened(name: str) -> str:
    """A ReplicaSet's pod visibly without the template's hash.

    `backend-7f9dcd85f9-bgfnb` is `backend…bgfnb`.
    """
    return _REPLICA.sub(r"\1…\2", name)
