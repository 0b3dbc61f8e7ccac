"""Short messages: however many come, a few are shown, and the rest is counted."""

from __future__ import annotations

from textual.widgets._toast import Toast

from tui.toasts import MOST, Toasts


class CornerApp(Toasts):
    """Nothing else is on it."""


def shown(app: CornerApp) -> list[tuple[str, str]]:
    return [(one.title, one.message) for one in app._notifications]


async def test_of_many_the_newest_stay_and_what_is_serious() -> None:
    app = CornerApp()
    async with app.run_test(size=(60, 20), notifications=True) as pilot:
        for number in range(20):
            app.notify(f"message {number}", markup=False)
        app.notify("it failed", severity="error", markup=False)
        for number in range(20, 30):
            app.notify(f"message {number}", markup=False)
        await pilot.pause(0.2)
        assert len(app.screen.query(Toast)) == MOST
        (_, first), (_, second), (title, last) = shown(app)
        assert (first, second, last) == ("it failed", "message 28", "message 29")
        assert title == "28 earlier ones are no longer shown"


async def test_what_is_said_again_is_one_with_a_count() -> None:
    app = CornerApp()
    async with app.run_test(size=(60, 20), notifications=True) as pilot:
        for _ in range(5):
            app.notify("Nobody drives.", markup=False)
        app.notify("Nobody drives.", severity="error", markup=False)
        await pilot.pause(0.2)
        assert shown(app) == [("", "Nobody drives. (5 times)"), ("", "Nobody drives.")]
        assert len(app.screen.query(Toast)) == 2


async def test_what_is_over_counts_no_more() -> None:
    app = CornerApp()
    async with app.run_test(size=(60, 20), notifications=True) as pilot:
        for number in range(6):
            app.notify(f"message {number}", timeout=0.2, markup=False)
        await pilot.pause(0.5)
        app.notify("message 5", markup=False)
        assert shown(app) == [("", "message 5")]
