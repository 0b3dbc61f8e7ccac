"""One line over the cluster's lists: what was left behind, what is not followed, what is not
permitted."""

from __future__ import annotations

from session.store import Store
from tui.keymap import KEYS


def disconnected(store: Store) -> str:
    """Why the lists are no longer live; '' while they are."""
    lists = store.targets.get("cluster")
    return lists.message if lists is not None and lists.phase == "gap" else ""


def not_followed(store: Store) -> str:
    """Which lists are not live though the others are."""
    lists = store.targets.get("cluster")
    return lists.message if lists is not None and lists.phase == "live" else ""


def notice(store: Store, live: bool = True) -> str:
    """'' where there is nothing to know. What is not `live` is not deleted from here."""
    return (
        _left_here(store, live) or not_followed(store) or _left_elsewhere(store) or _denied(store)
    )


def _left_here(store: Store, live: bool) -> str:
    here = [row for row in store.left if row.here]
    if not here:
        return ""
    more = f" and {len(here) - 1} more" if len(here) > 1 else ""
    first = f"{here[0].namespace}/{here[0].pod} on {here[0].node}"
    hint = KEYS.fill(": {cluster.clean} deletes it") if live else ""
    return f"An earlier podwire left {first}{more} behind{hint}"


def _left_elsewhere(store: Store) -> str:
    contexts = ", ".join(sorted({row.context for row in store.left}))
    return (
        f"An earlier podwire left something in {contexts}: run `podwire clean`" if contexts else ""
    )


def _denied(store: Store) -> str:
    denied = ", ".join(row.use for row in store.access.refused) if store.access else ""
    hint = KEYS.fill("{cluster.access} shows the Role that is missing")
    return f"Not permitted: {denied}. {hint}" if denied else ""
