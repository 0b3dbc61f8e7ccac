"""The note of a mark: how much room is left, and that nothing of it vanishes unseen."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.events import Key, Paste
from textual.widgets import Input, Static

from session.share.person import NOTE_KEPT
from tui.pasted_text import safe_paste
from tui.screens.mark_note import MarkNote


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("x" * 10, "290 of 300 characters left"),
        ("x" * 1_000, "no room for more: a note has 300 characters at most, the rest is cut"),
    ],
    ids=["some", "too many"],
)
async def test_how_much_room_is_left_is_said(typed: str, said: str) -> None:
    app = App[None]()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(MarkNote())
        await pilot.pause(0.2)
        assert str(app.screen.query_one("#room", Static).content) == "300 of 300 characters left"
        box = app.screen.query_one(Input)
        box.post_message(safe_paste(Paste(typed), box))
        await pilot.pause(0.2)
        assert str(app.screen.query_one("#room", Static).content) == said
        assert len(app.screen.query_one(Input).value) == min(len(typed), NOTE_KEPT)


async def test_invisible_characters_that_are_typed_are_seen() -> None:
    app, notes = App[None](), list[str | None]()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(MarkNote(), notes.append)
        await pilot.pause(0.2)
        for key, typed in (
            ("a", "a"),
            ("zero_width_joiner", "\u200d"),
            ("e", "é"),
            ("x", "\u202e"),
        ):
            app.screen.query_one(Input).post_message(Key(key, typed))
            await pilot.pause(0.1)
        await pilot.press("b", "enter")
        await pilot.pause(0.2)
    assert notes == ["a⟨200D⟩é⟨202E⟩b"]
