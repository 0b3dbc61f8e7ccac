"""The help says what the keys do on the screen under it."""

from __future__ import annotations

from tui.offered_keys import Offered
from tui.screens.help import present

WITHOUT = Offered({"lab", "replay"})


def test_numbers_of_a_capture_file_open_its_lists() -> None:
    shown = present(("packets", "flows", "dns", "events"), WITHOUT)
    tabs = {one.key: one.label for one in shown if one.name.startswith("tab(")}
    assert tabs == {"1": "packets", "2": "flows", "3": "dns", "4": "events"}
    (events,) = (one for one in shown if one.key == "4")
    assert events.help.startswith("what happened here")


def test_of_a_target_all_and_only_where_they_do_something() -> None:
    shown = present((), WITHOUT)
    assert sum(one.name.startswith("tab(") for one in shown) == 8
    assert not {"lab", "replay"} & {one.where for one in shown}
    assert {"lab", "replay"} <= {one.where for one in present((), Offered())}
