"""Link-layer addresses as a capture has them on the wire: asked for, and said to be somebody's."""

from __future__ import annotations

from collectors.frozen import frozen


@frozen
class WireNeighbour:
    """Of the last 15 s of a capture: `address` was `asked` for so many times over `seconds`, the
    last time by `asked_by`; whether anybody said since the first time to have it. `macs` are those
    that said so, and `changes` how often another one did than before."""

    address: str
    asked: int = 0
    asked_by: str = ""
    seconds: float = 0.0
    is_answered: bool = False
    macs: tuple[str, ...] = ()
    changes: int = 0
